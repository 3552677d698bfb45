#include "engine/plan/standby_placement.h"

#include <algorithm>

namespace millrace::engine {
namespace {

using Members = std::vector<int>;

bool contains(const Members& members, int m) {
  return std::find(members.begin(), members.end(), m) != members.end();
}

class StandbyPlacer {
 public:
  StandbyPlacer(PlannerTable& table, int replicas)
      : table_(table),
        tasks_(table.tasks()),
        replicas_(static_cast<size_t>(replicas)),
        loads_(table),
        tasks_of_(static_cast<size_t>(table.members())) {}

  void run() {
    for (size_t t = 0; t < tasks_.size(); ++t) {
      PlannedTask& task = tasks_[t];
      std::erase(task.standbys, task.active);
      if (!task.about.is_stateful) task.standbys.clear();
      old_.push_back(task.standbys);
      if (task.standbys.size() > replicas_) task.standbys.resize(replicas_);
      loads_.add(task.intended, task.about.weight);
      for (const int m : task.standbys) give(t, m);
    }
    for (size_t t = 0; t < tasks_.size(); ++t) fill(t);
    bool is_changed = true;
    while (is_changed) {
      is_changed = false;
      for (size_t t = 0; t < tasks_.size(); ++t) {
        while (spread(t)) is_changed = true;
      }
      while (rebalance()) is_changed = true;
    }
    for (size_t t = 0; t < tasks_.size(); ++t) keep_until_replaced(t);
  }

 private:
  void fill(size_t t) {
    PlannedTask& task = tasks_[t];
    while (task.about.is_stateful && task.standbys.size() < replicas_) {
      const int m = best_instead_of(t, kNobody);
      if (m == kNobody) return;
      task.standbys.push_back(m);
      give(t, m);
    }
  }

  /// Replaces one standby by a member on a rack that the task is on less often.
  bool spread(size_t t) {
    for (const int m : tasks_[t].standbys) {
      if (neighbours(t, m, m) == 0) continue;
      const int other = best_instead_of(t, m);
      if (other == kNobody || neighbours(t, other, m) >= neighbours(t, m, m)) continue;
      replace(t, m, other);
      return true;
    }
    return false;
  }

  /// Replaces one standby where that evens out the loads of two members, racks being the same.
  bool rebalance() {
    const Members order = loads_.heaviest_first();
    for (const int from : order) {
      for (auto to = order.rbegin(); to != order.rend(); ++to) {
        if (!table_.is_open(*to) || !loads_.is_relief(from, *to, 1)) continue;
        const size_t t = best_to_move(from, *to);
        if (t == tasks_.size()) continue;
        replace(t, from, *to);
        return true;
      }
    }
    return false;
  }

  /// The heaviest, preferably one that can continue at once. The number of tasks: none.
  size_t best_to_move(int from, int to) const {
    size_t best = tasks_.size();
    for (const size_t t : tasks_of_[static_cast<size_t>(from)]) {
      const PlannedTask& task = tasks_[t];
      if (!may_follow(t, to)) continue;
      if (!loads_.is_relief(from, to, task.about.weight)) continue;
      if (neighbours(t, to, from) > neighbours(t, from, from)) continue;
      const int32_t best_weight = best == tasks_.size() ? 0 : tasks_[best].about.weight;
      const bool is_as_heavy = task.about.weight == best_weight;
      if (task.about.weight > best_weight ||
          (is_as_heavy && table_.has_caught_up(t, to) && !table_.has_caught_up(best, to))) {
        best = t;
      }
    }
    return best;
  }

  int best_instead_of(size_t t, int leaving) const {
    int best = kNobody;
    for (int m = 0; m < table_.members(); ++m) {
      if (!may_follow(t, m)) continue;
      if (best == kNobody || is_better(t, m, best, leaving)) best = m;
    }
    return best;
  }

  bool is_better(size_t t, int a, int b, int leaving) const {
    const int near_a = neighbours(t, a, leaving);
    const int near_b = neighbours(t, b, leaving);
    if (near_a != near_b) return near_a < near_b;
    const bool has_a = table_.has_caught_up(t, a);
    if (has_a != table_.has_caught_up(t, b)) return has_a;
    const int32_t weight = tasks_[t].about.weight;
    return loads_.is_less(a, weight, b, weight);
  }

  bool may_follow(size_t t, int m) const {
    return table_.is_open(m) && m != tasks_[t].active && !contains(tasks_[t].standbys, m);
  }

  /// How many of those that have the task, without `leaving`, are on m's rack.
  int neighbours(size_t t, int m, int leaving) const {
    int count = table_.are_on_one_rack(m, tasks_[t].intended) ? 1 : 0;
    for (const int standby : tasks_[t].standbys) {
      if (standby != leaving && table_.are_on_one_rack(m, standby)) ++count;
    }
    return count;
  }

  void replace(size_t t, int from, int to) {
    Members& standbys = tasks_[t].standbys;
    *std::find(standbys.begin(), standbys.end(), from) = to;
    loads_.add(from, -tasks_[t].about.weight);
    std::erase(tasks_of_[static_cast<size_t>(from)], t);
    give(t, to);
  }

  void give(size_t t, int m) {
    std::vector<size_t>& tasks = tasks_of_[static_cast<size_t>(m)];
    tasks.insert(std::lower_bound(tasks.begin(), tasks.end(), t), t);
    loads_.add(m, tasks_[t].about.weight);
  }

  /// Keeps one of the earlier standbys for every wanted one that is still behind.
  void keep_until_replaced(size_t t) {
    Members& standbys = tasks_[t].standbys;
    auto behind = std::count_if(standbys.begin(), standbys.end(),
                                [&](int m) { return !table_.has_caught_up(t, m); });
    for (const int m : old_[t]) {
      if (behind == 0) return;
      if (contains(standbys, m) || !table_.has_caught_up(t, m)) continue;
      standbys.push_back(m);
      --behind;
    }
  }

  PlannerTable& table_;
  std::vector<PlannedTask>& tasks_;
  const size_t replicas_;
  Loads loads_;                                ///< of standbys and of the tasks intended
  std::vector<std::vector<size_t>> tasks_of_;  ///< standbys of a member, ascending
  std::vector<Members> old_;
};

}  // namespace

void place_standbys(PlannerTable& table, int replicas) {
  StandbyPlacer(table, replicas).run();
}

}  // namespace millrace::engine
