#pragma once

#include "millrace/core/processor.h"
#include "millrace/operators/detail/functions.h"

namespace millrace::operators {

/// Counts a record with an untaken null as dropped; true: go no further.
inline bool drop_untaken_null(bool takes_null_key, bool takes_null_value, const Record& record,
                              ProcessorContext& context) {
  if (record.key.is_null() && !takes_null_key) {
    context.count_dropped("null_key");
    return true;
  }
  if (record.value.is_null() && !takes_null_value) {
    context.count_dropped("null_value");
    return true;
  }
  return false;
}

/// The same with the nulls that `function` takes.
template <class Signature>
bool drop_untaken_null(const UserFunction<Signature>& function, const Record& record,
                       ProcessorContext& context) {
  return drop_untaken_null(function.takes_null_key, function.takes_null_value, record, context);
}

/// The same for operators that need a key and a value, whatever their function takes.
inline bool drop_any_null(const Record& record, ProcessorContext& context) {
  return drop_untaken_null(false, false, record, context);
}

}  // namespace millrace::operators
