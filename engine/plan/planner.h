#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/plan/plan.h"

namespace millrace::engine {

struct TaskWeight {
  TaskId task;
  int32_t weight = 1;  ///< 1 to `kTaskWeightMax`; work it makes, relative to the others'
  bool is_stateful = false;
};

inline constexpr int32_t kTaskWeightMax = 1'000'000;

struct PlannerInput {
  int32_t generation = 0;
  std::string writer;
  std::vector<InstanceReport> members;  ///< in any order, no name twice
  std::vector<TaskWeight> tasks;        ///< in any order, no task twice
  const Plan* previous = nullptr;       ///< the latest earlier one; null: none
  int standby_replicas = 0;             ///< wanted for each stateful task
  int64_t acceptable_lag = 0;           ///< in changelog positions; no more behind: caught up
  int warmups_max = 2;                  ///< tasks that may warm up at a time
};

/// Decides who runs what. A function of its input's values alone, and a fixed point: with its own
/// result as the previous plan and the same reports it gives the same placements, so a leader may
/// take a difference as the sign that a new generation is worth its pause.
///
/// - Every task is active exactly once; without members the plan is empty.
/// - A member is behind by the most that any member holds of a task, less its own position; no
///   state is position 0. A member *has caught up* when that is at most `acceptable_lag`. Tasks
///   without state have caught up everywhere.
/// - A task whose active member is gone goes to a member that has caught up: one that was its
///   standby, if there is one, then the one with the least load. When nobody has, to the one that
///   is least behind.
/// - Tasks stay where they are unless a move makes the load (weight by capacity) of two members
///   more even. So in the end two members differ by less than one task. Of equal tasks the one
///   moves that its target holds most of. A task moves at once to a member that has caught up;
///   otherwise the target becomes a warm-up, `warmups_max` at a time, and the task moves in the
///   plan that finds it caught up.
/// - Standbys are on other members than the active one, on other racks if there are any, and
///   balanced. A replaced one leaves when its successor has caught up.
/// - A draining member gets nothing new while others are there; its tasks move to members that have
///   caught up, or else warm up elsewhere first.
Plan make_plan(const PlannerInput& input);

}  // namespace millrace::engine
