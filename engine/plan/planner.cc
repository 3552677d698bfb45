#include "engine/plan/planner.h"

#include "millrace/core/assert.h"

#include "engine/plan/active_placement.h"
#include "engine/plan/planner_table.h"
#include "engine/plan/standby_placement.h"

namespace millrace::engine {

Plan make_plan(const PlannerInput& input) {
  MILLRACE_ASSERT(input.standby_replicas >= 0 && input.warmups_max >= 0, "counts aren't negative");
  Plan plan;
  plan.generation = input.generation;
  plan.writer = input.writer;
  PlannerTable table(input);
  if (table.members() == 0) return plan;
  place_active_tasks(table, input.warmups_max);
  place_standbys(table, input.standby_replicas);
  const auto name = [&table](int m) { return table.member(m).instance; };
  for (const PlannedTask& task : table.tasks()) {
    Placement& placement = plan.placements.emplace_back();
    placement.task = task.about.task;
    placement.active = name(task.active);
    for (const int m : task.standbys) placement.standbys.push_back(name(m));
    if (task.intended != task.active) placement.warmups.push_back(name(task.intended));
  }
  return plan;
}

}  // namespace millrace::engine
