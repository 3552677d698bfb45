#pragma once

#include "millrace/operators/callable.h"
#include "millrace/operators/table_view.h"

namespace millrace::operators {

/// Passes the records of a stream for which `predicate` is true.
///
/// Null key: dropped and counted "null_key" when the predicate takes the key as `ViewOf<K>`.
/// Null value: passes when the predicate takes the value as `ViewOf<V>`, so that a delete still
/// reaches a table behind it. Out of order: as any record. Headers and timestamp stay.
ProcessorFactory filter_stream(Predicate predicate);

/// Of a table keeps the rows for which `predicate` is true.
///
/// A row that stops to fit becomes a delete, one that never did emits nothing. Null values are
/// deletes; the predicate never sees them. Timestamp and order are the input's.
ProcessorFactory filter_table(Predicate predicate);
TableView filter_view(TableView table, Predicate predicate);

}  // namespace millrace::operators
