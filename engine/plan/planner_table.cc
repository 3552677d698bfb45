#include "engine/plan/planner_table.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

// Products of a load and a capacity are compared; a member has each task twice at most, as the
// active one and as a standby.
static_assert(2 * int64_t{kPlanTasksMax} * kTaskWeightMax <= INT64_MAX / kCapacityMax);

}  // namespace

PlannerTable::PlannerTable(const PlannerInput& input) : acceptable_lag_(input.acceptable_lag) {
  MILLRACE_ASSERT(input.acceptable_lag >= 0 && input.tasks.size() <= kPlanTasksMax,
                  "a planner's input within its bounds");
  for (const InstanceReport& member : input.members) {
    MILLRACE_ASSERT(member.capacity >= 1 && member.capacity <= kCapacityMax, "a legal capacity");
    members_.push_back(&member);
  }
  std::sort(members_.begin(), members_.end(),
            [](const auto* a, const auto* b) { return a->instance < b->instance; });
  const bool all_draining = std::all_of(members_.begin(), members_.end(),
                                        [](const auto* member) { return member->is_draining; });
  std::map<std::string_view, size_t> racks;
  for (const InstanceReport* member : members_) {
    MILLRACE_ASSERT(open_.empty() || members_[open_.size() - 1]->instance != member->instance,
                    "a member is listed once");
    open_.push_back(all_draining || !member->is_draining);
    racks_.push_back(racks.try_emplace(member->rack, racks.size()).first->second);
  }
  for (const TaskWeight& task : input.tasks) {
    MILLRACE_ASSERT(task.weight >= 1 && task.weight <= kTaskWeightMax, "a legal weight");
    tasks_.push_back({task, kNobody, kNobody, {}});
  }
  std::sort(tasks_.begin(), tasks_.end(),
            [](const auto& a, const auto& b) { return a.about.task < b.about.task; });
  measure_lags();
  if (input.previous != nullptr) read(*input.previous);
}

int PlannerTable::number_of(const std::string& instance) const {
  const auto found = std::lower_bound(
      members_.begin(), members_.end(), instance,
      [](const auto* member, const auto& name) { return member->instance < name; });
  if (found == members_.end() || (*found)->instance != instance) return kNobody;
  return static_cast<int>(found - members_.begin());
}

void PlannerTable::read(const Plan& previous) {
  for (PlannedTask& task : tasks_) {
    const Placement* const placement = previous.find(task.about.task);
    if (placement == nullptr) continue;
    task.active = number_of(placement->active);
    task.intended = task.active;
    for (const std::string& standby : placement->standbys) {
      const int m = number_of(standby);
      if (m != kNobody && is_open(m)) task.standbys.push_back(m);
    }
    for (const std::string& warmup : placement->warmups) {
      const int m = number_of(warmup);
      if (m != kNobody && is_open(m)) task.intended = m;
    }
  }
}

void PlannerTable::measure_lags() {
  const size_t width = members_.size();
  lags_.assign(tasks_.size() * width, 0);
  for (size_t t = 0; t < tasks_.size(); ++t) {
    if (!tasks_[t].about.is_stateful) continue;
    int64_t* const row = lags_.data() + t * width;
    for (size_t m = 0; m < width; ++m) {
      const auto held = members_[m]->held.find(tasks_[t].about.task);
      if (held != members_[m]->held.end()) row[m] = std::max<int64_t>(held->second, 0);
    }
    const int64_t most = width == 0 ? 0 : *std::max_element(row, row + width);
    for (size_t m = 0; m < width; ++m) row[m] = most - row[m];
  }
}

int64_t PlannerTable::lag(size_t task, int m) const {
  return lags_[task * members_.size() + static_cast<size_t>(m)];
}

bool PlannerTable::can_move_at_once(size_t task) const {
  for (int m = 0; m < members(); ++m) {
    if (is_open(m) && has_caught_up(task, m)) return true;
  }
  return false;
}

bool PlannerTable::holds_nothing(size_t task, int m) const {
  return !member(m).held.contains(tasks_[task].about.task);
}

Loads::Loads(const PlannerTable& table) : loads_(static_cast<size_t>(table.members()), 0) {
  for (int m = 0; m < table.members(); ++m) capacities_.push_back(table.member(m).capacity);
}

bool Loads::is_less(int a, int64_t weight_a, int b, int64_t weight_b) const {
  const auto i = static_cast<size_t>(a);
  const auto j = static_cast<size_t>(b);
  return (loads_[i] + weight_a) * capacities_[j] < (loads_[j] + weight_b) * capacities_[i];
}

std::vector<int> Loads::heaviest_first() const {
  std::vector<int> order(loads_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [this](int a, int b) { return is_less(b, 0, a, 0); });
  return order;
}

}  // namespace millrace::engine
