#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/core/serde.h"
#include "millrace/operators/maybe.h"

namespace millrace::operators {

template <class... Ts>
struct TypeList {};
template <class T>
struct TypeIs {
  using Type = T;
};

template <class T, bool Nullable>
using Argument = std::conditional_t<Nullable, Maybe<T>, ViewOf<T>>;

template <class T, bool Nullable>
Argument<T, Nullable> argument(Bytes bytes) {
  if constexpr (Nullable) {
    return Maybe<T>(bytes);
  } else {
    return Serde<T>::view(bytes);
  }
}

/// How `F` takes values of the serde types `Ts`, each as `ViewOf<T>` or as `Maybe<T>`, followed by
/// `Extras` as they are.
template <class F, class Types, class... Extras>
struct Call;

template <class F, class... Ts, class... Extras>
struct Call<F, TypeList<Ts...>, Extras...> {
  static constexpr unsigned kNone = ~0U;

  template <unsigned Mask, size_t... I>
  static constexpr bool fits(std::index_sequence<I...>) {
    return std::is_invocable_v<F&, Argument<Ts, ((Mask >> I) & 1U) != 0>..., Extras...>;
  }
  template <unsigned Mask = 0>
  static constexpr unsigned find() {
    if constexpr (Mask == 1U << sizeof...(Ts)) {
      return kNone;
    } else if constexpr (fits<Mask>(std::index_sequence_for<Ts...>())) {
      return Mask;
    } else {
      return find<Mask + 1>();
    }
  }

  /// Bit i: the i-th argument may be null.
  static constexpr unsigned kMask = find();
  static constexpr bool kFits = kMask != kNone;
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
  static constexpr bool kFits = WithKey::kFits || WithoutKey::kFits;
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

/// What `F` returns for a key and values of these types; void when it does not take them.
template <class F, class K, class... Vs>
using KeyedResult = typename decltype(keyed_result<F, K, Vs...>())::Type;

/// The return type of a function pointer or of an object with one `operator()`.
template <class F>
struct ReturnOf : ReturnOf<decltype(&F::operator())> {};
template <class R, class... Args>
struct ReturnOf<R (*)(Args...)> {
  using Type = std::remove_cvref_t<R>;
};
template <class R, class C, class... Args>
struct ReturnOf<R (C::*)(Args...)> : ReturnOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct ReturnOf<R (C::*)(Args...) const> : ReturnOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct ReturnOf<R (C::*)(Args...) const noexcept> : ReturnOf<R (*)(Args...)> {};
template <class R, class... Args>
struct ReturnOf<R (*)(Args...) noexcept> : ReturnOf<R (*)(Args...)> {};

/// `Explicit` unless it is void, else what the returned `R` stands for.
template <class Explicit, class R>
using OutputType =
    typename std::conditional_t<std::is_void_v<Explicit>, SerdeTypeOf<R>, TypeIs<Explicit>>::Type;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Replaces `out` by the bytes of `value`; false when it is null. Text and raw bytes are taken as
/// views as well, so that no string has to be made for them.
template <class T, class R>
bool encode_to(const R& value, std::string& out) {
  static_assert(HasSerde<T>,
                "a user function returned a type without a millrace::Serde; return OwnedOf<T> of a "
                "serde type T, or an optional of it, or name T in the call");
  if constexpr (IsOptional<R>::value) {
    return value.has_value() && encode_to<T>(*value, out);
  } else if constexpr (std::same_as<R, Bytes> &&
                       (std::same_as<T, RawBytes> || std::same_as<T, std::string>)) {
    out.assign(value.data() == nullptr ? "" : value.data(), value.size());
    return !value.is_null();
  } else if constexpr (std::convertible_to<const R&, std::string_view> &&
                       (std::same_as<T, RawBytes> || std::same_as<T, std::string>)) {
    out = std::string_view(value);
    return true;
  } else {
    static_assert(std::convertible_to<const R&, const OwnedOf<T>&>,
                  "a user function must return OwnedOf<T> of the type T that the operator emits, "
                  "or std::optional of it");
    out.clear();
    Serde<T>::encode(value, out);
    return true;
  }
}

}  // namespace millrace::operators
