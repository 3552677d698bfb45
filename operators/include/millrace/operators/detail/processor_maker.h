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

template <class P, class NewKey, class NewValue>
struct OutputTypesOf {
  static_assert(!std::is_void_v<NewKey> && !std::is_void_v<NewValue>,
                "process needs to know what comes out: name the types, process<K, V>(…), or derive "
                "the processor from TypedProcessor");
  using Key = NewKey;
  using Value = NewValue;
};
template <HasOutputTypes P>
struct OutputTypesOf<P, void, void> {
  using Key = typename P::OutKey;
  using Value = typename P::OutValue;
};

/// Tells what a user gave to `process` and makes a factory of it.
template <class K, class V, class NewKey, class NewValue, class F>
struct ProcessorMaker {
  using Types = OutputTypesOf<void, NewKey, NewValue>;
  using OutKey = NewKey;
  using OutValue = NewValue;
  static ProcessorFactory make(F f) {
    static_assert(sizeof(Types) > 0);
    return flat_map(make_expander<K, V, NewKey, NewValue>(std::move(f)));
  }
};
template <class K, class V, class NewKey, class NewValue, MakesProcessor F>
struct ProcessorMaker<K, V, NewKey, NewValue, F> {
  using Made = std::remove_cvref_t<decltype(*std::declval<F&>()())>;
  using OutKey = typename OutputTypesOf<Made, NewKey, NewValue>::Key;
  using OutValue = typename OutputTypesOf<Made, NewKey, NewValue>::Value;
  static ProcessorFactory make(F f) {
    if constexpr (HasOutputTypes<Made>) {
      static_assert(
          std::same_as<typename Made::InKey, K> && std::same_as<typename Made::InValue, V>,
          "the processor's input types are not the stream's");
    }
    return [f = std::move(f)]() mutable -> std::unique_ptr<Processor> { return f(); };
  }
};

}  // namespace millrace::operators
