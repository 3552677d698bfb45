#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/core/index.h"
#include "millrace/operators/detail/callable.h"
#include "millrace/operators/detail/encoded.h"

namespace millrace::operators {

/// The index that a function with result `R` makes; null when there is none.
template <class R>
constexpr std::optional<IndexType> index_type_of() {
  if constexpr (std::is_void_v<R>) {
    return std::nullopt;
  } else if constexpr (IsOptional<R>::value) {
    return index_type_of<typename R::value_type>();
  } else if constexpr (std::convertible_to<const R&, std::string_view>) {
    return IndexType::kText;
  } else if constexpr (std::integral<R>) {
    if (std::same_as<R, bool> || is_narrower<R, int64_t>()) return std::nullopt;
    return IndexType::kInteger;
  } else if constexpr (std::ranges::range<const R>) {
    return index_type_of<std::ranges::range_value_t<const R>>();
  } else {
    return std::nullopt;
  }
}

template <class R>
void add_indexed(const R& result, IndexValues& values) {
  if constexpr (IsOptional<R>::value) {
    if (result.has_value()) add_indexed(*result, values);
  } else if constexpr (std::convertible_to<const R&, std::string_view>) {
    values.add(std::string_view(result));
  } else if constexpr (std::integral<R>) {
    values.add(static_cast<int64_t>(result));
  } else {
    for (const auto& value : result) add_indexed(value, values);
  }
}

template <class K, class V, class F>
constexpr bool is_index_function() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function of an index takes (key, value) or (value), each as ViewOf<T> "
                "(std::string_view for text, const Table& for FlatBuffers), and returns the "
                "values under which the row is found");
  if constexpr (takes_its_arguments<Keyed>()) {
    constexpr bool kIsIndexed = index_type_of<KeyedResult<F, K, V>>().has_value();
    static_assert(kIsIndexed,
                  "the function of an index returns text or an integer that an int64_t holds, "
                  "std::optional of that, or a std::vector of several");
    return kIsIndexed;
  }
  return false;
}

/// REQUIRES: `is_index_function`.
template <class K, class V, class F>
IndexSpec make_index(std::string name, F f) {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  return {.name = std::move(name),
          .type = *index_type_of<KeyedResult<F, K, V>>(),
          .values_of = [f = std::move(f)](Bytes key, Bytes value, IndexValues& values) mutable {
            add_indexed(Keyed::call_with(f, key, value), values);
          }};
}

}  // namespace millrace::operators
