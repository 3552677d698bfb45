#pragma once

#include "millrace/operators/stream.h"

/// The longer methods of `Stream`, which has their comments.
namespace millrace {

template <class K, class V>
template <class ExplicitKey, class ExplicitValue, class F>
auto Stream<K, V>::map(F mapper, std::string name) const {
  using Mapping = operators::RecordMapping<ExplicitKey, ExplicitValue, K, V, F>;
  if constexpr (Mapping::is_right()) {
    using NewKey = typename Mapping::NewKey;
    using NewValue = typename Mapping::NewValue;
    return Stream<NewKey, NewValue>(core_.then_rekeyed(
        {.name = std::move(name),
         .operation = "map",
         .factory = operators::map_stream(
             operators::make_record_mapper<K, V, NewKey, NewValue>(std::move(mapper)))}));
  } else {
    return operators::Refused();
  }
}

template <class K, class V>
template <class... Fs>
auto Stream<K, V>::branch(Fs... predicates) const {
  if constexpr ((operators::is_predicate<K, V, Fs>() && ...)) {
    const operators::StreamCore split =
        core_.then({.operation = "branch",
                    .factory = operators::branch(
                        {operators::make_predicate<K, V>(std::move(predicates))...})});
    // One fixed child per branch, whatever the user attaches to it, since children have numbers.
    const auto arm = [&](size_t) {
      return Stream(split.then({.operation = "arm", .factory = operators::pass()}));
    };
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return std::array<Stream, sizeof...(Fs) + 1>{arm(I)...};
    }
    (std::make_index_sequence<sizeof...(Fs) + 1>());
  } else {
    return std::array<operators::Refused, sizeof...(Fs) + 1>();
  }
}

template <class K, class V>
template <class K2, class R>
auto Stream<K, V>::join(const Stream<K2, R>& other, const JoinWindows& windows,
                        JoinOptions options) const {
  if constexpr (operators::has_key_of<K, K2>()) {
    return Stream<K, Joined<V, R>>(operators::join_streams(
        core_, other.core(),
        operators::make_stream_join<K, V, R>(operators::JoinKind::kInner, windows.spec(),
                                             operators::pair_joiner(), false),
        std::move(options)));
  } else {
    return operators::Refused();
  }
}

template <class K, class V>
template <operators::JoinKind Kind, class Explicit, class K2, class R, class F>
auto Stream<K, V>::join_stream_as(const Stream<K2, R>& other, F joiner, const JoinWindows& windows,
                                  JoinOptions options) const {
  if constexpr (operators::has_key_of<K, K2>()) {
    // Nested, so that a wrong key alone is reported.
    if constexpr (operators::is_joiner<Explicit, K, V, R, Kind, F>()) {
      using Out = operators::ResultOf<Explicit, F, K, V, R>;
      constexpr bool kTakesNullKey =
          operators::KeyedCall<F, K, operators::TypeList<V, R>>::kTakesNullKey;
      return Stream<K, Out>(operators::join_streams(
          core_, other.core(),
          operators::make_stream_join<K, V, R>(
              Kind, windows.spec(), operators::make_joiner<K, V, R, Out>(std::move(joiner)),
              kTakesNullKey),
          std::move(options)));
    } else {
      return operators::Refused();
    }
  } else {
    return operators::Refused();
  }
}

template <class K, class V>
Table<K, V> Stream<K, V>::to_versioned_table(const std::string& name,
                                             std::chrono::milliseconds history,
                                             StoreOptions options) const {
  const operators::StreamCore at_key = core_.at_its_key(type_info<K>(), type_info<V>(), name);
  return Table<K, V>(operators::versioned_by(
      at_key, name, operators::make_versioned_table<K, V>(history), options));
}

}  // namespace millrace
