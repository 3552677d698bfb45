#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Keeps the latest value per key in `store` and emits each change with the row it replaces: what
/// makes a table of a topic or a stream.
///
/// Null key: dropped and counted "null_key". Null value: deletes the row; nothing is emitted when
/// there was none. Out of order: the order of offsets wins, a late record overwrites; the row and
/// the change carry the record's timestamp. An equal value is a change like any other.
ProcessorFactory table_store(std::string store);

}  // namespace millrace::operators
