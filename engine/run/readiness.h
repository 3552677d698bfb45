#pragma once

#include <string>

#include "millrace/engine/engine.h"

namespace millrace::engine {

/// Why `/v1/ready` answers 503; empty: the instance is in the plan of its group, has restored all
/// of its part, and is not drained. Any thread.
std::string reason_against(const Engine& engine);

/// State, tasks by stage, lag and freshness of the instance in one line. Any thread.
std::string status_line(const Engine& engine);

}  // namespace millrace::engine
