#pragma once

#include <string>
#include <utility>
#include <vector>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/stream_join_codec.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/detail/window_spec.h"

namespace millrace::operators {

/// A join of two streams, with the types of all that it takes and keeps.
struct StreamJoin {
  JoinKind kind = JoinKind::kInner;
  JoinWindowSpec windows;
  Joiner joiner;
  bool joiner_takes_null_key = false;
  TypeInfo key;
  TypeInfo left;
  TypeInfo right;
  TypeInfo row_key;
  TypeInfo row;
};

/// The joined records. Faults of the windows are the draft's.
StreamCore join_streams(const StreamCore& left, const StreamCore& right, StreamJoin join,
                        JoinOptions options);

/// Keeps the records of both sides in a store while their windows are open, and joins each new one
/// with those of the other side. `sides` has that of each parent. REQUIRES: windows without a fault
/// when the factory is called.
ProcessorFactory stream_stream_join(std::string store, StreamJoin join,
                                    std::vector<JoinSide> sides);

template <class K, class L, class R>
StreamJoin make_stream_join(JoinKind kind, const JoinWindowSpec& windows, Joiner joiner,
                            bool joiner_takes_null_key) {
  StreamJoin join;
  join.kind = kind;
  join.windows = windows;
  join.joiner = std::move(joiner);
  join.joiner_takes_null_key = joiner_takes_null_key;
  join.key = type_info<K>();
  join.left = type_info<L>();
  join.right = type_info<R>();
  join.row_key = type_info<StreamJoinKey<K>>();
  join.row = type_info<StreamJoinRow<L, R>>();
  return join;
}

}  // namespace millrace::operators
