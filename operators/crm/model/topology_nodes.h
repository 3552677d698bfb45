#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"
#include "millrace/core/topology.h"

#include "crm/model/composite_key.h"
#include "crm/model/output_topic.h"

namespace millrace::crm {

template <class K, class V>
TopicUse use_of(Topic<K, V> topic) {
  return {std::string(topic.name), type_info<K>(), type_info<V>()};
}

/// Collects the nodes of a topology. A child is added after its parents, so children keep the order
/// of adding. Topics that sinks write have `output_prefix`.
class Nodes {
 public:
  explicit Nodes(std::string output_prefix) : output_prefix_(std::move(output_prefix)) {}

  /// `topic` under the name that this topology writes.
  TopicUse output(TopicUse topic) const {
    topic.name = output_topic(topic.name, output_prefix_);
    return topic;
  }
  NodeIndex add(Node node, std::vector<NodeIndex> parents) {
    const auto index = static_cast<NodeIndex>(nodes_.size());
    for (const NodeIndex parent : parents) nodes_[parent].children.push_back(index);
    node.parents = std::move(parents);
    nodes_.push_back(std::move(node));
    return index;
  }
  NodeIndex source(std::string name, TopicUse topic) {
    Node node;
    node.name = std::move(name);
    node.kind = NodeKind::kSource;
    node.topic = std::move(topic);
    return add(std::move(node), {});
  }
  NodeIndex processor(std::string name, ProcessorFactory factory, std::vector<NodeIndex> parents,
                      std::vector<std::string_view> stores = {},
                      std::vector<std::string_view> reads_at_key = {}) {
    Node node;
    node.name = std::move(name);
    node.factory = std::move(factory);
    node.stores.assign(stores.begin(), stores.end());
    node.reads_at_key.assign(reads_at_key.begin(), reads_at_key.end());
    return add(std::move(node), std::move(parents));
  }
  /// Of tables `Value`. `check`: of what comes from the topic, which anybody may have written.
  template <class Value>
  NodeIndex exchange(std::string name, Status (*check)(Bytes key, Bytes value),
                     std::vector<NodeIndex> parents, int32_t partitions = 0) {
    Node node;
    node.name = name;
    node.kind = NodeKind::kExchange;
    node.topic = {std::move(name), type_info<std::string>(), type_info<Value>(), check};
    node.partitions = partitions;
    return add(std::move(node), std::move(parents));
  }
  NodeIndex sink(std::string name, TopicUse topic, NodeIndex parent, bool coalesce) {
    Node node;
    node.name = std::move(name);
    node.kind = NodeKind::kSink;
    node.topic = output(std::move(topic));
    node.coalesce = coalesce;
    return add(std::move(node), {parent});
  }
  /// `child` comes after the other children of `parent`.
  void connect(NodeIndex parent, NodeIndex child) {
    nodes_[parent].children.push_back(child);
    nodes_[child].parents.push_back(parent);
  }
  /// REQUIRES: there is a node of this name.
  NodeIndex find(std::string_view name) const {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].name == name) return i;
    }
    MILLRACE_ASSERT(false, "no node has this name");
    std::abort();
  }
  Node& operator[](NodeIndex index) { return nodes_[index]; }
  std::vector<Node> take() { return std::move(nodes_); }

 private:
  std::string output_prefix_;
  std::vector<Node> nodes_;
};

/// A store with text as keys. `check`: of rows from its changelog.
template <class Value>
StoreSpec store_of(std::string_view name, PairCheck check = {}) {
  return {.name = std::string(name),
          .key = type_info<std::string>(),
          .value = type_info<Value>(),
          .check = std::move(check)};
}

/// The same with keys under ids (`composite_key.h`), in the tasks of these ids.
template <class Value>
StoreSpec store_under_ids(std::string_view name, PairCheck check = {}) {
  StoreSpec store = store_of<Value>(name, std::move(check));
  store.partition_key = &root_in_key;
  return store;
}

/// A store of timers on the wall clock.
inline StoreSpec timer_store(std::string_view name) {
  return {.name = std::string(name),
          .key = type_info<std::string>(),
          .value = {},
          .timers = TimeKind::kWall};
}

}  // namespace millrace::crm
