#include "engine/group/coordinator.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <set>

#include <gmock/gmock.h>

#include "group_member.h"
#include "tests/unit/awaited.h"

namespace millrace::engine::coordinator_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kTurnsMax = 1'000;

class CoordinatorTest : public ::testing::Test {
 protected:
  using Member = GroupMemberUnderTest;

  std::unique_ptr<Member> joined(const std::string& name, bool is_static = false) {
    auto member = std::make_unique<Member>(world_, name, is_static);
    EXPECT_TRUE(member->join().ok());
    return member;
  }
  /// Turns all of them until each of them owns something by a plan of one generation.
  Status settle(const std::vector<Member*>& members) {
    for (int i = 0; i < kTurnsMax; ++i) {
      for (Member* const member : members) MILLRACE_RETURN_IF_ERROR(member->turn());
      const bool is_settled = std::all_of(members.begin(), members.end(), [&](Member* member) {
        return member->owned && !member->owned->active.empty() &&
               member->owned->group.generation == members[0]->owned->group.generation;
      });
      if (is_settled) return {};
      world_.clock.advance(1);
    }
    return Error{ErrorCode::kInternal, "no plan gives everybody something"};
  }
  /// Turns `member`, which others on threads answer, until `condition()` holds. The clock moves by
  /// `step_ms` between the turns.
  template <class Condition>
  ::testing::AssertionResult turned_until(Condition&& condition, const char* what, Member& member,
                                          int64_t step_ms = 0) {
    Status status;
    const auto turn = [&] {
      if (condition()) return true;
      status = member.turn();
      world_.clock.advance(step_ms);
      return !status.ok();
    };
    const ::testing::AssertionResult in_time = awaited(turn, what);
    if (status.ok()) return in_time;
    return ::testing::AssertionFailure() << status.message() << ", before " << what;
  }
  static bool is_ready(const std::future<void>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  GroupWorld world_{4};
};

TEST_F(CoordinatorTest, AnAssignmentOfNoGenerationIsAskedForOnceMore) {
  const auto a = std::make_unique<Member>(world_, "a");
  a->bends.assignments_of_nothing = 2;
  ASSERT_TRUE(a->join().ok());
  const Status settled = settle({a.get()});
  ASSERT_TRUE(settled.ok()) << settled.message();
  EXPECT_EQ(a->bends.assignments_of_nothing, 0);
  EXPECT_GE(a->owned->group.generation, 0);
  EXPECT_EQ(a->owned->active.size(), 4U);
}

TEST_F(CoordinatorTest, AFencedStaticMemberDoesNotSpeakForItsSuccessor) {
  const auto first = joined("a", true);
  ASSERT_TRUE(settle({first.get()}));
  const TopicPartition reports{world_.topics.instances, 0};
  const size_t before = world_.broker.read_committed(reports).size();
  first->stop(true);
  EXPECT_EQ(world_.broker.read_committed(reports).size(), before);
}

TEST_F(CoordinatorTest, AStaticMemberReportsAgainBehindLastWordsUnderItsName) {
  const auto member = joined("a", true);
  ASSERT_TRUE(settle({member.get()}));
  member->report(5);
  ASSERT_TRUE(member->turn().ok());
  const TopicPartition reports{world_.topics.instances, 0};
  testing::StoredRecord last = world_.broker.read_committed(reports).back();
  Result<InstanceReport> words = decode_report(Bytes(*last.value));
  ASSERT_TRUE(words.ok());
  words->inputs.clear();
  last.value = encode_report(*words).value();
  world_.broker.append(reports, last);
  for (int i = 0; i < kTurnsMax && member->turn().ok(); ++i) world_.clock.advance(1);
  member->report(5);
  const auto shown = decode_report(Bytes(*world_.broker.read_committed(reports).back().value));
  ASSERT_TRUE(shown.ok());
  EXPECT_FALSE(shown->inputs.empty());
}

/// A member of another version that came back wrote it once more, and compaction kept that record.
TEST_F(CoordinatorTest, APlanThatCannotBeReadMayBeRunByOthers) {
  world_.broker.set_sessions(testing::MemoryBroker::Sessions::kStatic);
  auto a = joined("a", true);
  const auto b = joined("b", true);
  ASSERT_TRUE(settle({a.get(), b.get()}));
  const TopicPartition plans{world_.topics.plan, 0};
  testing::StoredRecord again = world_.broker.read_committed(plans).back();
  again.value = R"({"version":99})";
  world_.broker.append(plans, again);
  world_.broker.compact(plans.topic);
  const int32_t generation = b->owned->group.generation;
  a.reset();
  a = joined("a", true);
  ASSERT_TRUE(settle({a.get(), b.get()}));
  EXPECT_GT(a->owned->group.generation, generation);
}

TEST_F(CoordinatorTest, EveryDeadPredecessorIsNamed) {
  auto a = joined("a");
  ASSERT_TRUE(settle({a.get()}));
  a.reset();
  auto b = joined("b");
  ASSERT_TRUE(settle({b.get()}));
  EXPECT_THAT(b->owned->dead, ElementsAre("a"));
  b.reset();  // before it fenced anybody
  const auto c = joined("c");
  ASSERT_TRUE(settle({c.get()}));
  EXPECT_THAT(c->owned->dead, ElementsAre("a", "b"));
}

TEST_F(CoordinatorTest, ATaskNamesTheDeadThatRanIt) {
  auto a = joined("a");
  auto b = joined("b");
  ASSERT_TRUE(settle({a.get(), b.get()}));
  const std::vector<TaskId> of_a = a->owned->active;
  ASSERT_EQ(of_a.size(), 2U);
  a.reset();
  b->owned.reset();
  ASSERT_TRUE(settle({b.get()}));
  ASSERT_EQ(b->owned->active.size(), 4U);
  EXPECT_EQ(b->owned->dead_owners.size(), 2U);
  for (const TaskId task : of_a) EXPECT_THAT(b->owned->dead_owners[task], ElementsAre("a"));
  const auto c = joined("c");
  b->owned.reset();
  ASSERT_TRUE(settle({b.get(), c.get()}));
  EXPECT_THAT(b->owned->dead, IsEmpty()) << "it was named before";
  for (const TaskId task : of_a) {
    const bool is_of_b = std::ranges::count(b->owned->active, task) > 0;
    EXPECT_THAT((is_of_b ? *b : *c).owned->dead_owners[task], ElementsAre("a"));
  }
}

/// The record of a plan may come before the assignment that the plan is for.
TEST_F(CoordinatorTest, APlanThatCameBeforeItsAssignmentIsNews) {
  const auto leader = joined("a");
  const auto late = joined("b");
  ASSERT_TRUE(settle({leader.get(), late.get()}));
  const auto third = joined("c");
  for (Member* const member : {leader.get(), late.get()}) member->owned.reset();
  late->bends.holds_assignments = true;
  ASSERT_TRUE(late->turn());
  for (int i = 0; i < kTurnsMax && !(leader->owned && third->owned); ++i) {
    for (Member* const member : {leader.get(), late.get(), third.get()}) {
      ASSERT_TRUE(member->turn());
    }
    late->take_view();
    world_.clock.advance(1);
  }
  ASSERT_TRUE(leader->owned && third->owned) << "the plan is there";
  ASSERT_TRUE(late->turn());
  late->take_view();
  late->bends.holds_assignments = false;
  ASSERT_TRUE(settle({leader.get(), late.get(), third.get()}));
  const std::optional<PeerView> view = late->take_view();
  ASSERT_TRUE(view);
  std::set<std::string> holders;
  for (const auto& [task, held] : view->tasks) holders.insert(held.active.instance);
  EXPECT_THAT(holders, ElementsAre("a", "b", "c"));
}

TEST_F(CoordinatorTest, ADeadPredecessorIsNamedOnceForEachOfItsLives) {
  auto a = joined("a");
  ASSERT_TRUE(settle({a.get()}));
  a.reset();
  const auto b = joined("b");
  ASSERT_TRUE(settle({b.get()}));
  ASSERT_THAT(b->owned->dead, ElementsAre("a"));
  a = joined("a");
  ASSERT_TRUE(settle({a.get(), b.get()}));
  EXPECT_THAT(b->owned->dead, IsEmpty());
  a.reset();
  b->owned.reset();
  ASSERT_TRUE(settle({b.get()}));
  EXPECT_THAT(b->owned->dead, ElementsAre("a"));
  const auto c = joined("c");
  b->owned.reset();
  ASSERT_TRUE(settle({b.get(), c.get()}));
  EXPECT_THAT(b->owned->dead, IsEmpty());
  EXPECT_THAT(c->owned->dead, ElementsAre("a"));
}

TEST_F(CoordinatorTest, AQuestionAboutTheMembersHoldsUpNoTurn) {
  std::promise<void> asked;
  std::promise<void> may_answer;
  bool was_released = false;
  bool is_first = true;
  Member slow(world_, "a", false, [&](Admin& admin) -> Result<std::vector<GroupMember>> {
    if (std::exchange(is_first, false)) {
      asked.set_value();
      was_released =
          may_answer.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    }
    return admin.group_members();
  });
  ASSERT_TRUE(slow.join().ok());
  const auto is_asked = asked.get_future();
  ASSERT_TRUE(turned_until([&] { return is_ready(is_asked); }, "it asks", slow));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(slow.turn().ok());
  EXPECT_FALSE(slow.owned);
  may_answer.set_value();
  ASSERT_TRUE(turned_until([&] { return slow.owned.has_value(); }, "it has tasks", slow));
  EXPECT_TRUE(was_released);
}

TEST_F(CoordinatorTest, AQuestionAboutTheLogsEndHoldsUpNoTurn) {
  std::promise<void> may_answer;
  std::atomic<bool> was_released = false;
  std::atomic<int> asked = 0;
  Member slow(world_, "a", false, [](Admin& admin) { return admin.group_members(); });
  ASSERT_TRUE(slow.join().ok());
  slow.bends.watermarks = [&](const TopicPartition& partition) -> Status {
    if (partition.topic != world_.topics.plan) return {};
    if (++asked == 1) return Error{ErrorCode::kRetriable, "no leader"};
    if (asked == 2) {
      was_released =
          may_answer.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    }
    return {};
  };
  ASSERT_TRUE(turned_until([&] { return asked >= 2; }, "it asks again", slow, 1));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(slow.turn().ok());
  EXPECT_FALSE(slow.owned) << "what it holds back may be the plan, or a report";
  may_answer.set_value();
  ASSERT_TRUE(turned_until([&] { return slow.owned.has_value(); }, "it has tasks", slow));
  EXPECT_TRUE(was_released);
}

TEST_F(CoordinatorTest, AQuestionWhetherTheTopicsAreThereHoldsUpNoTurn) {
  std::promise<void> may_answer;
  std::atomic<bool> was_released = false;
  std::atomic<bool> is_asked = false;
  Member slow(world_, "a", false, [](Admin&) -> Result<std::vector<GroupMember>> {
    return Error{ErrorCode::kRetriable, "no answer"};
  });
  slow.bends.description = [&](const std::string& topic) -> Status {
    if (topic != world_.topics.control || is_asked.exchange(true)) return {};
    was_released =
        may_answer.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    return Error{ErrorCode::kNotFound, "deleted"};
  };
  ASSERT_TRUE(slow.join().ok());
  ASSERT_TRUE(turned_until([&] { return is_asked.load(); }, "it asks", slow, 100));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(slow.turn().ok());
  may_answer.set_value();
  Status ended;
  EXPECT_TRUE(awaited([&] { return !(ended = slow.turn()).ok(); }, "it ends"));
  EXPECT_EQ(ended.code(), ErrorCode::kConfig);
  EXPECT_THAT(ended.message(), HasSubstr("topic 'app-control' was deleted"));
  EXPECT_TRUE(was_released);
}

/// A leader asks it whenever a report comes, while its tasks run.
TEST_F(CoordinatorTest, AQuestionWhetherABetterPlanIsPossibleHoldsUpNoTurn) {
  std::promise<void> may_answer;
  std::atomic<bool> is_slow = false;
  std::atomic<bool> is_asked = false;
  std::atomic<bool> was_released = false;
  std::atomic<bool> has_answered = false;
  Member slow(world_, "a", false, [&](Admin& admin) -> Result<std::vector<GroupMember>> {
    if (is_slow && !is_asked.exchange(true)) {
      was_released =
          may_answer.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
      has_answered = true;
    }
    return admin.group_members();
  });
  ASSERT_TRUE(slow.join().ok());
  ASSERT_TRUE(turned_until([&] { return slow.owned.has_value(); }, "it has tasks", slow));
  is_slow = true;
  int64_t held = 0;
  const auto asks = [&] {
    slow.report(++held);
    return is_asked.load();
  };
  ASSERT_TRUE(turned_until(asks, "it asks", slow, 100));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(slow.turn().ok());
  EXPECT_TRUE(slow.owned) << "it keeps its tasks meanwhile";
  may_answer.set_value();
  ASSERT_TRUE(turned_until([&] { return has_answered.load(); }, "the answer comes", slow));
  EXPECT_TRUE(was_released);
}

TEST_F(CoordinatorTest, AnAnswerOfAnEarlierGenerationIsNotUsed) {
  std::promise<void> asked;
  std::promise<void> may_answer;
  std::atomic<int> questions = 0;
  const auto members = [&](Admin& admin) -> Result<std::vector<GroupMember>> {
    if (++questions > 1) return admin.group_members();
    const auto first = admin.group_members();
    asked.set_value();
    may_answer.get_future().wait_for(std::chrono::seconds(30));
    return first;
  };
  Member a(world_, "a", false, members);
  Member b(world_, "b", false, members);
  ASSERT_TRUE(a.join().ok());
  const auto is_asked = asked.get_future();
  ASSERT_TRUE(turned_until([&] { return is_ready(is_asked); }, "it asks", a));
  ASSERT_TRUE(b.join().ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a.turn().ok());
  may_answer.set_value();
  const auto both_own = [&] {
    EXPECT_TRUE(b.turn().ok());
    return a.owned && b.owned;
  };
  ASSERT_TRUE(turned_until(both_own, "both have tasks", a));
  EXPECT_EQ(a.owned->active.size(), 2U);
  EXPECT_EQ(b.owned->active.size(), 2U);
}

TEST_F(CoordinatorTest, FailedQuestionsAboutTheMembersAreRepeatedAfterGrowingPauses) {
  int questions = 0;
  Member a(world_, "a");
  a.bends.members = [&](Admin& admin) -> Result<std::vector<GroupMember>> {
    if (++questions < 6) return Error{ErrorCode::kRetriable, "a broker is away"};
    return admin.group_members();
  };
  ASSERT_TRUE(a.join().ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(a.turn().ok());
  EXPECT_EQ(questions, 2) << "one more at once, the others later";
  ASSERT_TRUE(settle({&a}));
  EXPECT_EQ(questions, 6);
}

TEST_F(CoordinatorTest, AnAnswerWithoutTheAskerIsNotUsed) {
  int questions = 0;
  Member a(world_, "a");
  a.bends.members = [&](Admin& admin) -> Result<std::vector<GroupMember>> {
    if (++questions < 4) return std::vector<GroupMember>{{"other", "other-1"}};
    return admin.group_members();
  };
  ASSERT_TRUE(a.join().ok());
  ASSERT_TRUE(settle({&a}));
  EXPECT_EQ(questions, 4);
}

TEST_F(CoordinatorTest, AForeignMemberEndsTheLeader) {
  Member a(world_, "a");
  a.bends.members = [](Admin&) -> Result<std::vector<GroupMember>> {
    return Error{ErrorCode::kConfig, "a member that is no instance"};
  };
  ASSERT_TRUE(a.join().ok());
  const Status status = settle({&a});
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("no instance"));
}

TEST_F(CoordinatorTest, OfTwoProcessesWithOneNameTheLaterOneEnds) {
  const auto first = joined("same");
  ASSERT_TRUE(settle({first.get()}));
  const auto second = joined("same");
  Status ended;
  for (int i = 0; i < kTurnsMax && ended.ok(); ++i) {
    ASSERT_TRUE(first->turn().ok());
    ended = second->turn();
    world_.clock.advance(1);
  }
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.code(), ErrorCode::kFenced);
  EXPECT_THAT(ended.message(), HasSubstr("another process runs as instance 'same'"));
}

