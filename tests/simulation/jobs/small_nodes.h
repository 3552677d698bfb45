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
  using OnChange = std::function<void(ProcessorContext&, const BroadcastChange&)>;
  using OnReset = std::function<void(ProcessorContext&, std::string_view table)>;
  using OnDeferred = std::function<void(ProcessorContext&, const DeferredCall&)>;
  struct Functions {
    Process process;
    OnTimer on_timer = {};
    OnChange on_change = {};
    OnReset on_reset = {};
    OnDeferred on_deferred = {};
  };
  explicit SmallProcessor(const Functions& functions) : does_(functions) {}
  void process(const Record& record) override { does_.process(context(), record); }
  void on_timer(const Timer& timer) override { does_.on_timer(context(), timer); }
  void on_change(const BroadcastChange& change) override { does_.on_change(context(), change); }
  void on_reset(std::string_view table) override { does_.on_reset(context(), table); }
  void on_deferred(const DeferredCall& call) override { does_.on_deferred(context(), call); }

 private:
  Functions does_;
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
  Chain& process(std::string name, std::vector<std::string> stores,
                 const SmallProcessor::Functions& functions) {
    Node& node = add(std::move(name), NodeKind::kProcessor);
    node.stores = std::move(stores);
    node.factory = [functions] { return std::make_unique<SmallProcessor>(functions); };
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

/// Finds rows by the number of their bytes; not those that the store hides.
inline IndexSpec index_by_size(std::function<bool(Bytes key)> is_hidden = {}) {
  return {"by-size", IndexType::kInteger,
          [is_hidden = std::move(is_hidden)](Bytes key, Bytes value, IndexValues& values) {
            if (!is_hidden || !is_hidden(key)) values.add(static_cast<int64_t>(value.size()));
          }};
}

/// A store of texts.
inline StoreSpec text_store(std::string name) {
  return {
      .name = std::move(name), .key = type_info<std::string>(), .value = type_info<std::string>()};
}

}  // namespace millrace::simulation
