#include "engine/queries/data_flow.h"

#include <algorithm>

namespace millrace::engine {
namespace {

/// Whether a node of `other` writes the topic of this input: an exchange is a node of both, a sink
/// and a source share no more than the topic's name.
bool writes(const SubTopology& other, const Node& reader) {
  return std::ranges::any_of(other.nodes, [&](const ResolvedNode& resolved) {
    if (reader.kind == NodeKind::kExchange) return resolved.node == &reader;
    return resolved.node->kind == NodeKind::kSink && resolved.node->topic.name == reader.topic.name;
  });
}

}  // namespace

DataFlow::DataFlow(std::span<const SubTopology> sub_topologies) {
  for (const SubTopology& sub_topology : sub_topologies) {
    Part& part = parts_[sub_topology.index];
    part.partitions = sub_topology.partitions;
    for (const ResolvedInput& read : sub_topology.inputs) {
      Input input{.topic = read.topic, .writers = {}};
      const Node& reader = *sub_topology.nodes[read.node].node;
      for (const SubTopology& other : sub_topologies) {
        if (other.index != sub_topology.index && writes(other, reader)) {
          input.writers.insert(other.index);
        }
      }
      part.inputs.push_back(std::move(input));
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
