#include "engine/plan/active_placement.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace millrace::engine {
namespace {

class ActivePlacer {
 public:
  ActivePlacer(PlannerTable& table, int warmups_max)
      : table_(table),
        tasks_(table.tasks()),
        warmups_max_(warmups_max),
        loads_(table),
        tasks_of_(static_cast<size_t>(table.members())),
        counts_(static_cast<size_t>(table.members())) {}

  void run() {
    take_intentions();
    // First the tasks that have little choice; the others fill up the rest.
    for (const bool has_choice : {false, true}) {
      for (size_t t = 0; t < tasks_.size(); ++t) {
        if (has_everybody(t) == has_choice) find_home(t);
      }
    }
    while (evacuate() || rebalance(Way::kAtOnce) || rebalance(Way::kWarmingUp)) {
    }
    for (size_t t = 0; t < tasks_.size(); ++t) {
      if (table_.has_caught_up(t, tasks_[t].intended)) tasks_[t].active = tasks_[t].intended;
    }
  }

 private:
  enum class Way : unsigned char { kAtOnce, kWarmingUp };

  void take_intentions() {
    for (size_t t = 0; t < tasks_.size(); ++t) {
      PlannedTask& task = tasks_[t];
      if (is_warming_up(t) && ++warmups_ > warmups_max_) {
        task.intended = task.active;
        --warmups_;
      }
      if (task.intended != kNobody) take(t, task.intended);
    }
  }

  /// Replaces an active member that may not keep the task, or lost its state, by one that can
  /// continue at once; and one that is gone by any member.
  void find_home(size_t t) {
    PlannedTask& task = tasks_[t];
    const bool is_gone = task.active == kNobody;
    const bool is_unfit =
        !is_gone && (!table_.is_open(task.active) || (table_.holds_nothing(t, task.active) &&
                                                      !table_.has_caught_up(t, task.active)));
    if (!is_gone && !(is_unfit && table_.can_move_at_once(t))) return;
    const bool was_warming_up = is_warming_up(t);
    const int old = task.active;
    task.active = best_home(t);
    if (task.intended == old || task.intended == kNobody) intend(t, task.active);
    warmups_ += (is_warming_up(t) ? 1 : 0) - (was_warming_up ? 1 : 0);
    if (is_warming_up(t) && warmups_ > warmups_max_) {
      intend(t, task.active);
      --warmups_;
    }
  }

  int best_home(size_t t) const {
    int best = kNobody;
    for (int m = 0; m < table_.members(); ++m) {
      if (table_.is_open(m) && (best == kNobody || is_better_home(t, m, best))) best = m;
    }
    return best;
  }

  bool is_better_home(size_t t, int a, int b) const {
    const bool has_a = table_.has_caught_up(t, a);
    if (has_a != table_.has_caught_up(t, b)) return has_a;
    if (!has_a && table_.lag(t, a) != table_.lag(t, b)) return table_.lag(t, a) < table_.lag(t, b);
    const bool is_standby = is_standby_of(t, a);
    if (is_standby != is_standby_of(t, b)) return is_standby;
    const int32_t weight = tasks_[t].about.weight;
    if (loads_.is_less(a, weight, b, weight)) return true;
    if (loads_.is_less(b, weight, a, weight)) return false;
    if (count(t, a) != count(t, b)) return count(t, a) < count(t, b);
    return table_.lag(t, a) < table_.lag(t, b);
  }

  /// Makes one task of a draining member warm up elsewhere; those that can move at once have moved.
  bool evacuate() {
    if (warmups_ >= warmups_max_) return false;
    for (size_t t = 0; t < tasks_.size(); ++t) {
      if (table_.is_open(tasks_[t].intended)) continue;
      intend(t, best_home(t));
      ++warmups_;
      return true;
    }
    return false;
  }

