#pragma once

#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// Adds the path that reads stores by their indexes, if the topology has any. `engine` must outlive
/// the running server.
void add_index_routes(QueryServer& server, Engine& engine, const Topology& topology);

}  // namespace millrace::engine
