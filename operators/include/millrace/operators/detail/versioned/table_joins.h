#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/table_view.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/detail/versioned/buffered_codec.h"

namespace millrace::operators {

/// A join of a stream with a table, with the types of the stream and of what a buffer keeps of it.
struct TableJoin {
  JoinKind kind = JoinKind::kInner;
  Joiner joiner;
  bool joiner_takes_null_key = false;
  TypeInfo key;
  TypeInfo value;
  TypeInfo buffered_key;
  TypeInfo buffered;
};

template <class K, class V>
TableJoin make_table_join(JoinKind kind, Joiner joiner, bool joiner_takes_null_key) {
  TableJoin join;
  join.kind = kind;
  join.joiner = std::move(joiner);
  join.joiner_takes_null_key = joiner_takes_null_key;
  join.key = type_info<K>();
  join.value = type_info<V>();
  join.buffered_key = type_info<BufferedKey<K>>();
  join.buffered = type_info<BufferedRecord<V>>();
  return join;
}

/// The joined records. A fault of the grace is the draft's.
StreamCore join_with_table(const StreamCore& stream, const TableCore& table, TableJoin join,
                           JoinOptions options);

/// Joins each record when it comes, with the row of its time where the table has a history.
ProcessorFactory stream_table_join(TableView table, TableJoin join);

/// Keeps each record in a store until stream time reaches its time and the grace, then joins it.
/// REQUIRES: 0 <= grace_ms <= `kIntervalMaxMs`.
ProcessorFactory stream_table_grace_join(std::string buffer, int64_t grace_ms, TableView table,
                                         TableJoin join);

}  // namespace millrace::operators