  /// Makes one move that evens out the loads of two members: from the most loaded to the least
  /// loaded one that it can go to.
  bool rebalance(Way way) {
    const std::vector<int> order = loads_.heaviest_first();
    for (const int from : order) {
      if (!table_.is_open(from)) continue;
      for (auto to = order.rbegin(); to != order.rend(); ++to) {
        if (!table_.is_open(*to) || !loads_.is_relief(from, *to, 1)) continue;
        const size_t t = best_to_move(from, *to, way);
        if (t == tasks_.size()) continue;
        const bool was_warming_up = is_warming_up(t);
        intend(t, *to);
        warmups_ += (is_warming_up(t) ? 1 : 0) - (was_warming_up ? 1 : 0);
        return true;
      }
    }
    return false;
  }

  /// The heaviest; among equals the one of the sub-topology in which the two differ most, so that
  /// a sub-topology's tasks spread too; among these the one that `to` holds most of. The number of
  /// tasks: none.
  size_t best_to_move(int from, int to, Way way) const {
    size_t best = tasks_.size();
    for (const size_t t : tasks_of_[static_cast<size_t>(from)]) {
      if (!may_move(t, from, to, way)) continue;
      if (best == tasks_.size()) {
        best = t;
        continue;
      }
      const auto worth = [&](size_t task) {
        return std::tuple(tasks_[task].about.weight, count(task, from) - count(task, to),
                          -table_.lag(task, to));
      };
      if (worth(t) > worth(best)) best = t;
    }
    return best;
  }

  bool may_move(size_t t, int from, int to, Way way) const {
    if (!loads_.is_relief(from, to, tasks_[t].about.weight)) return false;
    const bool at_once = to == tasks_[t].active || table_.has_caught_up(t, to);
    if (way == Way::kAtOnce) return at_once;
    return !at_once && (warmups_ < warmups_max_ || (is_warming_up(t) && warmups_ <= warmups_max_));
  }

  bool is_warming_up(size_t t) const {
    const PlannedTask& task = tasks_[t];
    return task.active != kNobody && task.intended != kNobody && task.intended != task.active &&
           !table_.has_caught_up(t, task.intended);
  }

  bool is_standby_of(size_t t, int m) const {
    const std::vector<int>& standbys = tasks_[t].standbys;
    return std::find(standbys.begin(), standbys.end(), m) != standbys.end();
  }

  bool has_everybody(size_t t) const {
    for (int m = 0; m < table_.members(); ++m) {
      if (table_.is_open(m) && !table_.has_caught_up(t, m)) return false;
    }
    return true;
  }

  /// The number of tasks of t's sub-topology that m is to run.
  int count(size_t t, int m) const {
    const auto& counts = counts_[static_cast<size_t>(m)];
    const auto found = counts.find(tasks_[t].about.task.sub_topology);
    return found == counts.end() ? 0 : found->second;
  }

  void intend(size_t t, int m) {
    PlannedTask& task = tasks_[t];
    if (task.intended != kNobody) {
      const auto from = static_cast<size_t>(task.intended);
      loads_.add(task.intended, -task.about.weight);
      std::erase(tasks_of_[from], t);
      --counts_[from][task.about.task.sub_topology];
    }
    task.intended = m;
    take(t, m);
  }

  void take(size_t t, int m) {
    const auto to = static_cast<size_t>(m);
    loads_.add(m, tasks_[t].about.weight);
    tasks_of_[to].insert(std::lower_bound(tasks_of_[to].begin(), tasks_of_[to].end(), t), t);
    ++counts_[to][tasks_[t].about.task.sub_topology];
  }

  PlannerTable& table_;
  std::vector<PlannedTask>& tasks_;
  const int warmups_max_;
  Loads loads_;                                ///< as intended
  std::vector<std::vector<size_t>> tasks_of_;  ///< as intended, ascending
  std::vector<std::map<int32_t, int>> counts_;
  int warmups_ = 0;  ///< tasks that wait for their intended member to catch up
};

}  // namespace

void place_active_tasks(PlannerTable& table, int warmups_max) {
  ActivePlacer(table, warmups_max).run();
}

}  // namespace millrace::engine
