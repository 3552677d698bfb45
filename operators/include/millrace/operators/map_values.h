#pragma once

#include "millrace/operators/callable.h"
#include "millrace/operators/table_view.h"

namespace millrace::operators {

/// Replaces the values of a stream; keys, timestamps and headers stay.
///
/// Null key: dropped and counted "null_key" when the mapper takes the key as `ViewOf<K>`. Null
/// value: stays null when the mapper takes the value as `ViewOf<V>`. A mapper that returns
/// `std::nullopt` makes the value null. Out of order: as any record.
ProcessorFactory map_values_stream(ValueMapper mapper);

/// Replaces the rows of a table, the old one of a change too (the mapper must be a pure function).
///
/// Null values are deletes; the mapper never sees them. `std::nullopt`: there is no such row. A
/// change whose two sides have no row emits nothing. Timestamp and order are the input's.
ProcessorFactory map_values_table(ValueMapper mapper);
TableView map_values_view(TableView table, ValueMapper mapper);

}  // namespace millrace::operators
