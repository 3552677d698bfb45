#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/operators/detail/functions.h"

namespace millrace::operators {

/// Writes the aggregate that follows `current` (null: none yet) to `out`; false: delete it. `out`
/// is another buffer than `current`.
using AggregateFunction =
    std::function<bool(Bytes key, Bytes value, Bytes current, std::string& out)>;

struct Aggregator {
  AggregateFunction call;
  std::optional<std::string> initial;  ///< `current` of the first value; nullopt: null
};

struct TableAggregator {
  AggregateFunction add;
  AggregateFunction subtract;
  std::optional<std::string> initial;  ///< `current` of the first value; nullopt: null
};

/// `value` becomes the first aggregate, `combine(aggregate, value)` the next.
AggregateFunction reduce_function(AggregateFunction combine);
/// Adds `step` to an aggregate that is an `int64_t` in the bytes of its serde.
AggregateFunction count_function(int64_t step);

/// The type of an aggregate: `Explicit`, or the type of the initial value, which may come from a
/// function.
template <class Explicit, class Init>
struct AggregateType : TypeIs<Explicit> {};
template <class Init>
requires(!std::is_invocable_v<Init&>) struct AggregateType<void, Init> : SerdeTypeOf<Init> {
};
template <class Init>
requires(std::is_invocable_v<Init&>) struct AggregateType<void, Init>
    : SerdeTypeOf<std::remove_cvref_t<std::invoke_result_t<Init&>>> {
};

/// The type of an aggregate without an initial value: `Explicit`, or what `F` returns.
template <class Explicit, class F>
using AggregateOf = OutputType<Explicit, typename SignatureOf<F>::Result>;

template <class F, class K, class V, class A>
using RawAggregateCall = KeyedCall<F, K, TypeList<V, A>, std::string&>;

template <class K, class V, class A, class F>
constexpr bool is_aggregate_function() {
  using Raw = RawAggregateCall<F, K, V, A>;
  using Keyed = KeyedCall<F, K, TypeList<V, A>>;
  static_assert(Raw::kFit != Fit::kOther || Keyed::kFit != Fit::kOther,
                "the function of an aggregate takes (key, value, aggregate) or (value, aggregate), "
                "each as ViewOf<T> (std::string_view for text, const Table& for FlatBuffers) or "
                "Maybe<T>, and returns OwnedOf<A> or std::optional of it; or it takes a "
                "std::string& after them, appends the aggregate's bytes there and returns void, or "
                "false to delete it");
  if constexpr (Raw::kFit != Fit::kOther) {
    return takes_its_arguments<Raw>();
  } else if constexpr (Keyed::kFits) {
    constexpr bool kNarrower = is_narrower<KeyedResult<F, K, V, A>, OwnedOf<A>>();
    static_assert(!kNarrower,
                  "the function returns a number that the aggregate's type may not hold; that type "
                  "is the initial value's: 0 makes it an int, int64_t{0} an int64_t");
    if constexpr (!kNarrower) return makes_a_value<A, F, K, V, A>();
  } else {
    return takes_its_arguments<Keyed>();
  }
  return false;
}

/// Whether the function takes the aggregate as `Maybe<A>`.
template <class K, class V, class A, class F>
constexpr bool kTakesNoAggregate = RawAggregateCall<F, K, V, A>::takes_null_value(1) ||
                                   KeyedCall<F, K, TypeList<V, A>>::takes_null_value(1);

template <class K, class V, class A, class F>
constexpr bool is_cogroup_function() {
  static_assert(!std::is_void_v<A>,
                "the function does not tell the aggregate's type: name it, cogroup<A>(...)");
  if constexpr (!std::is_void_v<A>) return is_aggregate_function<K, V, A, F>();
  return false;
}

/// Also refuses a function that does not take the aggregate as `Maybe<A>`.
template <class K, class V, class A, class F>
constexpr bool begins_an_aggregate() {
  static_assert(!std::is_void_v<A>,
                "the function does not tell the aggregate's type: name it, aggregate<A>(...)");
  if constexpr (!std::is_void_v<A>) {
    if constexpr (is_aggregate_function<K, V, A, F>()) {
      constexpr bool kTakesNone = kTakesNoAggregate<K, V, A, F>;
      static_assert(kTakesNone,
                    "the function of an aggregate without an initial value takes the aggregate as "
                    "Maybe<A>, because there is none at first");
      return kTakesNone;
    }
  }
  return false;
}

template <class K, class V, class A, class F>
AggregateFunction make_aggregate_function(F f) {
  using Raw = RawAggregateCall<F, K, V, A>;
  using Keyed = KeyedCall<F, K, TypeList<V, A>>;
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

/// Bytes of an initial value, which is a value or a function without arguments, called once.
template <class A, class Init>
std::string initial_bytes(const Init& init) {
  std::string bytes;
  bool is_there = false;
  if constexpr (std::is_invocable_v<const Init&>) {
    is_there = encode_to<A>(init(), bytes);
  } else {
    is_there = encode_to<A>(init, bytes);
  }
  MILLRACE_ASSERT(is_there, "an initial value must not be null; leave it out instead");
  return bytes;
}

/// Checks `f(aggregate, value)` without a key, the form that `reduce` takes.
template <class V, class F>
constexpr bool is_combine_function() {
  using Combine = Call<F, TypeList<V, V>>;
  static_assert(Combine::kFit != Fit::kOther,
                "the function of a reduce takes (aggregate, value) as ViewOf<V> (std::string_view "
                "for text, const Table& for FlatBuffers) and returns OwnedOf<V> or std::optional "
                "of it");
  if constexpr (takes_its_arguments<Combine>()) {
    using Result = std::remove_cvref_t<decltype(Combine::call(std::declval<F&>(), {}))>;
    return Encodable<V, Result>::is_right();
  }
  return false;
}

template <class V, class F>
AggregateFunction make_combine_function(F f) {
  return [f = std::move(f)](Bytes, Bytes value, Bytes current, std::string& out) mutable {
    return encode_to<V>(Call<F, TypeList<V, V>>::call(f, {current, value}), out);
  };
}

}  // namespace millrace::operators
