// Sessions, time-outs and compaction of the broker in memory.
#include <gmock/gmock.h>

#include "engine/testing/memory_broker.h"

namespace millrace::testing::memory_group_test {

using engine::Membership;
using engine::MembershipEvent;
using ::testing::SizeIs;
using Sessions = MemoryBroker::Sessions;

class MemoryGroupTest : public ::testing::Test {
 protected:
  MemoryGroupTest() { broker_.create_topic("in", 4); }

  std::unique_ptr<Membership> join(const std::string& instance) {
    return clients_->join({"in"}, "spare", instance).value();
  }
  /// The next event; revocations and losses are acknowledged.
  static std::optional<MembershipEvent> next(Membership& member) {
    const auto event = member.poll().value();
    if (event && event->kind != MembershipEvent::Kind::kAssigned) member.acknowledge_revoked();
    return event;
  }

  MemoryBroker broker_;
  std::unique_ptr<engine::ClientFactory> clients_ = broker_.clients();
};

TEST_F(MemoryGroupTest, ADynamicMemberThatIsGoneHoldsTheGroupUpUntilItsSessionEnds) {
  broker_.set_sessions(Sessions::kDynamic);
  auto one = join("one");
  const auto two = join("two");
  next(*one);  // is assigned everything
  next(*one);  // lets the second in
  ASSERT_THAT(next(*two)->partitions, SizeIs(2));
  one.reset();
  broker_.rebalance();
  ASSERT_EQ(next(*two)->kind, MembershipEvent::Kind::kRevoked);
  ASSERT_FALSE(next(*two).has_value());
  broker_.end_session("one", MemoryBroker::Whose::kGone);
  ASSERT_THAT(next(*two)->partitions, SizeIs(4));
}

TEST_F(MemoryGroupTest, AStaticMemberThatComesBackHasItsPlaceInTheSameGeneration) {
  broker_.set_sessions(Sessions::kStatic);
  auto one = join("one");
  const MembershipEvent before = *next(*one);
  one.reset();
  const auto again = join("one");
  const MembershipEvent after = *next(*again);
  EXPECT_EQ(after.kind, MembershipEvent::Kind::kAssigned);
  EXPECT_EQ(after.group.generation, before.group.generation);
  EXPECT_EQ(after.partitions, before.partitions);
}

TEST_F(MemoryGroupTest, WhoIsTakenForGoneLosesItsAssignmentAndJoinsAgain) {
  broker_.set_sessions(Sessions::kDynamic);
  const auto one = join("one");
  const MembershipEvent before = *next(*one);
  broker_.end_session("one");
  EXPECT_EQ(next(*one)->kind, MembershipEvent::Kind::kLost);
  const MembershipEvent after = *next(*one);
  EXPECT_EQ(after.kind, MembershipEvent::Kind::kAssigned);
  EXPECT_GT(after.group.generation, before.group.generation);
}

TEST_F(MemoryGroupTest, ATransactionThatTimedOutIsAbortedAndItsProducerFenced) {
  const auto producer = clients_->producer("tx").value();
  ASSERT_TRUE(producer->init_transactions());
  ASSERT_TRUE(producer->begin_transaction());
  const int32_t topic = producer->topic_handle("in").value();
  ASSERT_TRUE(producer->send({topic, 0, Bytes("k"), Bytes("v"), 1, {}}));
  EXPECT_EQ(broker_.last_stable_offset({"in", 0}), 0);
  EXPECT_THAT(broker_.open_transactions(), SizeIs(1));
  broker_.time_out_transaction("tx");
  EXPECT_EQ(broker_.last_stable_offset({"in", 0}), 2);
  EXPECT_TRUE(broker_.read_committed({"in", 0}).empty());
  EXPECT_EQ(producer->commit_transaction().code(), ErrorCode::kFenced);
}

TEST_F(MemoryGroupTest, ATombstoneOutlivesItsFirstCompactionByTheRetention) {
  broker_.create_topic("table", 1, {{"delete.retention.ms", "100"}});
  broker_.append({"table", 0}, {.key = "k", .value = "v", .headers = {}});
  broker_.append({"table", 0}, {.key = "k", .value = {}, .headers = {}});
  broker_.compact("table", 1'000);
  EXPECT_THAT(broker_.read_committed({"table", 0}), SizeIs(1)) << "the tombstone";
  broker_.compact("table", 1'100);
  EXPECT_THAT(broker_.read_committed({"table", 0}), SizeIs(1));
  broker_.compact("table", 1'101);
  EXPECT_TRUE(broker_.read_committed({"table", 0}).empty());
}

}  // namespace millrace::testing::memory_group_test
