#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "mock_cluster.h"

namespace millrace::engine::broker_away_test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

TEST(BrokerAway, RecordsAreDeliveredWhenItIsBack) {
  MockCluster cluster;
  const auto producer = clients_at(cluster.bootstrap())->producer("").value();
  ASSERT_EQ(shown(send(*producer, "before")), "ok");
  ASSERT_EQ(shown(producer->flush()), "ok");
  cluster.set_down();
  ASSERT_EQ(shown(send(*producer, "meanwhile")), "ok");
  std::thread repair([&cluster] {
    std::this_thread::sleep_for(milliseconds(500));
    cluster.set_up();
  });
  EXPECT_EQ(shown(producer->flush()), "ok");
  repair.join();
  EXPECT_EQ(producer->delivered_end(0, 0), 2);
}

TEST(BrokerAway, FetchingGoesOnWhenItIsBack) {
  MockCluster cluster;
  const auto factory = clients_at(cluster.bootstrap());
  const auto producer = factory->producer("").value();
  const auto fetcher = factory->fetcher("test", RecordHeaders::kRead).value();
  ASSERT_EQ(shown(fetcher->add(std::vector<PartitionOffset>{{{"t", 0}, 0}})), "ok");
  ASSERT_EQ(shown(send(*producer, "a")), "ok");
  ASSERT_EQ(shown(producer->flush()), "ok");
  ASSERT_THAT(take(*fetcher, 1), ElementsAre("a"));
  cluster.set_down();
  fetcher->wait(300);
  cluster.set_up();
  ASSERT_EQ(shown(send(*producer, "b")), "ok");
  ASSERT_EQ(shown(producer->flush()), "ok");
  EXPECT_THAT(take(*fetcher, 1), ElementsAre("b"));
}

TEST(BrokerAway, ACommitWithoutAnAnswerIsOfUnknownOutcome) {
  MockCluster cluster;
  const auto producer = clients_at(cluster.bootstrap())->producer("tx").value();
  ASSERT_EQ(shown(producer->init_transactions()), "ok");
  ASSERT_EQ(shown(producer->begin_transaction()), "ok");
  ASSERT_EQ(shown(send(*producer, "a")), "ok");
  ASSERT_EQ(shown(producer->flush()), "ok");
  cluster.set_down();
  const Status status = producer->commit_transaction();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kTimedOut) << status.message();
}

TEST(BrokerAway, QuestionsAreRetriableAndTakeABoundedTime) {
  const auto factory = clients_at("127.0.0.1:1");
  const auto admin = factory->admin().value();
  const auto offsets = admin->committed(std::vector<TopicPartition>{{"t", 0}});
  ASSERT_FALSE(offsets.ok());
  EXPECT_EQ(offsets.code(), ErrorCode::kRetriable) << offsets.message();
  const auto producer = factory->producer("tx").value();
  const auto topic = producer->topic_handle("t");
  ASSERT_FALSE(topic.ok());
  EXPECT_EQ(topic.code(), ErrorCode::kRetriable) << topic.message();
  const Status status = producer->init_transactions();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kRetriable) << status.message();
}

TEST(BrokerAway, ClientsCloseInABoundedTime) {
  const auto factory = clients_at("127.0.0.1:1");
  const auto membership = factory->join({"t"}, "spare", "one").value();
  auto fetcher = factory->fetcher("test", RecordHeaders::kRead).value();
  ASSERT_EQ(shown(fetcher->add(std::vector<PartitionOffset>{{{"t", 0}, 0}})), "ok");
  fetcher->set_catching_up(true);
  auto producer = factory->producer("tx").value();
  const auto start = Clock::now();
  membership->close();
  fetcher.reset();
  producer.reset();
  EXPECT_LT(Clock::now() - start, seconds(12));
}

}  // namespace millrace::engine::broker_away_test
