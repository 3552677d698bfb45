#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/topology.h"

namespace millrace {

/// A store that an operator or a processor keeps.
struct StoreOptions {
  bool changelog = true;   ///< false: contents are lost when the task moves or its disk is lost
  bool in_memory = false;  ///< rows in memory only; restored from the changelog at every start
};

struct TableOptions {
  /// Names the store, and so its changelog; empty: "<topic>-table".
  std::string name = {};
  StoreOptions store = {};  ///< also of the history
  /// Makes the table a versioned one, whose rows can be read as of earlier times; see
  /// `Stream::to_versioned_table`.
  std::optional<std::chrono::milliseconds> history = {};
};

struct ExchangeOptions {
  /// Names the exchange topic; empty: derived from the path to it, see `Stream::exchange`.
  std::string name = {};
  int32_t partitions = 0;           ///< wanted; 0: as many as its join partner has, else its inputs
  PartitionKey partition_key = {};  ///< the part of the key's bytes that decides; empty: all
};

struct JoinOptions {
  /// Names the join, and the exchanges or the stores that it needs; empty: derived.
  std::string name = {};
  /// Of a join of a stream with a versioned table alone (KIP-923): lets each record of the stream
  /// wait, in the store "<join>-buffer", until stream time reaches its time and the grace. Then it
  /// is joined with the row of its time, and so with what came for the table meanwhile. Stream time
  /// is the largest time of a record with key and value that came to the join in this task. It is
  /// kept in the store, so records that wait survive restarts, with their headers.
  ///
  /// Results come in the order of times, of equal times in that of arrival, at the latest with the
  /// commit, each in a unit of its own (`ProcessorContext::defer`): when code behind one fails and
  /// the policy forgives it, that result is lost, and its dead letter has a key of the operator's
  /// own. Where a record releases many, some hundred come, and the others with the next records, or
  /// after a tenth of a second each.
  ///
  /// A record that comes later than the grace does not wait. Null value: dropped, moves no time. A
  /// null key that a left join takes: at once, with no row; moves no time. A time before 1970 or
  /// above `kEventTimeMaxMs`: an invalid record. At most the table's history.
  std::optional<std::chrono::milliseconds> grace = {};
};

struct IndexOptions {
  /// For a table whose rows no store keeps (filtered, mapped, joined): the store that keeps them
  /// from now on, and so its changelog.
  std::string store = {};
};

struct ProcessOptions {
  std::vector<std::string> stores = {};
  /// Those of `stores` that it reads at the record's key, so that the engine can fetch rows ahead.
  std::vector<std::string> reads_at_key = {};
  /// Names of broadcast tables that it reads, and whose changes call it.
  std::vector<std::string> broadcasts = {};
  /// It forwards records only with the key of its input. Otherwise an exchange precedes a stateful
  /// operator behind it.
  bool keeps_key = false;
};

/// For a topic with values `V` that the topology reads.
template <class V>
struct SourceOptions {
  std::string name = {};  ///< of the node; empty: the topic's
  /// Checks a value beyond its serde. A record for which it returns an error (code
  /// `kInvalidRecord`) is invalid like one with bad bytes: `on.invalid.record` decides. Not called
  /// for nulls. Called by several threads, so it must be a pure function.
  std::function<Status(ViewOf<V>)> validate = {};
};

/// For a topic with keys `K` and values `V` that every task reads whole.
template <class K, class V>
struct BroadcastOptions {
  /// As in `SourceOptions`, of a key and of a value.
  std::function<Status(ViewOf<K>)> validate_key = {};
  std::function<Status(ViewOf<V>)> validate = {};
};

struct SinkOptions {
  /// The part of the key's bytes that decides the partition; empty: all of it.
  PartitionKey partition_key = {};
  std::string name = {};  ///< of the node; empty: derived from the topic
  /// Picks the partition by key and value; empty: the key decides. Records of one key that go to
  /// several partitions have no order there. Not for a sink that coalesces, so not for `Table::to`:
  /// a row that changed its partition would leave its last value in the old one.
  Partitioner partitioner = {};
  /// Writes only the latest record per key of each commit, as `Table::to` always does.
  bool coalesce = false;
};

}  // namespace millrace
