#include "engine/ownership.h"

#include <algorithm>
#include <set>

namespace millrace::engine {

std::vector<std::string> topics_to_join(std::span<const TaskPlan> plans) {
  std::set<std::string> topics;
  for (const TaskPlan& plan : plans) {
    for (const PlanInput& input : plan.inputs) topics.insert(input.topic);
  }
  return {topics.begin(), topics.end()};
}

std::vector<TaskId> tasks_of_assignment(std::span<const TaskPlan> plans,
                                        std::span<const TopicPartition> assigned) {
  std::vector<TaskId> tasks;
  for (const TaskPlan& plan : plans) {
    for (const TopicPartition& partition : assigned) {
      if (partition.topic == plan.inputs.front().topic && partition.partition < plan.partitions) {
        tasks.push_back({plan.sub_topology, partition.partition});
      }
    }
  }
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

}  // namespace millrace::engine
