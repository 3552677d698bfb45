#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "millrace/operators/detail/operators.h"

namespace millrace::operators {

template <class F>
concept MakesProcessor = requires(F& f) {
  { *f() } -> std::convertible_to<Processor&>;
};

template <class P>
concept HasOutputTypes = requires {
  typename P::OutKey;
  typename P::OutValue;
};

/// Output types of a processor: the types that the call names, else those of the processor.
template <class P, class NewKey, class NewValue>
struct OutputTypesOf {
  static constexpr bool kAreKnown = !std::is_void_v<NewKey> && !std::is_void_v<NewValue>;
  static_assert(kAreKnown,
                "process needs to know what comes out: name the types, process<K, V>(...), or "
                "derive the processor from TypedProcessor");
  using Key = NewKey;
  using Value = NewValue;
};
template <HasOutputTypes P>
struct OutputTypesOf<P, void, void> {
  static constexpr bool kAreKnown = true;
  using Key = typename P::OutKey;
  using Value = typename P::OutValue;
};

/// Tells what a user gave to `process` and makes a factory of it.
template <class K, class V, class NewKey, class NewValue, class F>
struct ProcessorMaker {
  using OutKey = NewKey;
  using OutValue = NewValue;
  static constexpr bool is_right() {
    if constexpr (OutputTypesOf<void, NewKey, NewValue>::kAreKnown) {
      return is_expander<K, V, NewKey, NewValue, F>();
    }
    return false;
  }
  static ProcessorFactory make(F f) {
    return flat_map(make_expander<K, V, NewKey, NewValue>(std::move(f)));
  }
};
template <class K, class V, class NewKey, class NewValue, MakesProcessor F>
struct ProcessorMaker<K, V, NewKey, NewValue, F> {
  using Made = std::remove_cvref_t<decltype(*std::declval<F&>()())>;
  using Types = OutputTypesOf<Made, NewKey, NewValue>;
  using OutKey = typename Types::Key;
  using OutValue = typename Types::Value;
  static constexpr bool is_right() {
    if constexpr (HasOutputTypes<Made>) {
      constexpr bool kFits =
          std::same_as<typename Made::InKey, K> && std::same_as<typename Made::InValue, V>;
      static_assert(kFits, "the processor's input types are not the stream's");
      return kFits;
    }
    return Types::kAreKnown;
  }
  static ProcessorFactory make(F f) {
    return [f = std::move(f)]() mutable -> std::unique_ptr<Processor> { return f(); };
  }
};

}  // namespace millrace::operators
