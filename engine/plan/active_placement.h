#pragma once

#include "engine/plan/planner_table.h"

namespace millrace::engine {

/// Decides `active` and `intended` of every task of the table; where they differ the task warms up.
/// REQUIRES: there is a member.
///
/// A local search: it starts from the previous plan's intention and makes one move after another
/// while one of them helps. Every intermediate placement satisfies the final constraints, so that
/// the result is a fixed point.
void place_active_tasks(PlannerTable& table, int warmups_max);

}  // namespace millrace::engine
