#pragma once

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Passes records on as those of a stream, without the old value of a table's change. Null values
/// are deletes and stay.
ProcessorFactory pass();

/// Passes records with a key; a null key has no partition: dropped and counted "null_key".
ProcessorFactory pass_keyed();

}  // namespace millrace::operators
