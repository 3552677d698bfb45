#pragma once

#include <functional>
#include <string>

#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// How this instance describes itself, to its callers and to other instances.
struct InstanceViews {
  std::function<std::string()> health;   ///< as `/v1/health`
  std::function<std::string()> metrics;  ///< as `/v1/metrics`
  std::function<std::string()> history;  ///< of `History`
};

/// `/v1/instances`; `/v1/instances/{instance}/health`, `metrics` and `history`, which any instance
/// answers for all; and the path at which the others ask for them.
void add_instance_routes(QueryServer& server, const Engine& engine, InstanceViews views);

}  // namespace millrace::engine
