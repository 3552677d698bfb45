#pragma once

#include "millrace/core/processor.h"
#include "millrace/operators/callable.h"

namespace millrace::operators {

/// Replaces `key_out` and `value_out`; false: the value is null.
using RecordMapper =
    UserFunction<bool(Bytes key, Bytes value, std::string& key_out, std::string& value_out)>;

/// Replaces keys and values of a stream, one record for one; timestamps and headers stay.
///
/// Null keys and null values that the mapper does not take (`Maybe<T>`) have no image: the record
/// is dropped and counted "null_key" or "null_value". Out of order: as any record. A stateful
/// operator behind it is preceded by an exchange.
ProcessorFactory map_stream(RecordMapper mapper);

}  // namespace millrace::operators
