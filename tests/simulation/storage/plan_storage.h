#pragma once

#include "tests/simulation/plan.h"

namespace millrace::simulation {

/// Kinds that hit databases or snapshots: `plan_storage` draws their strikes, and nothing else
/// does.
bool is_of_storage(Kind kind);
/// Adds to a plan how the engine keeps and moves its state, and in worlds on disk strikes at that.
/// The rest of the plan is as it would be without.
void plan_storage(WorldPlan& plan, const PlanOptions& options);
std::string describe(const StoragePlan& plan);

}  // namespace millrace::simulation
