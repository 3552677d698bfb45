#include "engine/plan/planner.h"

#include <gmock/gmock.h>

#include "fleet.h"

namespace millrace::engine::planner_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

#define ASSERT_SOUND(expression) ASSERT_EQ(expression, "")

const TaskId kTask{0, 0};

class PlannerTest : public ::testing::Test {
 protected:
  /// Stateful tasks on these instances, settled and with some history.
  void begin(int32_t tasks, const std::vector<std::string>& names) {
    fleet_.add_tasks(0, tasks, true);
    for (const std::string& name : names) fleet_.start(name);
    ASSERT_SOUND(fleet_.settle());
    fleet_.produce(1'000);
    ASSERT_SOUND(fleet_.settle());
  }

  Fleet fleet_;
};

TEST_F(PlannerTest, WithoutMembersThereIsNothingToPlan) {
  fleet_.add_tasks(0, 3, true);
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.plan.placements, IsEmpty());
}

TEST_F(PlannerTest, AMemberAloneRunsEverything) {
  begin(5, {"a"});
  EXPECT_THAT(fleet_.tasks_of("a"), SizeIs(5));
}

TEST_F(PlannerTest, ANewMemberWarmsUpBeforeItRunsATask) {
  begin(4, {"a"});
  fleet_.start("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("a"), SizeIs(4));
  EXPECT_THAT(fleet_.warmups_of("b"), SizeIs(2));
  const std::vector<TaskId> warm = fleet_.warmups_of("b");
  fleet_.catch_up("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.tasks_of("b"), warm);
  EXPECT_THAT(fleet_.warmups_of("b"), IsEmpty());
}

TEST_F(PlannerTest, OnlySoManyTasksWarmUpAtATime) {
  begin(12, {"a"});
  fleet_.warmups_max = 3;
  fleet_.start("b");
  for (int moved = 0; moved < 6; moved += 3) {
    ASSERT_SOUND(fleet_.replan());
    EXPECT_THAT(fleet_.tasks_of("b"), SizeIs(moved));
    EXPECT_THAT(fleet_.warmups_of("b"), SizeIs(3));
    fleet_.catch_up();
  }
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("b"), SizeIs(6));
}

TEST_F(PlannerTest, TasksWithoutStateMoveAtOnce) {
  fleet_.add_tasks(0, 6, false);
  fleet_.start("a");
  ASSERT_SOUND(fleet_.replan());
  fleet_.start("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("b"), SizeIs(3));
}

TEST_F(PlannerTest, StateThatIsQuicklyRestoredMovesAtOnce) {
  fleet_.acceptable_lag = 1'000;
  begin(4, {"a"});
  fleet_.start("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("b"), SizeIs(2));
}

TEST_F(PlannerTest, TheStandbyTakesOverWhenTheActiveMemberIsGone) {
  fleet_.standby_replicas = 1;
  begin(3, {"a", "b", "c"});
  ASSERT_THAT(fleet_.tasks_of("a"), SizeIs(1));
  const TaskId task = fleet_.tasks_of("a")[0];
  const std::string standby = fleet_.of(task).standbys[0];
  fleet_.stop("a");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(task).active, standby);
}

TEST_F(PlannerTest, AStandbyComesBeforeAnotherMemberThatHoldsTheState) {
  fleet_.standby_replicas = 1;
  begin(1, {"a", "c"});
  fleet_.start("b").disk = {{kTask, 1'000}};
  ASSERT_EQ(fleet_.of(kTask).standbys[0], "c");
  fleet_.stop("a");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "c");
}

TEST_F(PlannerTest, AMemberThatStillHoldsStateComesBeforeAnEmptyOne) {
  begin(1, {"c"});
  fleet_.start("a");
  fleet_.start("b").disk = {{kTask, 995}};
  fleet_.start("d").disk = {{kTask, 400}};
  fleet_.stop("c");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "b");
}

TEST_F(PlannerTest, WhenNobodyHasCaughtUpTheLeastBehindTakesOver) {
  fleet_.acceptable_lag = 10;
  begin(2, {"z"});
  fleet_.start("a");
  fleet_.start("b").disk = {{kTask, 300}};
  fleet_.start("c").disk = {{kTask, 500}, {{0, 1}, 100}};
  fleet_.stop("z");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "c");
}

TEST_F(PlannerTest, AMemberThatLostItsDiskLeavesTheTaskToItsStandby) {
  fleet_.standby_replicas = 1;
  begin(1, {"a", "b"});
  fleet_.instances.at("a").disk.clear();
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "b");
}

TEST_F(PlannerTest, AnActiveMemberWhoseReportIsOldKeepsItsTask) {
  fleet_.standby_replicas = 1;
  begin(1, {"a", "b"});
  fleet_.instances.at("b").disk[kTask] += 5'000;
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "a");
}

