#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/topology.h"

namespace millrace::testing {

/// A DAG put together by hand, with sensible nodes that a test then spoils.
class Graph {
 public:
  NodeIndex source(const std::string& topic, TypeInfo key = type_info<std::string>(),
                   TypeInfo value = type_info<std::string>()) {
    return add(topic, NodeKind::kSource, {}, {topic, key, value});
  }
  NodeIndex processor(const std::string& name, std::vector<NodeIndex> parents,
                      std::vector<std::string> stores = {}) {
    const NodeIndex index = add(name, NodeKind::kProcessor, std::move(parents), {});
    nodes_[index].factory = [] { return std::make_unique<Idle>(); };
    nodes_[index].stores = std::move(stores);
    return index;
  }
  NodeIndex exchange(const std::string& name, std::vector<NodeIndex> parents,
                     int32_t partitions = 0) {
    const NodeIndex index = add(name + "-node", NodeKind::kExchange, std::move(parents),
                                {name, type_info<std::string>(), type_info<std::string>()});
    nodes_[index].partitions = partitions;
    return index;
  }
  NodeIndex sink(const std::string& name, const std::string& topic, std::vector<NodeIndex> parents,
                 TypeInfo key = type_info<std::string>(),
                 TypeInfo value = type_info<std::string>()) {
    return add(name, NodeKind::kSink, std::move(parents), {topic, key, value});
  }
  void store(const std::string& name, bool changelog = true) {
    StoreSpec& spec = stores_.emplace_back();
    spec.name = name;
    spec.key = spec.value = type_info<std::string>();
    spec.changelog = changelog;
  }
  void timers(const std::string& name) {
    StoreSpec& spec = stores_.emplace_back();
    spec.name = name;
    spec.timers = TimeKind::kWall;
  }
  void broadcast(const std::string& topic) {
    broadcasts_.push_back({topic, type_info<std::string>(), type_info<std::string>()});
  }
  Node& node(NodeIndex index) { return nodes_[index]; }

  Result<Topology> create(const std::string& name = "test") const {
    return Topology::create(name, nodes_, stores_, broadcasts_);
  }

 private:
  class Idle final : public Processor {
    void process(const Record&) override {}
  };

  NodeIndex add(const std::string& name, NodeKind kind, std::vector<NodeIndex> parents,
                TopicUse topic) {
    const auto index = static_cast<NodeIndex>(nodes_.size());
    for (const NodeIndex parent : parents) nodes_[parent].children.push_back(index);
    Node& node = nodes_.emplace_back();
    node.name = name;
    node.kind = kind;
    node.parents = std::move(parents);
    node.topic = std::move(topic);
    return index;
  }

  std::vector<Node> nodes_;
  std::vector<StoreSpec> stores_;
  std::vector<TopicUse> broadcasts_;
};

}  // namespace millrace::testing
