#pragma once

#include "millrace/core/processor.h"
#include "millrace/operators/detail/functions.h"

namespace millrace::operators {

/// Counts a record with a null that `function` does not take as dropped; true: go no further.
template <class Signature>
bool drop_untaken_null(const UserFunction<Signature>& function, const Record& record,
                       ProcessorContext& context) {
  if (record.key.is_null() && !function.takes_null_key) {
    context.count_dropped("null_key");
    return true;
  }
  if (record.value.is_null() && !function.takes_null_value) {
    context.count_dropped("null_value");
    return true;
  }
  return false;
}

/// The same for operators that need a key and a value, whatever their function takes.
inline bool drop_any_null(const Record& record, ProcessorContext& context) {
  if (!record.key.is_null() && !record.value.is_null()) return false;
  context.count_dropped(record.key.is_null() ? "null_key" : "null_value");
  return true;
}

}  // namespace millrace::operators
