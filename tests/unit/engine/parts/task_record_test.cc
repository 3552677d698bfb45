#include "engine/loop/task_record.h"

#include <gtest/gtest.h>

#include "engine/testing/manual_clock.h"

namespace millrace::engine {
namespace {

const testing::ManualClock kClock(0);
const Backoff kBackoff(kClock, 1'000);

TEST(TaskRecord, BeginsUnopenedAndIsShownAsOnItsWay) {
  const TaskRecord to_run(TaskId{1, 2}, false, kBackoff);
  const TaskInfo info = to_run.info(std::nullopt, false);
  EXPECT_EQ(info.position.task, (TaskId{1, 2}));
  EXPECT_EQ(info.stage, TaskStage::kRestoring);
  const TaskRecord standby(TaskId{1, 2}, true, kBackoff);
  EXPECT_EQ(standby.info(std::nullopt, false).stage, TaskStage::kStandby);
}

TEST(TaskRecord, RefusesAStageThatNoWayLeadsTo) {
  TaskRecord record(TaskId{1, 2}, false, kBackoff);
  EXPECT_DEATH(record.move_to(Stage::kRunning), "a task's stages follow each other");
  EXPECT_DEATH(record.move_to(Stage::kSuspended), "a task's stages follow each other");
}

TEST(TaskRecord, IsOpenOnlyWithATask) {
  TaskRecord record(TaskId{1, 2}, false, kBackoff);
  EXPECT_DEATH(record.move_to(Stage::kPreparing), "it has state unless unopened");
}

}  // namespace
}  // namespace millrace::engine
