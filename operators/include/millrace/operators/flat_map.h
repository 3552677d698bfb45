#pragma once

#include "millrace/operators/callable.h"
#include "millrace/operators/emit.h"

namespace millrace::operators {

using RecordExpander = UserFunction<void(Bytes key, Bytes value, RawEmit& emit)>;

/// Replaces a record of a stream by any number of records, with its timestamp and headers.
///
/// Null keys and null values that the function does not take (`Maybe<T>`) are dropped and counted
/// "null_key" or "null_value". Out of order: as any record. A stateful operator behind it is
/// preceded by an exchange.
ProcessorFactory flat_map(RecordExpander expander);

}  // namespace millrace::operators
