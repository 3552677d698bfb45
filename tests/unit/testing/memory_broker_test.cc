#include "engine/testing/memory_broker.h"

#include <gmock/gmock.h>

namespace millrace::testing::memory_broker_test {

using engine::MembershipEvent;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TopicPartition kOut{"out", 0};
const TopicPartition kIn{"in", 0};

class MemoryBrokerTest : public ::testing::Test {
 protected:
  MemoryBrokerTest() {
    broker_.create_topic("out", 1);
    broker_.create_topic("in", 4);
    clients_ = broker_.clients();
  }

  std::unique_ptr<engine::Producer> producer(const std::string& id) {
    auto made = clients_->producer(id);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  static void send(engine::Producer& producer, Bytes value) {
    const auto topic = producer.topic_handle("out");
    ASSERT_TRUE(producer.send({.topic = *topic, .key = Bytes("k"), .value = value, .headers = {}}));
  }
  std::vector<std::string> values() {
    std::vector<std::string> found;
    for (const StoredRecord& record : broker_.read_committed(kOut)) found.push_back(*record.value);
    return found;
  }

  MemoryBroker broker_;
  std::unique_ptr<engine::ClientFactory> clients_;
};

TEST_F(MemoryBrokerTest, ShowsATransactionOnlyAfterItsCommit) {
  auto one = producer("one");
  ASSERT_TRUE(one->init_transactions());
  ASSERT_TRUE(one->begin_transaction());
  send(*one, "a");
  EXPECT_THAT(values(), IsEmpty());
  ASSERT_TRUE(one->commit_transaction());
  EXPECT_THAT(values(), ElementsAre("a"));
}

TEST_F(MemoryBrokerTest, NeverShowsAnAbortedTransaction) {
  auto one = producer("one");
  ASSERT_TRUE(one->init_transactions());
  ASSERT_TRUE(one->begin_transaction());
  send(*one, "a");
  ASSERT_TRUE(one->abort_transaction());
  ASSERT_TRUE(one->begin_transaction());
  send(*one, "b");
  ASSERT_TRUE(one->commit_transaction());
  EXPECT_THAT(values(), ElementsAre("b"));
}

TEST_F(MemoryBrokerTest, FencesTheEarlierProducerOfATransactionalId) {
  auto old = producer("one");
  ASSERT_TRUE(old->init_transactions());
  ASSERT_TRUE(old->begin_transaction());
  send(*old, "lost");
  auto now = producer("one");
  ASSERT_TRUE(now->init_transactions());
  EXPECT_EQ(old->commit_transaction().code(), ErrorCode::kFenced);
  EXPECT_THAT(values(), IsEmpty());
}

TEST_F(MemoryBrokerTest, HeldMarkersHideWhatIsCommittedUntilReleased) {
  auto one = producer("one");
  ASSERT_TRUE(one->init_transactions());
  ASSERT_TRUE(one->begin_transaction());
  send(*one, "a");
  broker_.hold_markers(true);
  ASSERT_TRUE(one->commit_transaction());
  EXPECT_THAT(values(), IsEmpty());
  EXPECT_EQ(clients_->admin().value()->watermarks(kOut)->high, 1);
  broker_.hold_markers(false);
  EXPECT_THAT(values(), ElementsAre("a"));
}

TEST_F(MemoryBrokerTest, RefusesToFetchAPartitionTwiceOrToGiveUpWhatIsNotFetched) {
  const auto fetcher = clients_->fetcher("input", engine::RecordHeaders::kRead).value();
  const std::vector<engine::PartitionOffset> start{{kIn, 0}};
  const std::vector<TopicPartition> partition{kIn};
  EXPECT_EQ(fetcher->remove(partition).code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(fetcher->add(start));
  EXPECT_EQ(fetcher->add(start).code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(fetcher->remove(partition));
  EXPECT_TRUE(fetcher->add(start));
}

TEST_F(MemoryBrokerTest, RefusesOffsetsOfAnOlderGeneration) {
  auto first = clients_->join({"in"}, "spare", "one");
  const auto assigned = (*first)->poll();
  ASSERT_EQ(assigned->value().kind, MembershipEvent::Kind::kAssigned);
  EXPECT_EQ(assigned->value().partitions.size(), 4U);
  auto second = clients_->join({"in"}, "spare", "one");
  ASSERT_EQ((*first)->poll()->value().kind, MembershipEvent::Kind::kRevoked);
  EXPECT_FALSE((*second)->poll()->has_value());  // the barrier holds until everybody let go
  (*first)->acknowledge_revoked();
  EXPECT_EQ((*second)->poll()->value().partitions.size(), 2U);

  auto one = producer("one");
  ASSERT_TRUE(one->init_transactions());
  ASSERT_TRUE(one->begin_transaction());
  const std::vector<engine::PartitionOffset> offsets{{kIn, 1}};
  EXPECT_EQ(one->send_offsets(offsets, assigned->value().group).code(), ErrorCode::kAborted);
  EXPECT_EQ(one->commit_transaction().code(), ErrorCode::kAborted);
}

TEST_F(MemoryBrokerTest, ARequestMakesANewGeneration) {
  const auto admin = clients_->admin().value();
  const auto names = [&] {
    std::vector<std::string> found;
    const auto members = admin->group_members();
    for (const auto& member : *members) found.push_back(member.instance);
    return found;
  };
  const auto first = clients_->join({"in"}, "spare", "a").value();
  ASSERT_EQ(first->poll()->value().group.generation, 1);
  const auto second = clients_->join({"in"}, "spare", "b").value();
  ASSERT_EQ(first->poll()->value().kind, MembershipEvent::Kind::kRevoked);
  first->acknowledge_revoked();
  ASSERT_EQ(first->poll()->value().group.generation, 2);
  ASSERT_EQ(second->poll()->value().group.generation, 2);
  EXPECT_THAT(names(), ElementsAre("a", "b"));

  const std::vector<engine::Membership*> both{first.get(), second.get()};
  for (int32_t generation = 3; generation < 5; ++generation) {
    second->request_rebalance();
    second->request_rebalance();
    for (engine::Membership* member : both) {
      ASSERT_EQ(member->poll()->value().kind, MembershipEvent::Kind::kRevoked);
    }
    EXPECT_EQ(admin->group_members().code(), ErrorCode::kRetriable);
    for (engine::Membership* member : both) member->acknowledge_revoked();
    for (engine::Membership* member : both) {
      EXPECT_EQ(member->poll()->value().group.generation, generation);
      EXPECT_FALSE(member->poll()->has_value());
    }
  }
}

TEST_F(MemoryBrokerTest, CompactionKeepsTheNewestRecordOfAKeyAtItsOffset) {
  for (const char* value : {"1", "2", "3"}) {
    broker_.append(kOut, {.key = "k", .value = value, .headers = {}});
  }
  broker_.compact("out");
  const auto left = broker_.read_committed(kOut);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].offset, 2);
}

}  // namespace millrace::testing::memory_broker_test
