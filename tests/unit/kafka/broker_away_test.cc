#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "engine/kafka/kafka_clients.h"

namespace millrace::engine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

constexpr int32_t kBroker = 1;

std::string shown(const Status& status) {
  if (status.ok()) return "ok";
  return std::string(to_string(status.code())) + ": " + status.message();
}

/// librdkafka's mock: one broker in this process.
class MockCluster {
 public:
  MockCluster() {
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
    cluster_ = rd_kafka_mock_cluster_new(client_, 1);
    rd_kafka_mock_topic_create(cluster_, "t", 1, 1);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }

  std::string bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void set_down() { rd_kafka_mock_broker_set_down(cluster_, kBroker); }
  void set_up() { rd_kafka_mock_broker_set_up(cluster_, kBroker); }

 private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

std::unique_ptr<ClientFactory> clients_at(const std::string& bootstrap) {
  KafkaOptions options;
  options.bootstrap_servers = bootstrap;
  options.application_id = "app";
  options.transaction_timeout_ms = 1'000;
  return make_kafka_clients(options).value();
}

Status send(Producer& producer, Bytes value) {
  const auto topic = producer.topic_handle("t");
  if (!topic.ok()) return topic.status();
  OutgoingRecord record;
  record.topic = topic.value();
  record.value = value;
  record.timestamp_ms = 1;
  return producer.send(record);
}

/// Polls partition 0 of "t" until `count` values are there or 20 s are over.
std::vector<std::string> take(Fetcher& fetcher, size_t count) {
  std::vector<std::string> values;
  const auto deadline = Clock::now() + seconds(20);
  while (values.size() < count && Clock::now() < deadline) {
    fetcher.wait(50);
    RecordBatch batch;
    EXPECT_TRUE(fetcher.poll({"t", 0}, count - values.size(), batch).ok());
    for (const FetchedRecord& record : batch.records()) {
      values.push_back(record.value.to_string());
    }
  }
  return values;
}

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
  const auto fetcher = factory->fetcher("test").value();
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
  auto fetcher = factory->fetcher("test").value();
  ASSERT_EQ(shown(fetcher->add(std::vector<PartitionOffset>{{{"t", 0}, 0}})), "ok");
  fetcher->set_catching_up(true);
  auto producer = factory->producer("tx").value();
  const auto start = Clock::now();
  membership->close();
  fetcher.reset();
  producer.reset();
  EXPECT_LT(Clock::now() - start, seconds(12));
}

}  // namespace
}  // namespace millrace::engine
