#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/topology.h"

namespace millrace::simulation {

/// A processor made of functions.
class SmallProcessor final : public Processor {
 public:
  using Process = std::function<void(ProcessorContext&, const Record&)>;
  using OnTimer = std::function<void(ProcessorContext&, const Timer&)>;
  SmallProcessor(Process process, OnTimer on_timer)
      : process_(std::move(process)), on_timer_(std::move(on_timer)) {}
  void process(const Record& record) override { process_(context(), record); }
  void on_timer(const Timer& timer) override { on_timer_(context(), timer); }

 private:
  Process process_;
  OnTimer on_timer_;
};

inline TopicUse text_topic(std::string name) {
  return {std::move(name), type_info<std::string>(), type_info<std::string>()};
}

/// A row of nodes, each the only child of the one before it, on texts.
class Chain {
 public:
  Node& add(std::string name, NodeKind kind) {
    const auto index = static_cast<NodeIndex>(nodes_.size());
    if (index > 0) nodes_.back().children = {index};
    Node& node = nodes_.emplace_back();
    node.name = std::move(name);
    node.kind = kind;
    if (index > 0) node.parents = {index - 1};
    return node;
  }
  Chain& source(const std::string& topic) {
    add(topic + "-in", NodeKind::kSource).topic = text_topic(topic);
    return *this;
  }
  Chain& process(std::string name, std::vector<std::string> stores, SmallProcessor::Process process,
                 SmallProcessor::OnTimer on_timer = {}) {
    Node& node = add(std::move(name), NodeKind::kProcessor);
    node.stores = std::move(stores);
    node.factory = [process = std::move(process), on_timer = std::move(on_timer)] {
      return std::make_unique<SmallProcessor>(process, on_timer);
    };
    return *this;
  }
  Chain& exchange(const std::string& name) {
    add(name, NodeKind::kExchange).topic = text_topic(name);
    return *this;
  }
  Chain& sink(const std::string& topic) {
    add(topic + "-out", NodeKind::kSink).topic = text_topic(topic);
    return *this;
  }
  Node& last() { return nodes_.back(); }
  Result<Topology> build(std::string name, std::vector<StoreSpec> stores,
                         std::vector<TopicUse> broadcasts = {}) {
    return Topology::create(std::move(name), std::move(nodes_), std::move(stores),
                            std::move(broadcasts));
  }

 private:
  std::vector<Node> nodes_;
};

/// A store of texts.
inline StoreSpec text_store(std::string name) {
  return {
      .name = std::move(name), .key = type_info<std::string>(), .value = type_info<std::string>()};
}

}  // namespace millrace::simulation
