#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::membership_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = MembershipEvent::Kind;
using std::chrono::milliseconds;

/// One member with the factory it came from.
class Member {
 public:
  Member(const KafkaOptions& options, const std::vector<std::string>& topics,
         const std::string& spare_topic = kSpareTopic, const std::string& instance = "one")
      : membership_(must(BrokerTest::clients(options)->join(
            topics, spare_topic, options.instance_id.empty() ? instance : options.instance_id))) {}

  Membership& operator*() { return *membership_; }
  Membership* operator->() { return membership_.get(); }

  std::optional<MembershipEvent> event(int64_t patience_ms) {
    std::optional<MembershipEvent> event;
    eventually(
        [&] {
          event = must(membership_->poll());
          return event.has_value();
        },
        BrokerTest::memory() != nullptr ? 0 : patience_ms);  // there nothing happens by itself
    return event;
  }

  /// The next event, which must be of this kind.
  MembershipEvent expect(Kind kind, int64_t patience_ms = 15'000) {
    std::optional<MembershipEvent> got = event(patience_ms);
    EXPECT_TRUE(got.has_value()) << "no event";
    if (!got) return {};
    EXPECT_EQ(static_cast<int>(got->kind), static_cast<int>(kind));
    return *std::move(got);
  }

  /// Status of the first poll that fails; ok after the patience.
  Status failure(int64_t patience_ms = 15'000) {
    Status failure;
    eventually(
        [&] {
          failure = membership_->poll().status();
          return !failure.ok();
        },
        patience_ms);
    return failure;
  }

 private:
  std::unique_ptr<Membership> membership_;
};

class MembershipTest : public BrokerTest {
 protected:
  KafkaOptions instance(const std::string& id) const {
    KafkaOptions made = options();
    made.instance_id = id;
    if (memory() != nullptr) memory()->set_sessions(testing::MemoryBroker::Sessions::kStatic);
    return made;
  }
};

TEST_F(MembershipTest, AMemberAloneIsAssignedEverything) {
  const std::string topic = make_topic("t", 2);
  Member member(options(), {topic});
  const MembershipEvent assigned = member.expect(Kind::kAssigned);
  EXPECT_THAT(assigned.partitions, ElementsAre(TopicPartition{topic, 0}, TopicPartition{topic, 1}));
  EXPECT_GE(assigned.group.generation, 0);
  EXPECT_FALSE(assigned.group.encoded.empty());
}

