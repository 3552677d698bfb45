#include "fleet.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

template <class List>
bool contains(const List& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

void Fleet::add_tasks(int32_t sub_topology, int32_t count, bool is_stateful, int32_t weight) {
  for (int32_t p = 0; p < count; ++p) tasks.push_back({{sub_topology, p}, weight, is_stateful});
}

Fleet::Instance& Fleet::start(const std::string& name) {
  Instance& instance = instances[name];
  instance.is_up = true;
  instance.is_draining = false;
  return instance;
}

PlannerInput Fleet::input() const {
  PlannerInput made;
  made.generation = plan.generation + 1;
  made.writer = "leader";
  made.tasks = tasks;
  made.previous = &plan;
  made.standby_replicas = standby_replicas;
  made.acceptable_lag = acceptable_lag;
  made.warmups_max = warmups_max;
  for (const auto& [name, instance] : instances) {
    if (!instance.is_up) continue;
    InstanceReport& report = made.members.emplace_back();
    report.instance = name;
    report.rack = instance.rack;
    report.capacity = instance.capacity;
    report.is_draining = instance.is_draining;
    report.held = instance.disk;
  }
  return made;
}

std::string Fleet::replan() {
  PlannerInput given = input();
  const Plan next = make_plan(given);
  std::string wrong = fault(next);
  std::reverse(given.members.begin(), given.members.end());
  std::reverse(given.tasks.begin(), given.tasks.end());
  if (wrong.empty() && make_plan(given) != next) wrong = "the order of the input matters";
  given.previous = &next;
  if (wrong.empty() && make_plan(given).placements != next.placements) {
    wrong = "the next plan differs, though nothing happened";
  }
  Plan told = next;
  told.members[told.writer] = "id";
  for (const InstanceReport& member : given.members) told.members[member.instance] = "id";
  const auto encoded = encode_plan(told);
  if (wrong.empty() && (!encoded.ok() || decode_plan(Bytes(*encoded)).value() != told)) {
    wrong = "the plan cannot be told";
  }
  plan = next;
  return wrong;
}

std::string Fleet::fault(const Plan& next) const {
  const bool has_members =
      std::any_of(instances.begin(), instances.end(), [](const auto& i) { return i.second.is_up; });
  if (next.placements.size() != (has_members ? tasks.size() : 0)) return "a task is missing";
  size_t warmups = 0;
  for (const Placement& now : next.placements) {
    const auto task = std::find_if(tasks.begin(), tasks.end(),
                                   [&](const TaskWeight& t) { return t.task == now.task; });
    if (task == tasks.end()) return "a task that nobody knows";
    warmups += now.warmups.size();
    const std::string wrong = fault(*task, now, plan.find(now.task));
    if (!wrong.empty()) return fmt::format("task {}: {}", now.task.to_string(), wrong);
  }
  return warmups > static_cast<size_t>(warmups_max) ? "too many warmups" : "";
}

std::string Fleet::fault(const TaskWeight& task, const Placement& now,
                         const Placement* before) const {
  if (!is_up(now.active)) return "runs on nobody";
  for (const std::string& name : now.warmups) {
    if (!is_open(name)) return "warms up on " + name + ", which is not open";
    if (!task.is_stateful || has_caught_up(name, task)) return "warms up without need";
  }
  std::string wrong = fault_of_active(task, now, before);
  return wrong.empty() ? fault_of_standbys(task, now) : wrong;
}

std::string Fleet::fault_of_active(const TaskWeight& task, const Placement& now,
                                   const Placement* before) const {
  const std::string old = before == nullptr ? "" : before->active;
  if (now.active == old) {
    if (is_open(old)) return "";
    for (const auto& [name, instance] : instances) {
      if (is_open(name) && has_caught_up(name, task)) return name + " could relieve " + old;
    }
    return "";
  }
  if (!is_open(now.active)) return "went to one that is not open";
  if (has_caught_up(now.active, task)) return "";
  if (is_up(old)) return "moved to " + now.active + ", which is behind";
  for (const auto& [name, instance] : instances) {
    if (is_open(name) && lag(name, task) < lag(now.active, task)) return name + " is less behind";
  }
  return "";
}

std::string Fleet::fault_of_standbys(const TaskWeight& task, const Placement& now) const {
  size_t possible = 0;
  for (const auto& [name, instance] : instances) {
    if (is_open(name) && name != now.active) ++possible;
  }
  const auto wanted = static_cast<size_t>(task.is_stateful ? standby_replicas : 0);
  if (now.standbys.size() < std::min(wanted, possible)) return "too few standbys";
  if (now.standbys.size() > 2 * wanted) return "too many standbys";
  for (const std::string& name : now.standbys) {
    if (!is_open(name)) return "a standby on " + name + ", which is not open";
  }
  return "";
}

void Fleet::catch_up() {
  for (auto& [name, instance] : instances) {
    if (instance.is_up) catch_up(name);
  }
}

void Fleet::catch_up(const std::string& instance) {
  for (const TaskWeight& task : tasks) {
    const Placement* const placement = plan.find(task.task);
    if (!task.is_stateful || placement == nullptr) continue;
    if (placement->active == instance || contains(placement->standbys, instance) ||
        contains(placement->warmups, instance)) {
      instances.at(instance).disk[task.task] = ends[task.task];
    }
  }
}

void Fleet::produce(int64_t changes) {
  for (const Placement& placement : plan.placements) {
    const auto active = instances.find(placement.active);
    const auto task = std::find_if(tasks.begin(), tasks.end(), [&](const TaskWeight& t) {
      return t.task == placement.task && t.is_stateful;
    });
    if (task == tasks.end() || active == instances.end() || !active->second.is_up) continue;
    active->second.disk[placement.task] = ends[placement.task] += changes;
  }
}

std::string Fleet::settle() {
  for (size_t round = 0; round < 2 * tasks.size() + 5; ++round) {
    const Plan before = plan;
    catch_up();
    std::string wrong = replan();
    if (!wrong.empty()) return wrong;
    if (plan.placements == before.placements) return "";
  }
  return "it does not come to rest";
}

std::string Fleet::unsettled() const {
  std::map<std::string, int64_t> loads;
  for (const auto& [name, instance] : instances) {
    if (is_open(name)) loads[name] = 0;
  }
  for (const TaskWeight& task : tasks) {
    const Placement* const placement = plan.find(task.task);
    if (placement == nullptr) return loads.empty() ? "" : "a task is missing";
    if (!placement->warmups.empty()) return "a warmup is left";
    if (!loads.contains(placement->active)) return placement->active + " is not left alone";
    loads[placement->active] += task.weight;
  }
  for (const TaskWeight& task : tasks) {
    const std::string& from = of(task.task).active;
    for (const auto& [to, load] : loads) {
      const int64_t now = loads.at(from) * instances.at(to).capacity;
      const int64_t then = (load + task.weight) * instances.at(from).capacity;
      if (from != to && then < now) {
        return fmt::format("task {} should go from {} to {}", task.task.to_string(), from, to);
      }
    }
  }
  return "";
}

namespace {

template <class Belongs>
std::vector<TaskId> select(const Plan& plan, Belongs&& belongs) {
  std::vector<TaskId> found;
  for (const Placement& placement : plan.placements) {
    if (belongs(placement)) found.push_back(placement.task);
  }
  return found;
}

}  // namespace

std::vector<TaskId> Fleet::tasks_of(const std::string& instance) const {
  return select(plan, [&](const Placement& p) { return p.active == instance; });
}

std::vector<TaskId> Fleet::standbys_of(const std::string& instance) const {
  return select(plan, [&](const Placement& p) { return contains(p.standbys, instance); });
}

std::vector<TaskId> Fleet::warmups_of(const std::string& instance) const {
  return select(plan, [&](const Placement& p) { return contains(p.warmups, instance); });
}

std::vector<TaskId> Fleet::moved_since(const Plan& before) const {
  return select(plan, [&](const Placement& p) {
    const Placement* const old = before.find(p.task);
    return old != nullptr && old->active != p.active;
  });
}

bool Fleet::is_up(const std::string& name) const {
  const auto found = instances.find(name);
  return found != instances.end() && found->second.is_up;
}

bool Fleet::is_open(const std::string& name) const {
  if (!is_up(name)) return false;
  const bool all_draining = std::all_of(instances.begin(), instances.end(), [](const auto& i) {
    return !i.second.is_up || i.second.is_draining;
  });
  return all_draining || !instances.at(name).is_draining;
}

int64_t Fleet::position(const std::string& name, TaskId task) const {
  const auto& disk = instances.at(name).disk;
  const auto found = disk.find(task);
  return found == disk.end() ? 0 : found->second;
}

int64_t Fleet::lag(const std::string& name, const TaskWeight& task) const {
  if (!task.is_stateful) return 0;
  int64_t most = 0;
  for (const auto& [other, instance] : instances) {
    if (instance.is_up) most = std::max(most, position(other, task.task));
  }
  return most - position(name, task.task);
}

bool Fleet::has_caught_up(const std::string& name, const TaskWeight& task) const {
  return lag(name, task) <= acceptable_lag;
}

}  // namespace millrace::engine