TEST_F(CoordinatorTest, AProcessThatIsGoneIsNoRivalOfItsSuccessor) {
  auto first = joined("same");
  ASSERT_TRUE(settle({first.get()}));
  first->report(5);
  first.reset();
  const auto second = joined("same");
  ASSERT_TRUE(settle({second.get()}));
  second->report(6);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(second->turn().ok());
}

TEST_F(CoordinatorTest, AProcessWithoutAPlaceEndsWhenAnotherTookItsName) {
  auto first = joined("same");
  ASSERT_TRUE(settle({first.get()}));
  first->bends.loses_place = true;
  ASSERT_TRUE(first->turn().ok());
  first->bends.holds_events = true;
  const auto second = joined("same");
  Status ended;
  for (int i = 0; i < 10 && ended.ok(); ++i) ended = first->turn();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.code(), ErrorCode::kFenced);
  first.reset();
  ASSERT_TRUE(settle({second.get()}));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(second->turn().ok());
}

TEST_F(CoordinatorTest, KafkaAloneGuardsTheNamesOfStaticMembers) {
  const auto first = joined("same", true);
  ASSERT_TRUE(settle({first.get()}));
  const auto second = joined("same", true);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(first->turn().ok());
    ASSERT_TRUE(second->turn().ok());
    world_.clock.advance(1);
  }
}

TEST(CoordinatorLimits, MoreTasksThanAPlanTakesAreRefusedAtTheStart) {
  GroupWorld world(1);
  world.sub_topologies[0].partitions = static_cast<int32_t>(kPlanTasksMax) + 1;
  GroupMemberUnderTest member(world, "a");
  const Status status = member.join();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("fewer partitions"));
}

}  // namespace millrace::engine::coordinator_test
