#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/plan/planner.h"

namespace millrace::engine {

/// Stands for no member where a member's number is expected.
inline constexpr int kNobody = -1;

struct PlannedTask {
  TaskWeight about;
  int active = kNobody;    ///< runs it now, according to the previous plan
  int intended = kNobody;  ///< runs it in the end: where it is, or the member it warms up on
  std::vector<int> standbys;
};

/// The planner's input with numbers for members, in the order of their names, and with the previous
/// plan spread over the tasks, which are ascending. Members that are gone are forgotten.
class PlannerTable {
 public:
  explicit PlannerTable(const PlannerInput& input);

  int members() const { return static_cast<int>(members_.size()); }
  const InstanceReport& member(int m) const { return *members_[static_cast<size_t>(m)]; }
  /// Whether the member may get tasks: it isn't draining, or everybody is.
  bool is_open(int m) const { return open_[static_cast<size_t>(m)]; }
  bool are_on_one_rack(int a, int b) const {
    return racks_[static_cast<size_t>(a)] == racks_[static_cast<size_t>(b)];
  }

  std::vector<PlannedTask>& tasks() { return tasks_; }
  const std::vector<PlannedTask>& tasks() const { return tasks_; }
  /// By index into `tasks`. 0 for tasks without state.
  int64_t lag(size_t task, int m) const;
  bool has_caught_up(size_t task, int m) const { return lag(task, m) <= acceptable_lag_; }
  /// Whether some open member has caught up.
  bool can_move_at_once(size_t task) const;
  bool holds_nothing(size_t task, int m) const;

 private:
  int number_of(const std::string& instance) const;
  void read(const Plan& previous);
  void measure_lags();

  const int64_t acceptable_lag_;
  std::vector<const InstanceReport*> members_;
  std::vector<bool> open_;
  std::vector<size_t> racks_;  ///< numbers for names
  std::vector<PlannedTask> tasks_;
  std::vector<int64_t> lags_;  ///< a row of members per task
};

/// The loads of members, in weights, compared relative to their capacities and without rounding.
class Loads {
 public:
  explicit Loads(const PlannerTable& table);

  void add(int m, int64_t weight) { loads_[static_cast<size_t>(m)] += weight; }
  /// Whether `a`, with `weight_a` more, is less loaded than `b` with `weight_b` more.
  bool is_less(int a, int64_t weight_a, int b, int64_t weight_b) const;
  /// Whether moving `weight` from one to the other leaves both below what `from` has now.
  bool is_relief(int from, int to, int64_t weight) const { return is_less(to, weight, from, 0); }
  /// All members, the most loaded first; equal ones in the order of their numbers.
  std::vector<int> heaviest_first() const;

 private:
  std::vector<int64_t> loads_;
  std::vector<int64_t> capacities_;
};

}  // namespace millrace::engine
