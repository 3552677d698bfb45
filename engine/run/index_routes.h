#pragma once

#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// Adds the paths that read stores by their indexes and follow them, if the topology has any.
/// `engine` must outlive the running server.
void add_index_routes(QueryServer& server, Engine& engine, const Topology& topology);

}  // namespace millrace::engine
