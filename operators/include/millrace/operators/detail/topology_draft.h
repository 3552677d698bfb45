#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/operators/detail/table_view.h"
#include "millrace/operators/options.h"

namespace millrace::operators {

/// A processor's node as an operator wants it.
struct ProcessorUse {
  std::string name = {};  ///< empty: "<anchor>.<operation>", with a counter when it is taken
  std::string_view operation = {};
  ProcessorFactory factory = {};
  std::vector<std::string> stores = {};
  std::vector<std::string> reads_at_key = {};
  bool keeps_key = true;
  std::string forwards_rows_of = {};
  /// With these it needs a name of its own, after which its store of cursors is called.
  std::vector<std::string> broadcasts = {};
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

  NodeIndex add_source(TopicUse topic, decltype(Node::event_time) event_time);
  NodeIndex add_processor(const std::vector<NodeIndex>& parents, std::string_view anchor,
                          ProcessorUse use);
  /// `options.name` is set; `is_derived`: not by the user.
  NodeIndex add_exchange(const std::vector<NodeIndex>& parents, TypeInfo key, TypeInfo value,
                         ExchangeOptions options, bool is_derived);
  void add_sink(const std::vector<NodeIndex>& parents, TopicUse topic, SinkOptions options,
                bool coalesce);
  void add_store(std::string name, TypeInfo key, TypeInfo value, StoreOptions options);
  void add_broadcast(TopicUse topic) { broadcasts_.push_back(std::move(topic)); }
  void add_timers(std::string name, TimeKind clock, StoreOptions options);

  /// Remembers a fault for `build` to report.
  void fail(std::string message) { faults_.push_back(std::move(message)); }
  /// Whether one input record can reach both sets of nodes.
  bool have_common_source(const std::vector<NodeIndex>& a, const std::vector<NodeIndex>& b) const;

  /// The parts are taken: nothing may be added afterwards. Error: `kConfig`, naming every fault.
  Result<Topology> build();

 private:
  NodeIndex add(Node node, const std::vector<NodeIndex>& parents);
  std::string free_node_name(std::string wanted) const;
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
  /// Through an exchange called `name` when a key was changed before.
  StreamCore at_its_key(TypeInfo key, TypeInfo value, std::string name) const;
  /// REQUIRES: both of the same builder.
  StreamCore merge(const StreamCore& other) const;
};

/// The untyped half of `Table`.
struct TableCore {
  TopologyDraft* draft = nullptr;
  std::vector<NodeIndex> nodes;
  std::string anchor;
  TableView view;

  TableCore then(ProcessorUse use, TableView result) const;
  /// The same rows, kept in a store of their own.
  TableCore stored(const std::string& name, TypeInfo key, TypeInfo value) const;
};

/// A table kept in the new store `name`, by one processor behind `stream` that forwards every
/// change of the store and nothing else.
TableCore stored_by(const StreamCore& stream, const std::string& name, ProcessorFactory factory,
                    TypeInfo key, TypeInfo value, StoreOptions options);

}  // namespace millrace::operators
