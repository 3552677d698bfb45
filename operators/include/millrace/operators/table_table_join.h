#pragma once

#include "millrace/operators/join.h"
#include "millrace/operators/table_view.h"

namespace millrace::operators {

enum class JoinSide : unsigned char { kLeft, kRight };

/// One side of a table–table join: a change of `side` against the row that the other side has now.
///
/// Emits (joined old, joined new); nothing when both are null, so a delete of something never
/// joined is silent. Null values are deletes. Timestamp: the larger of both sides'. Out of order:
/// the order of offsets wins. Both sides must not change by one and the same record (a table joined
/// with what was computed from it): `Table::join` then gives each side a store of its own.
ProcessorFactory table_table_join(JoinKind kind, JoinSide side, TableView other, Joiner joiner);
TableView join_view(JoinKind kind, TableView left, TableView right, Joiner joiner);

}  // namespace millrace::operators
