#pragma once

#include "engine/plan/planner_table.h"

namespace millrace::engine {

/// Decides the standbys of every task of the table, after its active tasks are placed; a local
/// search like theirs. REQUIRES: every task has an active and an intended member.
void place_standbys(PlannerTable& table, int replicas);

}  // namespace millrace::engine
