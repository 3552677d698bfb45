#pragma once

#include <optional>
#include <string>

#include "millrace/core/processor.h"
#include "millrace/operators/callable.h"

namespace millrace::operators {

/// Makes the new aggregate of `current` (null: none yet) in `out`; false: there is none any more.
/// `out` is another buffer than `current`.
using AggregateFunction =
    std::function<bool(Bytes key, Bytes value, Bytes current, std::string& out)>;

struct Aggregator {
  AggregateFunction call;
  std::optional<std::string> initial;  ///< `current` of the first value; nullopt: null
};

/// Keeps an aggregate per key of a stream in `store` and emits each of its changes.
///
/// Null key, null value: dropped and counted "null_key" or "null_value". Out of order: aggregated
/// like any record; the aggregate's timestamp is the larger of its own and the record's. A function
/// that returns `std::nullopt` deletes the aggregate.
ProcessorFactory aggregate_stream(std::string store, Aggregator aggregator);

/// `value` becomes the first aggregate, `combine(aggregate, value)` the next.
AggregateFunction reduce_function(AggregateFunction combine);
/// Adds `step` to an aggregate that is an `int64_t` in the bytes of its serde.
AggregateFunction count_function(int64_t step);

template <class K, class V, class A, class F>
AggregateFunction make_aggregate_function(F f) {
  using Raw = KeyedCall<F, K, TypeList<V, A>, std::string&>;
  using Keyed = KeyedCall<F, K, TypeList<V, A>>;
  static_assert(Raw::kFits || Keyed::kFits,
                "the function of an aggregate takes (key, value, aggregate) or (value, aggregate), "
                "each as ViewOf<T> or Maybe<T>, and returns OwnedOf<A> or std::optional of it; or "
                "it takes a std::string& after them, appends the aggregate's bytes there and "
                "returns void, or false to delete it");
  return [f = std::move(f)](Bytes key, Bytes value, Bytes current, std::string& out) mutable {
    if constexpr (Raw::kFits) {
      out.clear();
      if constexpr (std::is_void_v<decltype(Raw::call_with(f, out, key, value, current))>) {
        Raw::call_with(f, out, key, value, current);
        return true;
      } else {
        return static_cast<bool>(Raw::call_with(f, out, key, value, current));
      }
    } else {
      return encode_to<A>(Keyed::call_with(f, key, value, current), out);
    }
  };
}

template <class K, class V, class A, class F>
constexpr bool takes_missing_aggregate() {
  return KeyedCall<F, K, TypeList<V, A>, std::string&>::takes_null_value(1) ||
         KeyedCall<F, K, TypeList<V, A>>::takes_null_value(1);
}

/// `f(aggregate, value)` without a key, as `reduce` takes it.
template <class V, class F>
AggregateFunction make_combine_function(F f) {
  using Fit = Call<F, TypeList<V, V>>;
  static_assert(Fit::kFits,
                "the function of a reduce takes (aggregate, value) as ViewOf<V> and returns "
                "OwnedOf<V> or std::optional of it");
  return [f = std::move(f)](Bytes, Bytes value, Bytes current, std::string& out) mutable {
    return encode_to<V>(Fit::call(f, {current, value}), out);
  };
}

}  // namespace millrace::operators
