#pragma once

#include <cstdint>
#include <functional>
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
  /// Of the store, and so of its changelog; empty: "<topic>-table".
  std::string name = {};
  StoreOptions store = {};
};

struct ExchangeOptions {
  /// Of the exchange topic; empty: derived from what leads here, see `Stream::exchange`.
  std::string name = {};
  int32_t partitions = 0;  ///< wanted; 0: as many as what it is joined with, else what feeds it
  PartitionKey partition_key = {};  ///< the part of the key's bytes that decides; empty: all
};

struct JoinOptions {
  /// Of the join, and of the exchange or the stores that it needs; empty: derived.
  std::string name = {};
};

struct ProcessOptions {
  std::vector<std::string> stores = {};
  /// Those of `stores` that are read at the record's key, so that rows can be fetched ahead.
  std::vector<std::string> reads_at_key = {};
  /// Names of broadcast tables that it reads, and whose changes call it.
  std::vector<std::string> broadcasts = {};
  /// It forwards only records with the key it was given. Else a stateful operator behind it is
  /// preceded by an exchange.
  bool keeps_key = false;
};

/// Of a topic with values `V` that is read.
template <class V>
struct SourceOptions {
  std::string name = {};  ///< of the node; empty: the topic's
  /// Checks a value beyond its serde. A record for which it returns an error (code
  /// `kInvalidRecord`) is invalid like one with bad bytes: `on.invalid.record` decides. Not called
  /// for nulls. Called by several threads, so it must be a pure function.
  std::function<Status(ViewOf<V>)> validate = {};
};

/// Of a topic with keys `K` and values `V` that every task reads whole.
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
  /// Of each commit write only the latest record per key, as `Table::to` always does.
  bool coalesce = false;
};

}  // namespace millrace
