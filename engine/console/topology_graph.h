#pragma once

#include <string>

#include "millrace/core/topology.h"

namespace millrace::engine {

/// The topology as JSON: nodes, the edges between their numbers, and stores.
std::string topology_graph(const Topology& topology);

/// JSON Schema of that.
extern const char* const kTopologyGraphSchema;

}  // namespace millrace::engine
