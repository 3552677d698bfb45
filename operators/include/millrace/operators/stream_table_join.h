#pragma once

#include "millrace/operators/join.h"
#include "millrace/operators/table_view.h"

namespace millrace::operators {

/// Adds to each record of a stream the row that a table has at its key now. Changes of the table
/// emit nothing.
///
/// Null key: dropped and counted "null_key" by an inner join; has no row in a left join. Null
/// value: dropped and counted "null_value". No row: an inner join emits nothing, a left join calls
/// the joiner with a null. Out of order: joins with the row of now, whatever its timestamp.
/// Timestamp and headers are the record's.
ProcessorFactory stream_table_join(JoinKind kind, TableView table, Joiner joiner,
                                   bool joiner_takes_null_key);

}  // namespace millrace::operators
