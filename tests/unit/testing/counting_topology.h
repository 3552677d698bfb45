#pragma once

#include <stdexcept>
#include <string>

#include "millrace/core/topology.h"

namespace millrace::testing {

/// Topics of `counting_topology`.
inline constexpr Topic<std::string, std::string> kWords{"words"};
inline constexpr Topic<std::string, int64_t> kCounts{"counts"};

/// Counts records per key, forwards the count; throws on value "bad", after it put and forwarded.
class CountProcessor final : public Processor {
 public:
  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_ = &context.store("counts");
  }

  void process(const Record& record) override {
    const Row row = store_->get(record.key);
    const int64_t count = (row ? Serde<int64_t>::view(row.value) : 0) + 1;
    bytes_.clear();
    Serde<int64_t>::encode(count, bytes_);
    store_->put(record.key, bytes_, record.timestamp_ms);
    Record output = record;
    output.value = bytes_;
    context().forward(output);
    if (record.value == Bytes("bad")) throw std::runtime_error("the value is bad");
  }

 private:
  KeyValueStore* store_ = nullptr;
  std::string bytes_;
};

/// Keys every record by its value, e.g. to count values instead of keys.
class KeyByValue final : public Processor {
 public:
  void process(const Record& record) override {
    Record keyed = record;
    keyed.key = record.value;
    context().forward(keyed);
  }
};

/// words → [key by value → exchange "by-value"] → count (store "counts") → counts
inline Result<Topology> counting_topology(bool by_value = false, bool coalesce = false,
                                          const std::string& words = "words",
                                          const std::string& counts = "counts") {
  std::vector<Node> nodes;
  const auto add = [&](std::string name, NodeKind kind) -> Node& {
    Node& node = nodes.emplace_back();
    node.name = std::move(name);
    node.kind = kind;
    const auto index = static_cast<NodeIndex>(nodes.size() - 1);
    if (index > 0) {
      node.parents = {index - 1};
      nodes[index - 1].children = {index};
    }
    return node;
  };
  add("words-in", NodeKind::kSource).topic = {words, type_info<std::string>(),
                                              type_info<std::string>()};
  if (by_value) {
    add("key-by-value", NodeKind::kProcessor).factory = [] {
      return std::make_unique<KeyByValue>();
    };
    add("by-value", NodeKind::kExchange).topic = {"by-value", type_info<std::string>(),
                                                  type_info<std::string>()};
  }
  Node& count = add("count", NodeKind::kProcessor);
  count.factory = [] { return std::make_unique<CountProcessor>(); };
  count.stores = {"counts"};
  count.reads_at_key = {"counts"};
  count.keeps_key = true;
  Node& sink = add("counts-out", NodeKind::kSink);
  sink.topic = {counts, type_info<std::string>(), type_info<int64_t>()};
  sink.coalesce = coalesce;
  return Topology::create(
      "counting", std::move(nodes),
      {{.name = "counts", .key = type_info<std::string>(), .value = type_info<int64_t>()}});
}

}  // namespace millrace::testing
