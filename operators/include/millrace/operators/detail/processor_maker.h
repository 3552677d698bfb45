#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/ports.h"

namespace millrace::operators {

template <class F>
concept PointsToProcessor = requires(F& f) {
  { *f() } -> std::convertible_to<Processor&>;
};

/// Of all pointers only this one says who owns the processor: the task that called.
template <class F>
concept MakesProcessor = PointsToProcessor<F> && requires(F& f) {
  { f() } -> std::convertible_to<std::unique_ptr<Processor>>;
};

template <class P>
concept HasOutputTypes = requires {
  typename P::OutKey;
  typename P::OutValue;
};

template <class P>
concept HasInputTypes = requires {
  typename P::InKey;
  typename P::InValue;
};

template <class P>
concept HasSeveralInputs = requires {
  typename P::AllInputs;
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

template <class P>
struct SideOutputsOf : TypeIs<TypeList<>> {};
template <class P>
requires requires {
  typename P::SideOutputs;
}
struct SideOutputsOf<P> : TypeIs<typename P::SideOutputs> {};

/// Finds out what a user gave to `process` and makes a factory of it.
template <class K, class V, class NewKey, class NewValue, class F>
struct ProcessorMaker {
  using OutKey = NewKey;
  using OutValue = NewValue;
  using SideOutputs = TypeList<>;
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
template <class K, class V, class NewKey, class NewValue, PointsToProcessor F>
struct ProcessorMaker<K, V, NewKey, NewValue, F> {
  static constexpr bool is_right() {
    static_assert(MakesProcessor<F>,
                  "the function returns the processor as std::unique_ptr: make it with "
                  "std::make_unique");
    return false;
  }
};
template <class K, class V, class NewKey, class NewValue, MakesProcessor F>
struct ProcessorMaker<K, V, NewKey, NewValue, F> {
  using Made = std::remove_cvref_t<decltype(*std::declval<F&>()())>;
  using Types = OutputTypesOf<Made, NewKey, NewValue>;
  using OutKey = typename Types::Key;
  using OutValue = typename Types::Value;
  using SideOutputs = typename SideOutputsOf<Made>::Type;
  static constexpr bool is_right() {
    if constexpr (HasInputTypes<Made>) {
      constexpr bool kFits =
          std::same_as<typename Made::InKey, K> && std::same_as<typename Made::InValue, V>;
      static_assert(kFits, "the processor's input types are not the stream's");
      return kFits;
    } else {
      static_assert(!HasSeveralInputs<Made>,
                    "a processor with several inputs is given to TopologyBuilder::process, with a "
                    "stream for each of them");
      return Types::kAreKnown && !HasSeveralInputs<Made>;
    }
  }
  static ProcessorFactory make(F f) {
    return [f = std::move(f)]() mutable -> std::unique_ptr<Processor> { return f(); };
  }
};

template <class P>
concept KeepsKey = requires {
  requires P::kKeepsKey;
};

template <class P>
struct OutValueOf : TypeIs<void> {};
template <KeepsKey P>
struct OutValueOf<P> : TypeIs<typename P::OutValue> {};

/// As `ProcessorMaker`, for `process_values`.
template <class K, class V, class NewValue, class F>
struct ValueProcessorMaker {
  using OutValue = NewValue;
  static constexpr bool is_right() {
    static_assert(!std::is_void_v<NewValue>,
                  "process_values needs to know what comes out: name the type, "
                  "process_values<V>(...), or derive the processor from FixedKeyProcessor");
    if constexpr (!std::is_void_v<NewValue>) return is_value_expander<K, V, NewValue, F>();
    return false;
  }
  static ProcessorFactory make(F f) {
    return flat_map(make_value_expander<K, V, NewValue>(std::move(f)));
  }
};
template <class K, class V, class NewValue, PointsToProcessor F>
struct ValueProcessorMaker<K, V, NewValue, F> : ProcessorMaker<K, V, K, NewValue, F> {};
template <class K, class V, class NewValue, MakesProcessor F>
struct ValueProcessorMaker<K, V, NewValue, F> {
  using Made = std::remove_cvref_t<decltype(*std::declval<F&>()())>;
  using OutValue = typename OutValueOf<Made>::Type;
  static constexpr bool is_right() {
    static_assert(KeepsKey<Made>,
                  "the processor may change keys: derive it from FixedKeyProcessor, or give it to "
                  "process");
    if constexpr (KeepsKey<Made>) return ProcessorMaker<K, V, void, void, F>::is_right();
    return false;
  }
  static ProcessorFactory make(F f) {
    return ProcessorMaker<K, V, void, void, F>::make(std::move(f));
  }
};

/// A stream that feeds the input `I` of a processor with several.
template <class I>
struct FedInput {
  StreamCore stream;
};

template <class I, class... Is>
constexpr size_t kCountOf = (size_t{0} + ... + (std::is_same_v<I, Is> ? 1 : 0));

/// Where `I` stands among all inputs. REQUIRES: it is one of them.
template <class I, class... Is>
constexpr uint8_t number_of(Inputs<Is...>) {
  uint8_t number = 0;
  static_cast<void>(((std::is_same_v<I, Is> || (++number, false)) || ...));
  return number;
}

template <class... Is, class... Fed>
constexpr bool feeds_each_once(Inputs<Is...>, TypeList<Fed...>) {
  return sizeof...(Is) == sizeof...(Fed) && ((kCountOf<Is, Fed...> == 1) && ...);
}

/// As `ProcessorMaker`, for a processor with several inputs; `Fed` are those that get a stream.
template <class F, class... Fed>
struct MultiInputMaker {
  static constexpr bool is_right() {
    static_assert(MakesProcessor<F>,
                  "process takes a function that makes the processor and returns it as "
                  "std::unique_ptr");
    if constexpr (MakesProcessor<F>) {
      using Made = std::remove_cvref_t<decltype(*std::declval<F&>()())>;
      constexpr bool kHasInputs = HasSeveralInputs<Made>;
      static_assert(kHasInputs, "the processor does not derive from MultiInputProcessor");
      if constexpr (kHasInputs) {
        constexpr bool kFeedsAll = feeds_each_once(typename Made::AllInputs(), TypeList<Fed...>());
        static_assert(kFeedsAll,
                      "each input of the processor takes one stream: give stream.as<Input>() for "
                      "each; merge streams that go to the same one");
        return kFeedsAll;
      }
    }
    return false;
  }
  static ProcessorFactory make(F f, std::vector<uint8_t> inputs) {
    return [f = std::move(f), inputs]() mutable -> std::unique_ptr<Processor> {
      auto processor = f();
      processor->set_inputs(inputs);
      return processor;
    };
  }
};

}  // namespace millrace::operators
