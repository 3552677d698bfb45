#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "millrace/operators/detail/callable.h"
#include "millrace/operators/emit.h"

/// What a user gives to an operator, as functions over bytes, which the sources of the operators
/// work with.
namespace millrace::operators {

/// A user function as a byte core sees it, with what it may be called with.
template <class Signature>
struct UserFunction {
  std::function<Signature> call;
  bool takes_null_key = true;
  bool takes_null_value = true;
};

using Predicate = UserFunction<bool(Bytes key, Bytes value)>;
using Observer = UserFunction<void(Bytes key, Bytes value)>;
/// Replaces `out`; false: the result is null.
using ValueMapper = UserFunction<bool(Bytes key, Bytes value, std::string& out)>;
/// Replaces `key_out` and `value_out`; false: the value is null.
using RecordMapper =
    UserFunction<bool(Bytes key, Bytes value, std::string& key_out, std::string& value_out)>;
/// Replaces `key_out`; false: the record has no key.
using KeySelector = UserFunction<bool(Bytes key, Bytes value, std::string& key_out)>;
using RecordExpander = UserFunction<void(Bytes key, Bytes value, RawEmit& emit)>;

enum class JoinKind : unsigned char {
  kInner,  ///< both sides are there
  kLeft,   ///< the left side is there
  kOuter,  ///< a side is there
};

/// Makes a join's value of both sides' (null: no row) in `out`; false: there is no value. It is
/// called only with the nulls that the kind of join lets through.
using Joiner = std::function<bool(Bytes key, Bytes left, Bytes right, std::string& out)>;

/// The joiner of an inner join without a function: a `Joined<L, R>`.
Joiner pair_joiner();

/// Makes the new aggregate of `current` (null: none yet) in `out`; false: there is none any more.
/// `out` is another buffer than `current`.
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

template <class K, class V, class F>
Predicate make_predicate(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFits,
                "a predicate takes (key, value) or (value), each as ViewOf<T> or Maybe<T> of the "
                "stream's types, and returns bool");
  return {[f = std::move(f)](Bytes key, Bytes value) mutable -> bool {
            return Keyed::call_with(f, key, value);
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class F>
Observer make_observer(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFits,
                "an observer takes (key, value) or (value), each as ViewOf<T> or Maybe<T>");
  return {[f = std::move(f)](Bytes key, Bytes value) mutable { Keyed::call_with(f, key, value); },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class Out, class F>
ValueMapper make_value_mapper(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFits,
                "the function takes (key, value) or (value), each as ViewOf<T> or Maybe<T> of the "
                "stream's types, and returns OwnedOf<T> or std::optional of it");
  return {[f = std::move(f)](Bytes key, Bytes value, std::string& out) mutable -> bool {
            return encode_to<Out>(Keyed::call_with(f, key, value), out);
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class Out, class F>
KeySelector make_key_selector(F f) {
  const ValueMapper mapper = make_value_mapper<K, V, Out>(std::move(f));
  return {mapper.call, mapper.takes_null_key, mapper.takes_null_value};
}

template <class K, class V, class NewKey, class NewValue, class F>
RecordMapper make_record_mapper(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {[f = std::move(f)](Bytes key, Bytes value, std::string& key_out,
                             std::string& value_out) mutable {
            const auto& pair = Keyed::call_with(f, key, value);
            encode_to<NewKey>(pair.first, key_out);
            return encode_to<NewValue>(pair.second, value_out);
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class NewKey, class NewValue, class F>
RecordExpander make_expander(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>, Emit<NewKey, NewValue>&>;
  static_assert(Keyed::kFits,
                "the function takes (key, value, emit) or (value, emit): key and value each as "
                "ViewOf<T> or Maybe<T>, emit as Emit<NewKey, NewValue>&");
  // A copy of the function has buffers of its own, because each task makes copies.
  struct Expand {
    F f;
    std::string key_buffer;
    std::string value_buffer;
    void operator()(Bytes key, Bytes value, RawEmit& raw) {
      Emit<NewKey, NewValue> emit(raw, key_buffer, value_buffer);
      Keyed::call_with(f, emit, key, value);
    }
  };
  return {Expand{std::move(f), {}, {}}, Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class L, class R, class Out, JoinKind Kind, class F>
Joiner make_joiner(F f) {
  using Keyed = KeyedCall<F, K, TypeList<L, R>>;
  static_assert(Keyed::kFits,
                "the function of a join takes (key, left, right) or (left, right), each as "
                "ViewOf<T> or Maybe<T>, and returns OwnedOf<T> or std::optional of it");
  static_assert(!Keyed::kFits || Kind == JoinKind::kInner || Keyed::takes_null_value(1),
                "the function of a left or outer join takes the right side as Maybe<T>, because "
                "there may be no row");
  static_assert(!Keyed::kFits || Kind != JoinKind::kOuter || Keyed::takes_null_value(0),
                "the function of an outer join takes the left side as Maybe<T>, because there may "
                "be no row");
  return [f = std::move(f)](Bytes key, Bytes left, Bytes right, std::string& out) mutable {
    return encode_to<Out>(Keyed::call_with(f, key, left, right), out);
  };
}

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
