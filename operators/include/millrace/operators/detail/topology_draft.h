#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/table_view.h"
#include "millrace/operators/detail/window_spec.h"
#include "millrace/operators/options.h"

namespace millrace::operators {

/// A processor's node as an operator wants it.
struct ProcessorUse {
  std::string name = {};  ///< empty: "<anchor>.<operation>", with a counter when that is taken
  std::string_view operation = {};
  ProcessorFactory factory = {};
  std::vector<std::string> stores = {};
  std::vector<std::string> reads_at_key = {};
  bool keeps_key = true;
  std::string forwards_rows_of = {};
  /// With these it needs a name of its own, which also names its store of cursors.
  std::vector<std::string> broadcasts = {};
};

/// A source's node as `TopologyBuilder` wants it.
struct SourceUse {
  std::string name = {};  ///< empty: the topic's
  TopicUse topic = {};
  decltype(Node::event_time) event_time = {};
  bool has_options = false;  ///< the user gave some, or an event time
};

/// Puts nodes and stores together; the untyped half of `TopologyBuilder`.
///
/// Names. An *anchor* is the last explicit or topic's name on the way from the source. Only names
/// of nodes have counters; names of stores and exchanges, on which topics depend, derive from
/// explicit names and anchors alone. So they do not change when an operator is added elsewhere; two
/// exchanges that would get the same name are an error that asks for explicit ones.
class TopologyDraft {
 public:
  explicit TopologyDraft(std::string name) : name_(std::move(name)) {}

  /// The node that reads the topic; there is one, however often it is asked for.
  NodeIndex add_source(SourceUse source);
  NodeIndex add_processor(const std::vector<NodeIndex>& parents, std::string_view anchor,
                          ProcessorUse use);
  /// REQUIRES: `options.name`. `is_derived`: the user did not give that name.
  NodeIndex add_exchange(const std::vector<NodeIndex>& parents, TypeInfo key, TypeInfo value,
                         ExchangeOptions options, bool is_derived);
  void add_sink(const std::vector<NodeIndex>& parents, TopicUse topic, SinkOptions options);
  /// The result lives until the next store is added.
  StoreSpec& add_store(std::string name, TypeInfo key, TypeInfo value, StoreOptions options);
  /// REQUIRES: a store of that name was added.
  void add_index(std::string_view store, IndexSpec index);
  void add_broadcast(TopicUse topic) { broadcasts_.push_back(std::move(topic)); }
  void add_timers(std::string name, TypeInfo key, TimeKind clock, StoreOptions options);

  /// For joins that let no record wait: a grace in the options is a fault.
  void refuse_grace(const JoinOptions& options, std::string_view join);

  /// Remembers a fault for `build` to report.
  void fail(std::string message) { faults_.push_back(std::move(message)); }
  const std::string& name_of(NodeIndex node) const { return nodes_[node].name; }
  /// Whether one input record can reach both sets of nodes.
  bool have_common_source(const std::vector<NodeIndex>& a, const std::vector<NodeIndex>& b) const;
  /// By which part of a key of type `key` the exchange before a table's nodes placed its rows;
  /// empty: the whole key, or what the type says.
  PartitionKey partition_key_of(const std::vector<NodeIndex>& table, const TypeInfo& key) const;

  /// Takes the parts: add nothing afterwards. Error: `kConfig`, naming every fault.
  Result<Topology> build();

 private:
  NodeIndex add(Node node, const std::vector<NodeIndex>& parents);
  std::string free_node_name(std::string wanted) const;
  /// Reports what a topic that is read already cannot be read as.
  void check_again(const Node& first, const SourceUse& again);
  std::vector<bool> ancestors(const std::vector<NodeIndex>& of) const;

  struct ExchangeNames {
    int total = 0;
    int derived = 0;
  };
  std::string name_;
  std::vector<Node> nodes_;
  std::vector<StoreSpec> stores_;
  std::vector<TopicUse> broadcasts_;
  std::map<std::string, ExchangeNames> exchanges_;
  std::vector<std::string> faults_;
};

/// The untyped half of `Stream`. A merged stream comes from several nodes.
struct StreamCore {
  TopologyDraft* draft = nullptr;
  std::vector<NodeIndex> nodes;
  std::string anchor;
  bool key_changed = false;  ///< the records are not where their keys belong
  bool key_may_be_null = true;

  StreamCore then(ProcessorUse use) const;
  /// As `then`, for operators whose results have other keys.
  StreamCore then_rekeyed(ProcessorUse use) const;
  StreamCore exchange(TypeInfo key, TypeInfo value, ExchangeOptions options, bool is_derived) const;
  /// Adds an exchange called `name` if an operator before may have changed a key.
  StreamCore at_its_key(TypeInfo key, TypeInfo value, std::string name) const;
  /// REQUIRES: both of the same builder.
  StreamCore merge(const StreamCore& other) const;
  /// The records that a processor just added forwards to its side output `name`. REQUIRES: side
  /// outputs are added in the order in which the processor declares them, before anything else.
  StreamCore side_output(std::string_view name) const;
};

/// A user's processor behind `stream`.
StreamCore add_processor(const StreamCore& stream, std::string name, ProcessorFactory factory,
                         ProcessOptions options);

/// Sinks of `topics` behind `stream`; each record goes to the one that `picker` names.
void add_picked_sinks(const StreamCore& stream, std::vector<TopicUse> topics, TopicPicker picker,
                      const SinkOptions& options);

/// The streams of a processor's inputs as one, with the number of each input.
struct MergedInputs {
  StreamCore stream;
  std::vector<uint8_t> inputs;  ///< of each of its nodes
};

/// A node that feeds two inputs feeds each by a relay, so that a record comes by both, in their
/// order. REQUIRES: not empty, and all of one builder.
MergedInputs merge_inputs(const std::vector<std::pair<uint8_t, StreamCore>>& streams);

/// The untyped half of `Table`.
struct TableCore {
  TopologyDraft* draft = nullptr;
  std::vector<NodeIndex> nodes;
  std::string anchor;
  TableView view;
  /// Those of the keys, of a windowed aggregate and what is filtered, mapped or stored of it.
  std::optional<WindowSpec> windows = {};

  TableCore then(ProcessorUse use, TableView result) const;
  /// The same rows, kept in a store of their own.
  TableCore stored(const std::string& name, TypeInfo key, TypeInfo value,
                   StoreOptions options = {}) const;
  /// The same rows with an index; kept in the new store `options.store` if they are in none.
  TableCore indexed(IndexSpec index, IndexOptions options, TypeInfo key, TypeInfo value) const;
};

/// A table kept in the new store `name`, by one processor behind `stream` that forwards every
/// change of the store and nothing else.
TableCore stored_by(const StreamCore& stream, const std::string& name, ProcessorFactory factory,
                    TypeInfo key, TypeInfo value, StoreOptions options);

}  // namespace millrace::operators
