#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/topology.h"

namespace millrace::engine {

inline constexpr Topic<std::string, std::string> kLeft{"left"};
inline constexpr Topic<std::string, std::string> kRight{"right"};
inline constexpr Topic<std::string, std::string> kOut{"out"};

/// A processor whose parts are functions of the test.
class ScriptedProcessor final : public Processor {
 public:
  using Init = std::function<void(ProcessorContext&)>;
  using Process = std::function<void(ProcessorContext&, const Record&)>;
  using OnTimer = std::function<void(ProcessorContext&, const Timer&)>;
  using OnChange = std::function<void(ProcessorContext&, const BroadcastChange&)>;
  using OnReset = std::function<void(ProcessorContext&, std::string_view table)>;
  using OnDeferred = std::function<void(ProcessorContext&, const DeferredCall&)>;
  ScriptedProcessor(Init init, Process process, OnTimer on_timer, OnChange on_change,
                    OnReset on_reset, OnDeferred on_deferred = {})
      : init_(std::move(init)),
        process_(std::move(process)),
        on_timer_(std::move(on_timer)),
        on_change_(std::move(on_change)),
        on_reset_(std::move(on_reset)),
        on_deferred_(std::move(on_deferred)) {}
  void init(ProcessorContext& context) override {
    Processor::init(context);
    if (init_) init_(context);
  }
  void process(const Record& record) override { process_(context(), record); }
  void on_timer(const Timer& timer) override { on_timer_(context(), timer); }
  void on_change(const BroadcastChange& change) override {
    if (on_change_) on_change_(context(), change);
  }
  void on_reset(std::string_view table) override { on_reset_(context(), table); }
  void on_deferred(const DeferredCall& call) override { on_deferred_(context(), call); }

 private:
  Init init_;
  Process process_;
  OnTimer on_timer_;
  OnChange on_change_;
  OnReset on_reset_;
  OnDeferred on_deferred_;
};

/// Counts a key's records in "rows", and forwards the count.
inline void count_up(ProcessorContext& context, const Record& record) {
  KeyValueStore& rows = context.store("rows");
  const Row row = rows.get(record.key);
  const std::string now = std::to_string((row ? std::stoi(row.value.to_string()) : 0) + 1);
  rows.put(record.key, Bytes(now), record.timestamp_ms);
  Record output = record;
  output.value = Bytes(now);
  context.forward(output);
}

struct Script {
  ScriptedProcessor::Process process = [](ProcessorContext& context, const Record& record) {
    context.forward(record);
  };
  ScriptedProcessor::Init init = {};
  std::vector<std::string> sources = {"left"};
  bool with_store = false;                       ///< "rows", strings
  std::optional<DerivedRows> derived_rows = {};  ///< of the store
  TypeInfo value = type_info<std::string>();
  std::string sink = "out";
  bool coalesce = false;  ///< at the sink
  std::string forwards_rows_of = {};
  PartitionKey partition_key = {};      ///< at the sink
  std::optional<TimeKind> timers = {};  ///< a store of them called "timers"
  ScriptedProcessor::OnTimer on_timer = {};
  std::string broadcast = {};  ///< a topic with keys of strings, read as a broadcast table
  TypeInfo broadcast_value = type_info<std::string>();
  ScriptedProcessor::OnChange on_change = {};
  ScriptedProcessor::OnReset on_reset = {};
  ScriptedProcessor::OnDeferred on_deferred = {};
};

/// sources → "step" (scripted) → sink
inline Result<Topology> scripted(const Script& script) {
  std::vector<Node> nodes;
  for (const std::string& topic : script.sources) {
    Node& source = nodes.emplace_back();
    source.name = topic + "-in";
    source.kind = NodeKind::kSource;
    source.topic = {topic, type_info<std::string>(), script.value};
  }
  const auto step = static_cast<NodeIndex>(nodes.size());
  Node processor;
  processor.name = "step";
  processor.factory = [script] {
    return std::make_unique<ScriptedProcessor>(script.init, script.process, script.on_timer,
                                               script.on_change, script.on_reset,
                                               script.on_deferred);
  };
  for (NodeIndex i = 0; i < step; ++i) {
    nodes[i].children = {step};
    processor.parents.push_back(i);
  }
  std::vector<StoreSpec> stores;
  if (script.with_store) {
    stores.push_back(
        {.name = "rows", .key = type_info<std::string>(), .value = type_info<std::string>()});
    stores.back().derived_rows = script.derived_rows;
    processor.stores = {"rows"};
    processor.reads_at_key = {"rows"};
  }
  if (script.timers) {
    stores.push_back({.name = "timers", .key = {}, .value = {}, .timers = script.timers});
    processor.stores.push_back("timers");
  }
  std::vector<TopicUse> broadcasts;
  if (!script.broadcast.empty()) {
    broadcasts.push_back({script.broadcast, type_info<std::string>(), script.broadcast_value});
    stores.push_back({.name = "step-cursors", .key = {}, .value = {}});
    processor.stores.push_back("step-cursors");
    processor.cursors = "step-cursors";
    processor.broadcasts = {script.broadcast};
  }
  processor.children = {step + 1};
  processor.forwards_rows_of = script.forwards_rows_of;
  nodes.push_back(std::move(processor));
  Node sink;
  sink.name = "out-sink";
  sink.kind = NodeKind::kSink;
  sink.parents = {step};
  sink.coalesce = script.coalesce;
  sink.partition_key = script.partition_key;
  sink.topic = {script.sink, type_info<std::string>(), type_info<std::string>()};
  nodes.push_back(std::move(sink));
  return Topology::create("scripted", std::move(nodes), std::move(stores), std::move(broadcasts));
}

}  // namespace millrace::engine
