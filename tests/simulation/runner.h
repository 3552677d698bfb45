#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plan.h"
#include "world.h"

namespace millrace::simulation {

/// The outcome of a plan in a process of its own, so that an abort, a crash or an endless loop is a
/// failure like any other.
Outcome run_apart(const WorldPlan& plan);

/// Runs plans, `workers` at a time in a process each, as long as `next` gives another one; hands
/// over each outcome, in no order.
void run_all(size_t workers, const std::function<bool(WorldPlan&)>& next,
             const std::function<void(const WorldPlan&, const Outcome&)>& done);

/// The indices of the fewest strikes found with which the plan still fails. REQUIRES: it fails.
std::vector<size_t> shrink(const WorldPlan& plan);

}  // namespace millrace::simulation
