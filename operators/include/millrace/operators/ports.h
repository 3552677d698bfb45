#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "millrace/core/serde.h"

namespace millrace {

namespace operators {

/// A string literal as a template argument.
template <size_t N>
struct Literal {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal stands for itself
  constexpr Literal(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  constexpr std::string_view view() const { return {text, N - 1}; }
  char text[N] = {};
};

}  // namespace operators

/// A side output of a processor: its name within the processor, and the types of its records. It is
/// a handle without a state: the processor declares it and forwards to it, and the topology
/// continues from it.
///
///     using Rejected = mr::Output<"rejected", OrderId, Rejection>;
template <operators::Literal Name, class K, class V>
struct Output {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);
  using Key = K;
  using Value = V;
  static constexpr std::string_view name() { return Name.view(); }
};

/// An input of a processor with several: its name within the processor, and the types of its
/// records.
///
///     using Payments = mr::Input<"payments", OrderId, Payment>;
template <operators::Literal Name, class K, class V>
struct Input {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);
  using Key = K;
  using Value = V;
  static constexpr std::string_view name() { return Name.view(); }
};

/// All inputs of a processor.
template <class... Is>
struct Inputs {};

}  // namespace millrace
