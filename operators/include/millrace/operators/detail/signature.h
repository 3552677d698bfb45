#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <type_traits>

namespace millrace::operators {

template <class... Ts>
struct TypeList {};
template <class T>
struct TypeIs {
  using Type = T;
};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Result and parameters of a function pointer or of an object with one `operator()`; unknown for
/// one that is overloaded or a template, so parameters of such an object may truncate numbers.
template <class F>
struct SignatureOf {
  static constexpr bool kIsKnown = false;
  using Result = void;
  using Parameters = TypeList<>;
};
template <class F>
requires requires {
  &F::operator();
}
struct SignatureOf<F> : SignatureOf<decltype(&F::operator())> {};
template <class R, class... Args>
struct SignatureOf<R (*)(Args...)> {
  static constexpr bool kIsKnown = true;
  using Result = std::remove_cvref_t<R>;
  using Parameters = TypeList<Args...>;
};
template <class R, class... Args>
struct SignatureOf<R (*)(Args...) noexcept> : SignatureOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct SignatureOf<R (C::*)(Args...)> : SignatureOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct SignatureOf<R (C::*)(Args...) noexcept> : SignatureOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct SignatureOf<R (C::*)(Args...) const> : SignatureOf<R (*)(Args...)> {};
template <class R, class C, class... Args>
struct SignatureOf<R (C::*)(Args...) const noexcept> : SignatureOf<R (*)(Args...)> {};

/// Whether a number of type `From` may change when it becomes a `To`.
template <class From, class To>
constexpr bool is_narrower() {
  if constexpr (!std::is_arithmetic_v<From> || !std::is_arithmetic_v<To> ||
                std::same_as<From, To>) {
    return false;
  } else if constexpr (std::same_as<To, bool>) {
    return true;
  } else {
    using FromLimits = std::numeric_limits<From>;
    using ToLimits = std::numeric_limits<To>;
    return FromLimits::digits > ToLimits::digits ||
           (FromLimits::is_signed && !ToLimits::is_signed) ||
           (!FromLimits::is_integer && ToLimits::is_integer);
  }
}

}  // namespace millrace::operators
