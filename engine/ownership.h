#pragma once

#include <span>
#include <string>
#include <vector>

#include "millrace/core/ids.h"

#include "engine/task_plan.h"

namespace millrace::engine {

/// Topics the membership subscribes to: every input of every task, so that the offsets of all of
/// them live as long as the group.
std::vector<std::string> topics_to_join(std::span<const TaskPlan> plans);

/// The tasks an assignment of the group stands for, ascending: task p of a sub-topology is ours
/// when partition p of its first input is. `range` gives the same member partition p of all inputs
/// of a sub-topology, since they have the same count.
std::vector<TaskId> tasks_of_assignment(std::span<const TaskPlan> plans,
                                        std::span<const TopicPartition> assigned);

}  // namespace millrace::engine
