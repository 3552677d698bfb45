#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/topic.h"
#include "millrace/operators/detail/callable.h"
#include "millrace/operators/detail/encoded.h"
#include "millrace/operators/emit.h"

/// Turns a user's functions into functions over bytes, which the sources of the operators work
/// with.
namespace millrace::operators {

/// A user function as a byte core sees it, with the nulls that it takes.
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

/// The name of the topic to which a record goes; nullopt: to none.
using TopicPicker = UserFunction<std::optional<std::string_view>(Bytes key, Bytes value)>;

/// Event time of a record of a source, in ms since 1970-01-01 UTC.
using EventTime = std::function<int64_t(Bytes key, Bytes value, int64_t record_timestamp_ms)>;

enum class JoinKind : unsigned char {
  kInner,  ///< both sides are there
  kLeft,   ///< the left side is there
  kOuter,  ///< a side is there
};

enum class JoinSide : unsigned char { kLeft, kRight };

/// Writes the value joined from both sides (null: no row) to `out`; false: there is no value. It
/// gets only the nulls that the kind of join lets through.
using Joiner = std::function<bool(Bytes key, Bytes left, Bytes right, std::string& out)>;

/// The joiner of an inner join without a function: a `Joined<L, R>`.
Joiner pair_joiner();

template <class K, class K2>
constexpr bool has_key_of() {
  static_assert(std::is_same_v<K, K2>,
                "the other side of this join has keys of another type: give one side the key of "
                "the other first, e.g. with key_by; or join two tables by a foreign key: "
                "join(other, foreign_key, joiner)");
  return std::is_same_v<K, K2>;
}

// Each check below refuses a function that does not fit, in one sentence, and returns whether it
// fits; each `make_…` REQUIRES that it does.

template <class K, class V, class F>
constexpr bool is_predicate() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "a predicate takes (key, value) or (value), each as ViewOf<T> (std::string_view "
                "for text, const Table& for FlatBuffers) or Maybe<T> of the stream's types, and "
                "returns bool");
  if constexpr (takes_its_arguments<Keyed>()) {
    constexpr bool kReturnsBool = std::convertible_to<KeyedResult<F, K, V>, bool>;
    static_assert(kReturnsBool, "a predicate returns bool");
    return kReturnsBool;
  }
  return false;
}

