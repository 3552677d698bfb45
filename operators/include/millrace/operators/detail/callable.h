#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/signature.h"
#include "millrace/operators/maybe.h"

namespace millrace::operators {

/// How a user function takes the arguments that an operator gives it.
enum class Fit : unsigned char {
  kRight,
  kTextAsString,  ///< text as `std::string`, which a view does not turn into by itself
  kNarrower,      ///< a number in a type that cannot hold each of its values
  kOther,         ///< not at all
};

template <class T>
constexpr bool kIsText = std::same_as<ViewOf<T>, std::string_view>;

template <class T, bool Nullable, bool TextAsString = false>
using Argument =
    std::conditional_t<Nullable, Maybe<T>,
                       std::conditional_t<TextAsString && kIsText<T>, std::string, ViewOf<T>>>;

template <class T, bool Nullable>
Argument<T, Nullable> argument(Bytes bytes) {
  if constexpr (Nullable) {
    return Maybe<T>(bytes);
  } else {
    return view_of<T>(bytes);
  }
}

template <class T>
struct Unwrapped : TypeIs<T> {};
template <class T>
struct Unwrapped<std::optional<T>> : TypeIs<T> {};

/// Whether one of the parameters, in order, cannot hold each value of the view it gets.
template <class... Ts, class... Parameters>
constexpr bool has_narrower(TypeList<Ts...>, TypeList<Parameters...>) {
  if constexpr (sizeof...(Ts) != sizeof...(Parameters)) {
    return false;
  } else {
    return (is_narrower<std::remove_cvref_t<ViewOf<Ts>>,
                        typename Unwrapped<std::remove_cvref_t<Parameters>>::Type>() ||
            ...);
  }
}

/// How `F` takes values of the serde types `Ts`, each as `ViewOf<T>` or as `Maybe<T>`, followed by
/// `Extras` as they are.
template <class F, class Types, class... Extras>
struct Call;

template <class F, class... Ts, class... Extras>
struct Call<F, TypeList<Ts...>, Extras...> {
  static constexpr unsigned kNone = ~0U;

  template <unsigned Mask, bool TextAsString, size_t... I>
  static constexpr bool fits(std::index_sequence<I...>) {
    return std::is_invocable_v<F&, Argument<Ts, ((Mask >> I) & 1U) != 0, TextAsString>...,
                               Extras...>;
  }
  template <bool TextAsString, unsigned Mask = 0>
  static constexpr unsigned find() {
    if constexpr (Mask == 1U << sizeof...(Ts)) {
      return kNone;
    } else if constexpr (fits<Mask, TextAsString>(std::index_sequence_for<Ts...>())) {
      return Mask;
    } else {
      return find<TextAsString, Mask + 1>();
    }
  }

  static constexpr Fit find_fit() {
    if constexpr (!kFits) {
      return find<true>() == kNone ? Fit::kOther : Fit::kTextAsString;
    } else {
      using Parameters = typename SignatureOf<F>::Parameters;
      const bool narrower = has_narrower(TypeList<Ts..., Extras...>(), Parameters());
      return narrower ? Fit::kNarrower : Fit::kRight;
    }
  }

  /// Bit i: the i-th argument may be null.
  static constexpr unsigned kMask = find<false>();
  /// It can be called, though perhaps with numbers that do not fit.
  static constexpr bool kFits = kMask != kNone;
  static constexpr Fit kFit = find_fit();
  static constexpr bool takes_null(unsigned i) { return kFits && ((kMask >> i) & 1U) != 0; }

  template <size_t... I>
  static decltype(auto) invoke(F& f, const std::array<Bytes, sizeof...(Ts)>& bytes,
                               std::index_sequence<I...>, Extras... extras) {
    return std::invoke(f, argument<Ts, ((kMask >> I) & 1U) != 0>(bytes[I])...,
                       std::forward<Extras>(extras)...);
  }
  static decltype(auto) call(F& f, const std::array<Bytes, sizeof...(Ts)>& bytes,
                             Extras... extras) {
    return invoke(f, bytes, std::index_sequence_for<Ts...>(), std::forward<Extras>(extras)...);
  }
};

/// As `Call`, for a function that may take the key first or leave it out.
template <class F, class K, class Types, class... Extras>
struct KeyedCall;

template <class F, class K, class... Vs, class... Extras>
struct KeyedCall<F, K, TypeList<Vs...>, Extras...> {
  using WithKey = Call<F, TypeList<K, Vs...>, Extras...>;
  using WithoutKey = Call<F, TypeList<Vs...>, Extras...>;

  static constexpr Fit find_fit() {
    if constexpr (WithKey::kFit != Fit::kOther) {
      return WithKey::kFit;
    } else {
      return WithoutKey::kFit;
    }
  }

  static constexpr bool kFits = WithKey::kFits || WithoutKey::kFits;
  static constexpr Fit kFit = find_fit();
  static constexpr bool kTakesNullKey = !WithKey::kFits || WithKey::takes_null(0);
  static constexpr bool takes_null_value(unsigned i = 0) {
    return WithKey::kFits ? WithKey::takes_null(i + 1) : WithoutKey::takes_null(i);
  }

  template <class... Values>
  static decltype(auto) call_with(F& f, Extras... extras, Bytes key, Values... values) {
    if constexpr (WithKey::kFits) {
      return WithKey::call(f, {key, values...}, std::forward<Extras>(extras)...);
    } else {
      return WithoutKey::call(f, {values...}, std::forward<Extras>(extras)...);
    }
  }
};

/// Refuses single parameters that do not fit. The operator's own check says what it takes.
template <class Call>
constexpr bool takes_its_arguments() {
  static_assert(Call::kFit != Fit::kTextAsString,
                "the function takes text as std::string: take it as std::string_view, or as "
                "Maybe<std::string> where it may be null");
  static_assert(Call::kFit != Fit::kNarrower,
                "the function takes a number in a type that cannot hold each of its values: take "
                "it as what it is, e.g. an int64_t as int64_t");
  return Call::kFit == Fit::kRight;
}

template <class>
using BytesFor = Bytes;

template <class F, class K, class... Vs>
auto keyed_result() {
  using Keyed = KeyedCall<F, K, TypeList<Vs...>>;
  if constexpr (Keyed::kFits) {
    return TypeIs<std::remove_cvref_t<decltype(Keyed::call_with(std::declval<F&>(), Bytes(),
                                                                BytesFor<Vs>()...))>>();
  } else {
    return TypeIs<void>();
  }
}

/// Result type of `F` for a key and values of these types; void when it does not take them.
template <class F, class K, class... Vs>
using KeyedResult = typename decltype(keyed_result<F, K, Vs...>())::Type;

/// `Explicit` unless it is void, else the serde type of the returned `R`.
template <class Explicit, class R>
using OutputType =
    typename std::conditional_t<std::is_void_v<Explicit>, SerdeTypeOf<R>, TypeIs<Explicit>>::Type;

}  // namespace millrace::operators
