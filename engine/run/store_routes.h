#pragma once

#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// `/v1/stores/{store}`, its `rows` and `changes`, `/v1/token`, and rows and changes for other
/// instances. `engine` must outlive the running server. `masks`: see `add_engine_routes`.
void add_store_routes(QueryServer& server, Engine& engine, const Topology& topology,
                      RowMasks masks);

}  // namespace millrace::engine