template <class K, class V, class F>
Predicate make_predicate(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {[f = std::move(f)](Bytes key, Bytes value) mutable -> bool {
            return Keyed::call_with(f, key, value);
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

/// True where `predicate` is false, and with the same nulls.
inline Predicate negated(Predicate predicate) {
  return {[call = std::move(predicate.call)](Bytes key, Bytes value) { return !call(key, value); },
          predicate.takes_null_key, predicate.takes_null_value};
}

template <class K, class V, class F>
constexpr bool is_topic_picker() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function that picks a topic takes (key, value) or (value), each as ViewOf<T> "
                "(std::string_view for text, const Table& for FlatBuffers) or Maybe<T> of the "
                "stream's types, and returns a Topic<K, V> or std::optional of it");
  if constexpr (takes_its_arguments<Keyed>()) {
    constexpr bool kReturnsTopic =
        std::convertible_to<KeyedResult<F, K, V>, std::optional<Topic<K, V>>>;
    static_assert(kReturnsTopic,
                  "the function that picks a topic returns a Topic<K, V> of the stream's types, or "
                  "std::optional of it");
    return kReturnsTopic;
  }
  return false;
}

template <class K, class V, class F>
TopicPicker make_topic_picker(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {[f = std::move(f)](Bytes key, Bytes value) mutable -> std::optional<std::string_view> {
            const std::optional<Topic<K, V>> topic = Keyed::call_with(f, key, value);
            return topic ? std::optional(topic->name) : std::nullopt;
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class F>
constexpr bool is_observer() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "an observer takes (key, value) or (value), each as ViewOf<T> (std::string_view "
                "for text, const Table& for FlatBuffers) or Maybe<T> of the stream's types");
  return takes_its_arguments<Keyed>();
}

template <class K, class V, class F>
Observer make_observer(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {[f = std::move(f)](Bytes key, Bytes value) mutable { Keyed::call_with(f, key, value); },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

/// A function's output type for a key and values: `Explicit`, or the one that its result implies.
template <class Explicit, class F, class K, class... Vs>
using ResultOf = OutputType<Explicit, KeyedResult<F, K, Vs...>>;

/// Whether a function takes its arguments and returns a value that can be written.
template <class Explicit, class F, class K, class... Vs>
constexpr bool makes_a_value() {
  if constexpr (takes_its_arguments<KeyedCall<F, K, TypeList<Vs...>>>()) {
    return Encodable<ResultOf<Explicit, F, K, Vs...>, KeyedResult<F, K, Vs...>>::is_right();
  }
  return false;
}

template <class Explicit, class K, class V, class F>
constexpr bool is_value_mapper() {
  static_assert(KeyedCall<F, K, TypeList<V>>::kFit != Fit::kOther,
                "the function takes (key, value) or (value), each as ViewOf<T> (std::string_view "
                "for text, const Table& for FlatBuffers) or Maybe<T> of the stream's types, and "
                "returns OwnedOf<T> or std::optional of it");
  return makes_a_value<Explicit, F, K, V>();
}

template <class K, class V, class Out, class F>
ValueMapper make_value_mapper(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {[f = std::move(f)](Bytes key, Bytes value, std::string& out) mutable -> bool {
            return encode_to<Out>(Keyed::call_with(f, key, value), out);
          },
          Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

/// REQUIRES: `is_value_mapper`.
template <class K, class V, class Out, class F>
KeySelector make_key_selector(F f) {
  const ValueMapper mapper = make_value_mapper<K, V, Out>(std::move(f));
  return {mapper.call, mapper.takes_null_key, mapper.takes_null_value};
}

template <class R>
struct PairOf {
  static constexpr bool kIsPair = false;
  using First = void;
  using Second = void;
};
template <class A, class B>
struct PairOf<std::pair<A, B>> {
  static constexpr bool kIsPair = true;
  using First = A;
  using Second = B;
};

template <class ExplicitKey, class ExplicitValue, class K, class V, class F>
struct RecordMapping {
  using Pair = PairOf<KeyedResult<F, K, V>>;
  using NewKey = OutputType<ExplicitKey, typename Pair::First>;
  using NewValue = OutputType<ExplicitValue, typename Pair::Second>;

  static constexpr bool is_right() {
    using Keyed = KeyedCall<F, K, TypeList<V>>;
    static_assert(Keyed::kFit != Fit::kOther,
                  "the function of a map takes (key, value) or (value), each as ViewOf<T> "
                  "(std::string_view for text, const Table& for FlatBuffers) or Maybe<T> of the "
                  "stream's types, and returns std::pair of the new key and the new value");
    if constexpr (takes_its_arguments<Keyed>()) {
      constexpr bool kNullKey = IsOptional<typename Pair::First>::value;
      static_assert(Pair::kIsPair,
                    "the function of a map returns std::pair of the new key and the new value; "
                    "for a new value alone call map_values");
      static_assert(!kNullKey, "a mapped record needs a key; filter out what has none");
      if constexpr (Pair::kIsPair && !kNullKey) {
        return Encodable<NewKey, typename Pair::First>::is_right() &&
               Encodable<NewValue, typename Pair::Second>::is_right();
      }
    }
    return false;
  }
};

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
constexpr bool is_expander() {
  using Keyed = KeyedCall<F, K, TypeList<V>, Emit<NewKey, NewValue>&>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function takes (key, value, emit) or (value, emit): key and value each as "
                "ViewOf<T> (std::string_view for text, const Table& for FlatBuffers) or Maybe<T>, "
                "emit as Emit<NewKey, NewValue>&");
  return takes_its_arguments<Keyed>();
}

template <class K, class V, class NewKey, class NewValue, class F>
RecordExpander make_expander(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>, Emit<NewKey, NewValue>&>;
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

template <class K, class V, class NewValue, class F>
constexpr bool is_value_expander() {
  using Keyed = KeyedCall<F, K, TypeList<V>, EmitValues<NewValue>&>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function takes (key, value, emit) or (value, emit): key and value each as "
                "ViewOf<T> (std::string_view for text, const Table& for FlatBuffers) or Maybe<T>, "
                "emit as EmitValues<NewValue>&");
  return takes_its_arguments<Keyed>();
}

template <class K, class V, class NewValue, class F>
RecordExpander make_value_expander(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>, EmitValues<NewValue>&>;
  // A copy of the function has a buffer of its own, because each task makes copies.
  struct Expand {
    F f;
    std::string value_buffer;
    void operator()(Bytes key, Bytes value, RawEmit& raw) {
      EmitValues<NewValue> emit(raw, key, value_buffer);
      Keyed::call_with(f, emit, key, value);
    }
  };
  return {Expand{std::move(f), {}}, Keyed::kTakesNullKey, Keyed::takes_null_value()};
}

template <class K, class V, class F>
constexpr bool is_event_time() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "a function for the event time takes (key, value) or (value), each as ViewOf<T> "
                "(std::string_view for text, const Table& for FlatBuffers) or Maybe<T>, and "
                "returns ms since 1970-01-01 UTC");
  return makes_a_value<int64_t, F, K, V>();
}

template <class K, class V, class F>
EventTime make_event_time(F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return [f = std::move(f)](Bytes key, Bytes value, int64_t record_timestamp_ms) mutable {
    if (key.is_null() && !Keyed::kTakesNullKey) return record_timestamp_ms;
    if (value.is_null() && !Keyed::takes_null_value()) return record_timestamp_ms;
    const int64_t time_ms = Keyed::call_with(f, key, value);
    return time_ms < 0 ? record_timestamp_ms : time_ms;
  };
}

/// The type, with a check of its values beyond the serde.
template <class T>
TypeInfo checked_type(std::function<Status(ViewOf<T>)> validate) {
  TypeInfo type = type_info<T>();
  if (!validate) return type;
  type.validate = [validate = std::move(validate)](Bytes bytes) -> Status {
    MILLRACE_RETURN_IF_ERROR(validate_as<T>(bytes));
    return validate(view_of<T>(bytes));
  };
  return type;
}

template <class Explicit, class K, class L, class R, JoinKind Kind, class F>
constexpr bool is_joiner() {
  using Keyed = KeyedCall<F, K, TypeList<L, R>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function of a join takes (key, left, right) or (left, right), each as "
                "ViewOf<T> (std::string_view for text, const Table& for FlatBuffers) or Maybe<T>, "
                "and returns OwnedOf<T> or std::optional of it");
  constexpr bool kLacksRight =
      Keyed::kFits && Kind != JoinKind::kInner && !Keyed::takes_null_value(1);
  constexpr bool kLacksLeft =
      Keyed::kFits && Kind == JoinKind::kOuter && !Keyed::takes_null_value(0);
  static_assert(!kLacksRight,
                "the function of a left or outer join takes the right side as Maybe<T>, because "
                "there may be no row");
  static_assert(kLacksRight || !kLacksLeft,
                "the function of an outer join takes the left side as Maybe<T>, because there may "
                "be no row");
  if constexpr (kLacksRight || kLacksLeft) {
    return false;
  } else {
    return makes_a_value<Explicit, F, K, L, R>();
  }
}

template <class K, class L, class R, class Out, class F>
Joiner make_joiner(F f) {
  using Keyed = KeyedCall<F, K, TypeList<L, R>>;
  return [f = std::move(f)](Bytes key, Bytes left, Bytes right, std::string& out) mutable {
    return encode_to<Out>(Keyed::call_with(f, key, left, right), out);
  };
}

}  // namespace millrace::operators
