#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"

namespace millrace {

/// Where a node's records go.
struct ResolvedChild {
  uint32_t node = 0;    ///< index into `SubTopology::nodes`
  uint32_t parent = 0;  ///< the sending node's number among that node's parents

  friend bool operator==(const ResolvedChild&, const ResolvedChild&) = default;
};

/// A node in a sub-topology, with names resolved to indices.
struct ResolvedNode {
  const Node* node = nullptr;
  std::vector<ResolvedChild> children;
  int32_t output = -1;          ///< kSink, kExchange: index into `ResolvedTopology::output_topics`
  bool rows_in_store = false;   ///< kSink that coalesces: it is among `ResolvedStore::sinks`
  std::string outbox;           ///< kSink that coalesces: else the outbox that it writes to
  bool continues_here = false;  ///< kExchange: what follows belongs to this sub-topology
};

/// An input of a sub-topology's tasks: the topic of a source or of an exchange.
struct ResolvedInput {
  uint32_t node = 0;    ///< index into `SubTopology::nodes`
  std::string topic;    ///< whole name
  int32_t output = -1;  ///< kExchange: index into `ResolvedTopology::output_topics`
  /// Stores (indices into `SubTopology::stores`) that nodes read at the very key of a record, so
  /// that the task can fetch a slice's rows together.
  std::vector<uint32_t> prefetch;
};

struct ResolvedStore {
  const StoreSpec* spec = nullptr;
  std::string changelog_topic;  ///< whole name; empty: it has none
  int32_t output = -1;          ///< of the changelog
  /// Table sinks (indices into `SubTopology::nodes`) whose rows are the store's.
  std::vector<uint32_t> sinks;
  uint32_t timer_node = 0;  ///< of timers: index into `SubTopology::nodes` of the node they call
};

/// A part of the DAG that no topic divides; it runs as `partitions` tasks, which share it. An
/// exchange whose two sides are in different sub-topologies is a node of both.
struct SubTopology {
  int32_t index = 0;
  int32_t partitions = 0;
  std::vector<ResolvedNode> nodes;  ///< in the topology's order
  std::vector<ResolvedInput> inputs;
  std::vector<ResolvedStore> stores;

  bool has_wall_timers() const;
};

struct InternalTopic {
  std::string name;  ///< whole name
  int32_t partitions = 0;
  bool is_changelog = false;  ///< else of an exchange
};

/// A topology with the partition counts that its topics really have. Points into the topology,
/// which must outlive it.
struct ResolvedTopology {
  std::vector<SubTopology> sub_topologies;
  std::vector<InternalTopic> internal_topics;
  /// Every topic that tasks write, once, by whole name.
  std::vector<std::string> output_topics;
  /// Every broadcast topic with its partition count.
  std::vector<std::pair<std::string, int32_t>> broadcast_partitions;
};

/// `partition_count(topic)` returns the count of an external topic, nullopt when it doesn't exist.
///
/// Exchanges whose upstream has the partition count they need join both sides into one
/// sub-topology; others split. Error: `kConfig`, naming the nodes: missing topics, sources of one
/// sub-topology whose counts differ (not co-partitioned).
Result<ResolvedTopology> resolve(
    const Topology& topology, std::string_view application_id,
    const std::function<std::optional<int32_t>(const std::string& topic)>& partition_count);

}  // namespace millrace
