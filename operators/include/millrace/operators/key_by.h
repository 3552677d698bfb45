#pragma once

#include "millrace/core/processor.h"
#include "millrace/operators/callable.h"

namespace millrace::operators {

/// Replaces `key_out`; false: the record has no key.
using KeySelector = UserFunction<bool(Bytes key, Bytes value, std::string& key_out)>;

/// Gives the records of a stream another key; values, timestamps and headers stay.
///
/// Null keys and null values that the selector does not take (`Maybe<T>`) tell no new key: the
/// record is dropped and counted "null_key" or "null_value", and so is one whose selector returns
/// `std::nullopt` ("no_new_key"). Out of order: as any record. A stateful operator behind it is
/// preceded by an exchange.
ProcessorFactory key_by(KeySelector selector);

template <class K, class V, class Out, class F>
KeySelector make_key_selector(F f) {
  const ValueMapper mapper = make_value_mapper<K, V, Out>(std::move(f));
  return {mapper.call, mapper.takes_null_key, mapper.takes_null_value};
}

}  // namespace millrace::operators
