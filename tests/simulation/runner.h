#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "script.h"
#include "world.h"

namespace millrace::simulation {

/// The outcome of a script in a process of its own, so that an abort, a crash or an endless loop is
/// a failure like any other.
Outcome run_apart(const WorldScript& script);

/// Runs scripts, `workers` at a time in a process each, as long as `next` gives another one; hands
/// over each outcome, in no order.
void run_all(size_t workers, const std::function<bool(WorldScript&)>& next,
             const std::function<void(const WorldScript&, const Outcome&)>& done);

/// The indices of the fewest strikes found with which the script still fails. REQUIRES: it fails.
std::vector<size_t> shrink(const WorldScript& script);

}  // namespace millrace::simulation
