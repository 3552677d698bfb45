#pragma once

#include <string>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/functions.h"

namespace millrace::operators {

/// Forwards a stream's record with its value joined with `row`; an inner join forwards nothing
/// where there is no row. `value` is the buffer of the new value.
inline void forward_joined(JoinKind kind, Joiner& joiner, const Record& record, const Row& row,
                           std::string& value, ProcessorContext& context) {
  if (!row && kind == JoinKind::kInner) return;
  Record out = record;
  const bool has_value = joiner(record.key, record.value, row.value, value);
  out.value = has_value ? Bytes(value) : Bytes();
  context.forward(out);
}

}  // namespace millrace::operators
