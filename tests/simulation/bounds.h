#pragma once

#include "millrace/engine/engine.h"

#include "jobs/job.h"
#include "script.h"

namespace millrace::simulation {

/// The memory that an instance says it uses is within its settings, so far as these promise: what
/// is uncommitted, fetched, and cached.
Finding check_bounds(const std::string& instance, Engine& engine, const WorldScript& script);

}  // namespace millrace::simulation
