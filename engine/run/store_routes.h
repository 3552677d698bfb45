#pragma once

#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// `/v1/stores/{store}`, `/v1/stores/{store}/rows`, `/v1/token`, and rows for other instances.
/// `engine` must outlive the running server.
void add_store_routes(QueryServer& server, Engine& engine, const Topology& topology);

}  // namespace millrace::engine
