#include "engine/queries/data_flow.h"

#include <algorithm>
#include <set>

namespace millrace::engine {
namespace {

/// The nodes that records of an input reach without passing a topic, the last ones included: sinks
/// and exchanges.
std::set<const Node*> reach_of(const SubTopology& sub_topology, const ResolvedInput& input) {
  std::set<const Node*> reached;
  std::vector<uint32_t> open{input.node};
  while (!open.empty()) {
    const ResolvedNode& from = sub_topology.nodes[open.back()];
    open.pop_back();
    for (const ResolvedChild& child : from.children) {
      const Node* const node = sub_topology.nodes[child.node].node;
      if (!reached.insert(node).second || node->kind == NodeKind::kExchange) continue;
      open.push_back(child.node);
    }
  }
  return reached;
}

/// Whether one of the nodes writes what `reader` reads: an exchange is both, a sink and a source
/// share the topic's name.
bool writes(const std::set<const Node*>& nodes, const Node& reader) {
  if (reader.kind == NodeKind::kExchange) return nodes.contains(&reader);
  return std::ranges::any_of(nodes, [&](const Node* node) {
    return node->kind == NodeKind::kSink && node->topic.name == reader.topic.name;
  });
}

}  // namespace

DataFlow::DataFlow(std::span<const SubTopology> sub_topologies) {
  std::map<InputId, std::set<const Node*>> reaches;
  for (const SubTopology& sub_topology : sub_topologies) {
    Part& part = parts_[sub_topology.index];
    part.partitions = sub_topology.partitions;
    for (size_t i = 0; i < sub_topology.inputs.size(); ++i) {
      const ResolvedInput& input = sub_topology.inputs[i];
      part.inputs.push_back({.topic = input.topic, .before = {}});
      reaches[{sub_topology.index, i}] = reach_of(sub_topology, input);
    }
  }
  for (const SubTopology& sub_topology : sub_topologies) {
    for (size_t i = 0; i < sub_topology.inputs.size(); ++i) {
      const Node& reader = *sub_topology.nodes[sub_topology.inputs[i].node].node;
      for (const auto& [before, nodes] : reaches) {
        if (!writes(nodes, reader)) continue;
        parts_[sub_topology.index].inputs[i].before.push_back(before);
      }
    }
  }
}

bool DataFlow::is_input(const TopicPartition& partition) const {
  return std::ranges::any_of(parts_, [&](const auto& entry) {
    return partition.partition >= 0 && partition.partition < entry.second.partitions &&
           std::ranges::any_of(entry.second.inputs,
                               [&](const Input& input) { return input.topic == partition.topic; });
  });
}

const std::vector<DataFlow::Input>& DataFlow::inputs_of(int32_t sub_topology) const {
  return parts_.at(sub_topology).inputs;
}

int32_t DataFlow::partitions_of(int32_t sub_topology) const {
  return parts_.at(sub_topology).partitions;
}

}  // namespace millrace::engine
