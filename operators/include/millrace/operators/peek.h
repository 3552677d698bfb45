#pragma once

#include "millrace/core/processor.h"
#include "millrace/operators/callable.h"

namespace millrace::operators {

using Observer = UserFunction<void(Bytes key, Bytes value)>;

/// Shows every record of a stream to `observer` and passes it on unchanged.
///
/// Records with a null that the observer does not take (`Maybe<T>`) pass unseen. What the observer
/// does outside is not undone when the record's transaction is aborted, and happens again then.
ProcessorFactory peek(Observer observer);

}  // namespace millrace::operators
