#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/plan/planner.h"

namespace millrace::engine {

/// Instances with disks, and the tasks they run by one plan after another. Every plan is checked
/// for what must hold of all plans.
class Fleet {
 public:
  struct Instance {
    std::string rack;
    int32_t capacity = 1;
    bool is_draining = false;
    bool is_up = true;
    std::map<TaskId, int64_t> disk;  ///< of each task, how far its state is
  };

  /// Adds tasks 0 … count−1 of a sub-topology.
  void add_tasks(int32_t sub_topology, int32_t count, bool is_stateful, int32_t weight = 1);
  /// Starts an instance, on its disk if it ran before.
  Instance& start(const std::string& name);
  void stop(const std::string& name) { instances.at(name).is_up = false; }

  /// Makes the next plan. "" or what is wrong with it, or with the way from the last one to it.
  std::string replan();
  /// Every instance that runs or follows a task reads to the end of its changes.
  void catch_up();
  void catch_up(const std::string& instance);
  /// Everything stateful has so many more changes, which the active instances hold.
  void produce(int64_t changes);
  /// Plans and catches up until nothing changes. "" or what is wrong.
  std::string settle();
  /// "" or why the settled fleet is not what it should be: nothing warms up, loads are even,
  /// draining instances have nothing.
  std::string unsettled() const;

  std::vector<TaskId> tasks_of(const std::string& instance) const;
  std::vector<TaskId> standbys_of(const std::string& instance) const;
  std::vector<TaskId> warmups_of(const std::string& instance) const;
  const Placement& of(TaskId task) const { return *plan.find(task); }
  /// Tasks that another instance runs than in `before`.
  std::vector<TaskId> moved_since(const Plan& before) const;

  std::map<std::string, Instance> instances;
  std::vector<TaskWeight> tasks;
  std::map<TaskId, int64_t> ends;
  Plan plan;
  int standby_replicas = 0;
  int64_t acceptable_lag = 10;
  int warmups_max = 2;

 private:
  PlannerInput input() const;
  bool is_up(const std::string& name) const;
  bool is_open(const std::string& name) const;
  int64_t position(const std::string& name, TaskId task) const;
  int64_t lag(const std::string& name, const TaskWeight& task) const;
  bool has_caught_up(const std::string& name, const TaskWeight& task) const;
  std::string fault(const Plan& next) const;
  std::string fault(const TaskWeight& task, const Placement& now, const Placement* before) const;
  std::string fault_of_active(const TaskWeight& task, const Placement& now,
                              const Placement* before) const;
  std::string fault_of_standbys(const TaskWeight& task, const Placement& now) const;
};

}  // namespace millrace::engine
