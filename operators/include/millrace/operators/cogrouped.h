#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/operators/detail/aggregates.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/grouped.h"

namespace millrace {

namespace operators {

/// One of the streams that are aggregated together.
struct CogroupInput {
  StreamCore stream;
  TypeInfo value;
  AggregateFunction function;
};

/// Their aggregate in the new store `name`. `key` and `value`: the store's types.
TableCore cogroup(const std::vector<CogroupInput>& inputs, const std::string& name,
                  std::optional<std::string> initial, const TypeInfo& key, const TypeInfo& value,
                  StoreOptions options);

}  // namespace operators

/// Grouped streams with values of different types, aggregated into one table: each stream has a
/// function of its own, all of them change one aggregate per key.
///
///     const mr::Table<CustomerId, Profile> profiles =
///         clicks.group_by_key().cogroup(add_click)          // Profile(click, Maybe<Profile>)
///               .cogroup(orders.group_by_key(), add_order)  // Profile(order, Maybe<Profile>)
///               .aggregate("profiles");
///
/// Nulls, times and changes as in `GroupedStream`: null key, null value: dropped; each record emits
/// one change; the aggregate's timestamp is the larger of its own and the record's. Records of all
/// streams come in the order in which the task takes them, the lowest time among the heads first.
///
/// `kNeedsInitial`: a function takes the aggregate as `ViewOf<A>`, so there must be an initial one.
template <class K, class A, bool kNeedsInitial>
class CogroupedStream {
 public:
  explicit CogroupedStream(std::vector<operators::CogroupInput> inputs)
      : inputs_(std::move(inputs)) {}

  /// Adds a stream. `f` has one of the forms of `GroupedStream::aggregate`.
  template <class K2, class V, class F>
  auto cogroup(const GroupedStream<K2, V>& other, F f) const {
    constexpr bool kSameKey = std::same_as<K, K2>;
    static_assert(kSameKey, "the streams of a cogroup have keys of one type");
    if constexpr (kSameKey) {
      if constexpr (operators::is_aggregate_function<K, V, A, F>()) {
        constexpr bool kNeeds = kNeedsInitial || !operators::kTakesNoAggregate<K, V, A, F>;
        std::vector<operators::CogroupInput> inputs = inputs_;
        inputs.push_back({other.core(), type_info<V>(),
                          operators::make_aggregate_function<K, V, A>(std::move(f))});
        return CogroupedStream<K, A, kNeeds>(std::move(inputs));
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }
  template <class F>
  operators::Refused cogroup(const operators::Refused&, const F&) const {
    return {};
  }

  /// `name` names the store and its changelog. Where a stream's keys were changed, it is behind an
  /// exchange "<name>-<anchor>"; see `Stream::exchange` for the anchor.
  Table<K, A> aggregate(std::string name, StoreOptions options = {}) const {
    static_assert(!kNeedsInitial,
                  "a function of this cogroup does not take the aggregate as Maybe<A>: give an "
                  "initial value behind the name, because there is no aggregate at first");
    return store(name, std::nullopt, options);
  }
  /// `initial`: the aggregate at first, a value or a function without arguments that is called
  /// once.
  template <class Init>
  requires(!std::same_as<Init, StoreOptions>) Table<K, A> aggregate(std::string name, Init initial,
                                                                    StoreOptions options = {})
  const { return store(name, operators::initial_bytes<A>(initial), options); }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

 private:
  Table<K, A> store(const std::string& name, std::optional<std::string> initial,
                    StoreOptions options) const {
    return Table<K, A>(operators::cogroup(inputs_, name, std::move(initial), type_info<K>(),
                                          type_info<A>(), options));
  }

  std::vector<operators::CogroupInput> inputs_;
};

template <class K, class V>
template <class A, class F>
auto GroupedStream<K, V>::cogroup(F f) const {
  using Out = operators::AggregateOf<A, F>;
  if constexpr (operators::is_cogroup_function<K, V, Out, F>()) {
    return CogroupedStream<K, Out, !operators::kTakesNoAggregate<K, V, Out, F>>(
        {{core_, type_info<V>(), operators::make_aggregate_function<K, V, Out>(std::move(f))}});
  } else {
    return operators::Refused();
  }
}

}  // namespace millrace
