#pragma once

#include <string>

#include "millrace/operators/join.h"
#include "millrace/operators/key_by.h"

namespace millrace::operators {

/// Adds to each record of a stream the row of a broadcast table whose key the selector returns.
/// Changes of the table emit nothing.
///
/// Null keys and values that the selector does not take, and a null value: dropped and counted
/// "null_key" or "null_value". No row, or no key from the selector: an inner join emits nothing, a
/// left join calls the joiner with a null. Key, timestamp and headers stay the record's.
ProcessorFactory stream_broadcast_join(JoinKind kind, std::string table, KeySelector selector,
                                       Joiner joiner);

}  // namespace millrace::operators
