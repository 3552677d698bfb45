#include "engine/console/topology_graph.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

using nlohmann::ordered_json;

const char* kind_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::kSource:
      return "source";
    case NodeKind::kProcessor:
      return "processor";
    case NodeKind::kExchange:
      return "exchange";
    case NodeKind::kSink:
      return "sink";
  }
  return "processor";
}

}  // namespace

std::string topology_graph(const Topology& topology) {
  ordered_json nodes = ordered_json::array();
  ordered_json edges = ordered_json::array();
  for (size_t i = 0; i < topology.nodes().size(); ++i) {
    const Node& node = topology.nodes()[i];
    nodes.push_back({{"id", i},
                     {"name", node.name},
                     {"kind", kind_of(node.kind)},
                     {"topic", node.kind == NodeKind::kProcessor ? "" : node.topic.name},
                     {"stores", node.stores},
                     {"broadcasts", node.broadcasts}});
    for (const NodeIndex child : node.children) edges.push_back({i, child});
  }
  ordered_json stores = ordered_json::array();
  for (const StoreSpec& store : topology.stores()) {
    stores.push_back({{"name", store.name},
                      {"changelog", store.changelog},
                      {"in_memory", store.in_memory},
                      {"timers", store.timers.has_value()}});
  }
  const ordered_json graph{{"name", topology.name()},
                           {"nodes", std::move(nodes)},
                           {"edges", std::move(edges)},
                           {"stores", std::move(stores)}};
  return graph.dump() + "\n";
}

const char* const kTopologyGraphSchema = R"({
  "type": "object", "required": ["name", "nodes", "edges", "stores"],
  "properties": {
    "name": {"type": "string"},
    "nodes": {"type": "array", "items": {
      "type": "object", "required": ["id", "name", "kind", "topic", "stores", "broadcasts"],
      "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": ["source", "processor", "exchange", "sink"]},
        "topic": {"type": "string"},
        "stores": {"type": "array", "items": {"type": "string"}},
        "broadcasts": {"type": "array", "items": {"type": "string"}}}}},
    "edges": {"type": "array", "items": {
      "type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}},
    "stores": {"type": "array", "items": {
      "type": "object", "required": ["name", "changelog", "in_memory", "timers"],
      "properties": {
        "name": {"type": "string"},
        "changelog": {"type": "boolean"},
        "in_memory": {"type": "boolean"},
        "timers": {"type": "boolean"}}}}}})";

}  // namespace millrace::engine