TEST_F(MembershipTest, ARebalanceWaitsUntilTheRevocationIsAcknowledged) {
  const std::string topic = make_topic("t", 2);
  Member first(options(), {topic});
  const MembershipEvent alone = first.expect(Kind::kAssigned);
  Member second(options(), {topic});
  first.expect(Kind::kRevoked);
  EXPECT_FALSE(second.event(1'000).has_value()) << "assigned before the barrier";
  first->acknowledge_revoked();

  const MembershipEvent of_first = first.expect(Kind::kAssigned);
  const MembershipEvent of_second = second.expect(Kind::kAssigned);
  EXPECT_GT(of_first.group.generation, alone.group.generation);
  EXPECT_EQ(of_first.group.generation, of_second.group.generation);
  EXPECT_THAT(of_first.partitions, SizeIs(1));
  EXPECT_THAT(of_second.partitions, SizeIs(1));
  EXPECT_NE(of_first.partitions, of_second.partitions);
}

TEST_F(MembershipTest, TopicsWithEqualPartitionsAreAssignedTogether) {
  const std::string a = make_topic("a", 3);
  const std::string b = make_topic("b", 3);
  Member first(options(), {a, b});
  first.expect(Kind::kAssigned);
  Member second(options(), {a, b});
  first.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  for (Member* member : {&first, &second}) {
    std::vector<int32_t> of_a;
    std::vector<int32_t> of_b;
    for (const auto& [topic, partition] : member->expect(Kind::kAssigned).partitions) {
      (topic == a ? of_a : of_b).push_back(partition);
    }
    EXPECT_EQ(of_a, of_b);
  }
}

TEST_F(MembershipTest, AMemberWithoutPartitionsPassesTheBarrierToo) {
  const std::string topic = make_topic("t");
  Member first(options(), {topic});
  first.expect(Kind::kAssigned);
  Member second(options(), {topic});
  first.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  const MembershipEvent of_first = first.expect(Kind::kAssigned);
  const MembershipEvent of_second = second.expect(Kind::kAssigned);
  EXPECT_EQ(of_first.partitions.size() + of_second.partitions.size(), 1U);

  Member third(options(), {topic});
  first.expect(Kind::kRevoked);
  second.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  EXPECT_FALSE(third.event(500).has_value());
  second->acknowledge_revoked();
  third.expect(Kind::kAssigned);
}

TEST_F(MembershipTest, ALeavingMemberHandsOverAtOnce) {
  const std::string topic = make_topic("t", 2);
  Member stays(options(), {topic});
  stays.expect(Kind::kAssigned);
  {
    Member leaves(options(), {topic});
    stays.expect(Kind::kRevoked);
    stays->acknowledge_revoked();
    stays.expect(Kind::kAssigned);
    leaves.expect(Kind::kAssigned);
    leaves->close();
  }
  stays.expect(Kind::kRevoked, 3'000);
  stays->acknowledge_revoked();
  EXPECT_THAT(stays.expect(Kind::kAssigned, 3'000).partitions, SizeIs(2));
}

TEST_F(MembershipTest, AStaticMemberComesBackWithoutARebalance) {
  const std::string topic = make_topic("t", 2);
  Member stays(instance("a"), {topic});
  stays.expect(Kind::kAssigned);
  std::vector<TopicPartition> before;
  int32_t generation = -1;
  {
    Member restarted(instance("b"), {topic});
    stays.expect(Kind::kRevoked);
    stays->acknowledge_revoked();
    generation = stays.expect(Kind::kAssigned).group.generation;
    before = restarted.expect(Kind::kAssigned).partitions;
    restarted->close();
  }
  Member restarted(instance("b"), {topic});
  const MembershipEvent assigned = restarted.expect(Kind::kAssigned);
  EXPECT_EQ(assigned.partitions, before);
  EXPECT_EQ(assigned.group.generation, generation);
  EXPECT_FALSE(stays.event(500).has_value());
}

TEST_F(MembershipTest, ASecondProcessWithTheSameStaticIdFencesTheFirst) {
  const std::string topic = make_topic("t");
  Member first(instance("a"), {topic});
  first.expect(Kind::kAssigned);
  Member second(instance("a"), {topic});
  EXPECT_THAT(second.expect(Kind::kAssigned).partitions, SizeIs(1));
  EXPECT_CODE(first.failure(), ErrorCode::kFenced);
  const auto start = std::chrono::steady_clock::now();
  first->close();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(5'000));
}

TEST_F(MembershipTest, ABarrierThatIsNeverAcknowledgedIsLost) {
  const std::string topic = make_topic("t", 2);
  KafkaOptions impatient = options();
  impatient.barrier_timeout_ms = impatient.session_timeout_ms;
  Member stuck(impatient, {topic}, kSpareTopic, "stuck");
  const MembershipEvent before = stuck.expect(Kind::kAssigned);
  Member other(impatient, {topic}, kSpareTopic, "other");
  stuck.expect(Kind::kRevoked);
  if (memory() != nullptr) memory()->end_session("stuck");
  stuck.expect(Kind::kLost);
  const MembershipEvent without = other.expect(Kind::kAssigned);
  EXPECT_GT(without.group.generation, before.group.generation);
  EXPECT_FALSE(without.partitions.empty());
  stuck->acknowledge_revoked();
  stuck->acknowledge_revoked();
}

TEST_F(MembershipTest, ClosesWhileABarrierIsOpen) {
  const std::string topic = make_topic("t", 2);
  Member first(options(), {topic});
  first.expect(Kind::kAssigned);
  Member second(options(), {topic});
  first.expect(Kind::kRevoked);
  first->close();
  EXPECT_THAT(second.expect(Kind::kAssigned, 5'000).partitions, SizeIs(2));
}

TEST_F(MembershipTest, AMemberCanAskForANewGenerationAgainAndAgain) {
  const std::string topic = make_topic("t", 2);
  const std::string spare = make_topic("spare");
  Member first(options(), {topic}, spare, "one");
  first.expect(Kind::kAssigned);
  Member second(options(), {topic}, spare, "two");
  first.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  int32_t generation = first.expect(Kind::kAssigned).group.generation;
  second.expect(Kind::kAssigned);
  for (Member* const asking : {&second, &first, &second}) {
    (*asking)->request_rebalance();
    // Who asks joins anew at once, and with that the others hear of it.
    for (Member* const member : {asking, asking == &first ? &second : &first}) {
      member->expect(Kind::kRevoked);
      (*member)->acknowledge_revoked();
    }
    const MembershipEvent of_first = first.expect(Kind::kAssigned);
    EXPECT_GT(of_first.group.generation, generation);
    generation = of_first.group.generation;
    EXPECT_EQ(second.expect(Kind::kAssigned).group.generation, generation);
  }
}

TEST_F(MembershipTest, RequestsWhileOneIsUnderWayMakeNoFurtherGeneration) {
  const std::string topic = make_topic("t");
  Member member(options(), {topic}, make_topic("spare"));
  const MembershipEvent before = member.expect(Kind::kAssigned);
  member->request_rebalance();
  member->request_rebalance();
  member.expect(Kind::kRevoked);
  member->request_rebalance();
  member->acknowledge_revoked();
  const MembershipEvent after = member.expect(Kind::kAssigned);
  EXPECT_EQ(after.group.generation, before.group.generation + 1);
  EXPECT_FALSE(member.event(1'000).has_value());
}

TEST_F(MembershipTest, WhenTheLeaderIsGoneAnotherMemberGetsItsPartition) {
  const std::string control = make_topic("control");
  Member first(instance("a"), {control}, kSpareTopic, "a");
  first.expect(Kind::kAssigned);
  Member second(instance("b"), {control}, kSpareTopic, "b");
  first.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  EXPECT_THAT(first.expect(Kind::kAssigned).partitions, SizeIs(1));
  const MembershipEvent before = second.expect(Kind::kAssigned);
  EXPECT_THAT(before.partitions, IsEmpty());
  first->close();  // a static member doesn't leave: as after a crash
  if (memory() != nullptr) memory()->end_session("a", testing::MemoryBroker::Whose::kGone);
  second.expect(Kind::kRevoked);
  second->acknowledge_revoked();
  const MembershipEvent after = second.expect(Kind::kAssigned);
  EXPECT_GT(after.group.generation, before.group.generation);
  EXPECT_THAT(after.partitions, ElementsAre(TopicPartition{control, 0}));
  const std::vector<GroupMember> left = must(admin_->group_members());
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].instance, "b");
}

TEST_F(MembershipTest, TheGroupNamesItsMembersByInstance) {
  const std::string topic = make_topic("t", 2);
  const auto admin = must(clients()->admin());
  Member first(options(), {topic}, kSpareTopic, "one");
  first.expect(Kind::kAssigned);
  std::vector<std::string> names;
  const auto members = [&] {
    names.clear();
    const auto found = admin->group_members();
    if (!found.ok()) return names;
    for (const GroupMember& member : *found) names.push_back(member.instance);
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_TRUE(eventually([&] { return members() == std::vector<std::string>{"one"}; }));
  {
    Member second(options(), {topic}, kSpareTopic, "two");
    first.expect(Kind::kRevoked);
    EXPECT_CODE(admin->group_members().status(), ErrorCode::kRetriable);
    first->acknowledge_revoked();
    second.expect(Kind::kAssigned);
    EXPECT_TRUE(eventually([&] { return members().size() == 2; }));
    second->close();
  }
  first.expect(Kind::kAssigned);
  first.expect(Kind::kRevoked);
  first->acknowledge_revoked();
  first.expect(Kind::kAssigned);
  EXPECT_TRUE(eventually([&] { return members() == std::vector<std::string>{"one"}; }));
}

/// Ids of the threads by which librdkafka's clients live, one each.
std::set<std::string> living_clients() {
  std::set<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(entry.path() / "comm") >> name;
    if (name == "rdk:main") ids.insert(entry.path().filename());
  }
  return ids;
}

TEST_F(MembershipTest, AQuestionForTheMembersTakesTheClientOfTheOneBefore) {
  const std::string topic = make_topic("t");
  const auto admin = must(clients()->admin());
  Member member(options(), {topic});
  member.expect(Kind::kAssigned);
  const auto is_answered = [&] { return admin->group_members().ok(); };
  const std::set<std::string> before = living_clients();
  ASSERT_TRUE(eventually(is_answered));
  const std::set<std::string> after_first = living_clients();
  EXPECT_EQ(after_first.size(), before.size() + 1);
  ASSERT_TRUE(is_answered());
  EXPECT_EQ(living_clients(), after_first);
}

}  // namespace millrace::engine::kafka::membership_test
