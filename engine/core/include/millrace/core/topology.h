#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/index.h"
#include "millrace/core/processor.h"
#include "millrace/core/result.h"
#include "millrace/core/topic.h"

namespace millrace {

using NodeIndex = uint32_t;

/// Longest name of a topic that Kafka accepts. Every name here, like a topic's, consists of
/// `[a-zA-Z0-9._-]` and is neither "." nor "..".
constexpr size_t kTopicNameLengthMax = 249;
/// Longest name of a topology, store or exchange.
constexpr size_t kNameLengthMax = 150;
/// Longest name of a node; derived ones add the operator to the name of a topic.
constexpr size_t kNodeNameLengthMax = 300;
/// Longest application id that fits before every store and exchange in the name of its topic.
constexpr size_t kApplicationIdLengthMax = kTopicNameLengthMax - kNameLengthMax - 11;

enum class NodeKind : unsigned char {
  kSource,     ///< reads a topic
  kProcessor,  ///< runs a `Processor`
  kExchange,   ///< sends a record to the task that owns its (new) key; by a call if that is the
               ///< same task
  kSink,       ///< writes a topic
};

/// Whether a key and a value, each of its type or null, are valid together. An exception counts as
/// a refusal.
using PairCheck = std::function<Status(Bytes key, Bytes value)>;

/// A topic as a source, sink or exchange uses it.
struct TopicUse {
  std::string name;  ///< of an exchange: the name without application id; see `exchange_topic_name`
  TypeInfo key;
  TypeInfo value;
  /// Runs where records are read. Empty: all that the types allow are welcome, nulls too.
  PairCheck check = {};

  /// Whether types and check accept a record. Error: `kInvalidRecord`.
  Status check_record(Bytes record_key, Bytes record_value) const;
};

/// Partitions a record by something else than its whole key (composite keys): returns the bytes of
/// the key that count. The result must be a view into `key`.
using PartitionKey = std::function<Bytes(Bytes key)>;

/// Picks the partition of a record, 0 to `partitions` − 1; nullopt: the one that follows from its
/// key. Any other number fails the record, as user code that throws. It must be a pure function.
using Partitioner =
    std::function<std::optional<int32_t>(Bytes key, Bytes value, int32_t partitions)>;

struct Node {
  std::string name;
  NodeKind kind = NodeKind::kProcessor;
  std::vector<NodeIndex> parents;
  std::vector<NodeIndex> children;

  TopicUse topic;              ///< kSource, kExchange, kSink
  PartitionKey partition_key;  ///< kExchange, kSink; empty: the whole key
  int32_t partitions = 0;      ///< kExchange: wanted count; 0: as many as the nodes before it
  Partitioner partitioner;     ///< kSink that does not coalesce; empty: the key decides
  bool coalesce = false;       ///< kSink: rows of a table, only the latest per key of a commit
  /// kSource: event time from the record; empty: the record's timestamp.
  std::function<int64_t(Bytes key, Bytes value, int64_t record_timestamp_ms)> event_time;

  ProcessorFactory factory;         ///< kProcessor
  std::vector<std::string> stores;  ///< kProcessor: may be used by several nodes of a sub-topology
  bool keeps_key = false;           ///< kProcessor: forwards only records with its input's key
  /// kProcessor: those of `stores` that it reads at the record's key, so that the engine can fetch
  /// a whole slice's rows together before the slice runs.
  std::vector<std::string> reads_at_key;
  /// kProcessor: the one of `stores` whose changes, and nothing else, it forwards: after each put
  /// or erase a record with that key, value (null: erased) and timestamp. The rows of a table sink
  /// behind it then need no copy of their own. Empty: it forwards something else.
  std::string forwards_rows_of;
  /// kProcessor: names of the broadcast topics that it reads, and whose changes call it.
  std::vector<std::string> broadcasts;
  /// kProcessor: the one of `stores`, its own, in which it keeps its cursors into those topics.
  std::string cursors;
};

/// A task's store, with one changelog partition per task.
struct StoreSpec {
  std::string name;
  TypeInfo key;
  TypeInfo value;
  bool changelog = true;  ///< false: contents are lost when the task moves or its disk is lost
  bool in_memory = false;
  /// Set: its rows are timers on this clock, those of the one node that uses it, and `key` is the
  /// type of their keys; see `Timers`.
  std::optional<TimeKind> timers = {};
  /// Runs where rows are read back from the changelog: tombstones have a null value. Empty: all
  /// that the types allow are welcome. Not for timers.
  PairCheck check = {};
  /// Not for timers.
  std::vector<IndexSpec> indexes = {};
  /// Its rows that follow from others. Not for timers, which have such rows anyway.
  std::optional<DerivedRows> derived_rows = {};
  /// That of the exchange which brings the store's keys, for queries to find the task of a key;
  /// empty: the whole key.
  PartitionKey partition_key = {};
  /// Whether rows of this key are the operator's own: of no type, and hidden from queries. It must
  /// be a pure function. Empty: there are none.
  std::function<bool(Bytes key)> is_hidden = {};

  /// Whether types and check accept a row of the changelog. Error: `kInvalidRecord`.
  Status check_row(Bytes row_key, Bytes row_value) const;
};

/// A validated DAG: plain data, immutable. Made by `TopologyBuilder` (operators) or from nodes.
class Topology {
 public:
  /// Checks the parts and keeps them. Error: `kConfig`; the message names every node at fault:
  /// duplicate or invalid names, unknown stores, cycles, sources without children, sinks with
  /// the same topic and different types, a topic read twice, stores nobody uses, timers of two
  /// nodes, a key or value whose type is not that of the sink, exchange or `reads_at_key` store it
  /// reaches.
  /// Also broadcast tables that are unknown, unused or read without a store for cursors.
  static Result<Topology> create(std::string name, std::vector<Node> nodes,
                                 std::vector<StoreSpec> stores,
                                 std::vector<TopicUse> broadcasts = {});

  const std::string& name() const { return name_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<StoreSpec>& stores() const { return stores_; }
  const StoreSpec* find_store(std::string_view name) const;
  /// Compacted topics that every task can read whole.
  const std::vector<TopicUse>& broadcasts() const { return broadcasts_; }
  const TopicUse* find_broadcast(std::string_view topic) const;

  /// A page of text, or a Mermaid `flowchart`.
  std::string describe() const;
  std::string describe_mermaid() const;

 private:
  Topology() = default;
  std::string name_;
  std::vector<Node> nodes_;
  std::vector<StoreSpec> stores_;
  std::vector<TopicUse> broadcasts_;
};

/// Whether Kafka and this engine accept `name`, which may be at most `length_max` bytes long.
bool is_legal_name(std::string_view name, size_t length_max);

/// "<application id>-<exchange name>-exchange", "<application id>-<store>-changelog".
std::string exchange_topic_name(std::string_view application_id, std::string_view exchange);
std::string changelog_topic_name(std::string_view application_id, std::string_view store);

}  // namespace millrace