TEST_F(PlannerTest, AWarmupIsForgottenWithItsMember) {
  begin(4, {"a"});
  fleet_.start("b");
  ASSERT_SOUND(fleet_.replan());
  ASSERT_THAT(fleet_.warmups_of("b"), SizeIs(2));
  fleet_.stop("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.warmups_of("b"), IsEmpty());
  EXPECT_THAT(fleet_.tasks_of("a"), SizeIs(4));
}

TEST_F(PlannerTest, CapacityAndWeightDecideAboutShares) {
  fleet_.add_tasks(0, 9, false);
  fleet_.start("small");
  fleet_.start("large").capacity = 2;
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("large"), SizeIs(6));
  fleet_.add_tasks(1, 1, false, 9);
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.unsettled(), "");
  EXPECT_EQ(fleet_.of({1, 0}).active, "large");
  EXPECT_THAT(fleet_.tasks_of("small"), SizeIs(6));
}

TEST_F(PlannerTest, TasksOfASubTopologyAreSpread) {
  fleet_.add_tasks(0, 4, false);
  fleet_.add_tasks(1, 4, false);
  fleet_.start("a");
  ASSERT_SOUND(fleet_.replan());
  fleet_.start("b");
  ASSERT_SOUND(fleet_.replan());
  for (const char* name : {"a", "b"}) {
    const std::vector<TaskId> tasks = fleet_.tasks_of(name);
    EXPECT_THAT(tasks, SizeIs(4));
    EXPECT_EQ(std::count_if(tasks.begin(), tasks.end(),
                            [](TaskId task) { return task.sub_topology == 0; }),
              2);
  }
}

TEST_F(PlannerTest, ADrainingMemberEndsWithNothing) {
  fleet_.standby_replicas = 1;
  begin(6, {"a", "b", "c"});
  fleet_.instances.at("b").is_draining = true;
  ASSERT_SOUND(fleet_.replan());
  ASSERT_SOUND(fleet_.settle());
  EXPECT_THAT(fleet_.tasks_of("b"), IsEmpty());
  EXPECT_THAT(fleet_.standbys_of("b"), IsEmpty());
  EXPECT_EQ(fleet_.unsettled(), "");
}

TEST_F(PlannerTest, ADrainingMemberKeepsATaskUntilAnotherIsReadyForIt) {
  begin(1, {"a"});
  fleet_.start("b");
  fleet_.instances.at("a").is_draining = true;
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "a");
  EXPECT_THAT(fleet_.of(kTask).warmups, ElementsAre("b"));
  fleet_.catch_up("b");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.of(kTask).active, "b");
}

TEST_F(PlannerTest, WhenAllAreDrainingTheTasksStay) {
  begin(2, {"a"});
  fleet_.instances.at("a").is_draining = true;
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("a"), SizeIs(2));
}

TEST_F(PlannerTest, StandbysAreOnOtherRacksFirst) {
  fleet_.start("a").rack = "r1";
  fleet_.start("b").rack = "r1";
  fleet_.start("c").rack = "r2";
  fleet_.standby_replicas = 1;
  fleet_.add_tasks(0, 3, true);
  ASSERT_SOUND(fleet_.settle());
  for (const Placement& placement : fleet_.plan.placements) {
    EXPECT_NE(fleet_.instances.at(placement.active).rack,
              fleet_.instances.at(placement.standbys.at(0)).rack);
  }
}

TEST_F(PlannerTest, StandbysAreBalanced) {
  fleet_.standby_replicas = 1;
  begin(12, {"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) EXPECT_THAT(fleet_.standbys_of(name), SizeIs(4));
}

TEST_F(PlannerTest, AStandbyThatIsReplacedStaysUntilItsSuccessorHasCaughtUp) {
  fleet_.start("a").rack = "r1";
  fleet_.start("b").rack = "r1";
  fleet_.standby_replicas = 1;
  begin(1, {});
  ASSERT_THAT(fleet_.of(kTask).standbys, ElementsAre("b"));
  fleet_.start("c").rack = "r2";
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.of(kTask).standbys, ElementsAre("c", "b"));
  fleet_.catch_up("c");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.of(kTask).standbys, ElementsAre("c"));
}

TEST_F(PlannerTest, OfTasksThatMayMoveThoseMoveThatNeedTheLeastRestoring) {
  begin(4, {"a"});
  fleet_.acceptable_lag = 10'000;  // nobody has to warm up
  fleet_.start("b").disk = {{{0, 1}, 990}, {{0, 3}, 995}};
  ASSERT_SOUND(fleet_.replan());
  EXPECT_THAT(fleet_.tasks_of("b"), ElementsAre(TaskId{0, 1}, TaskId{0, 3}));
}

TEST_F(PlannerTest, AMemberThatComesBackSoonGetsItsTasksBack) {
  begin(4, {"a", "b"});
  const std::vector<TaskId> before = fleet_.tasks_of("a");
  fleet_.stop("a");
  ASSERT_SOUND(fleet_.replan());
  ASSERT_THAT(fleet_.tasks_of("b"), SizeIs(4));
  fleet_.start("a");
  ASSERT_SOUND(fleet_.replan());
  EXPECT_EQ(fleet_.tasks_of("a"), before);
}

}  // namespace millrace::engine::planner_test
