#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>

#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/pair_codec.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/windowed_stream.h"

namespace millrace {

template <class K, class V>
class Table;

/// A stream whose records are grouped by their key. Each record emits one change of its group's
/// aggregate. Null key, null value: dropped and counted "null_key" or "null_value". Out of order:
/// aggregated like any record; the aggregate's timestamp is the larger of its own and the record's.
///
/// `name` names the store, its changelog, and the exchange in front if a key was changed: keep it
/// when the program changes. A call without a name does not compile.
template <class K, class V>
class GroupedStream {
 public:
  explicit GroupedStream(operators::StreamCore core) : core_(std::move(core)) {}

  /// `f` takes (key, value, aggregate) or (value, aggregate), the aggregate as `Maybe<A>`, null at
  /// first, and returns the new one (`OwnedOf<A>`), or `std::nullopt` to delete it. Or it takes a
  /// `std::string&` after them and appends the new aggregate's bytes; name the type then:
  /// `aggregate<A>(…)`.
  template <class A = void, class F>
  auto aggregate(std::string name, F f, StoreOptions options = {}) const {
    using Out = operators::AggregateOf<A, F>;
    if constexpr (operators::begins_an_aggregate<K, V, Out, F>()) {
      return store<Out>(std::move(name),
                        {operators::make_aggregate_function<K, V, Out>(std::move(f)), std::nullopt},
                        options);
    } else {
      return operators::Refused();
    }
  }

  /// As above with the aggregate as `ViewOf<A>`: `initial` at first, a value or a function without
  /// arguments that is called once.
  template <class A = void, class Init, class F>
  requires(!std::same_as<F, StoreOptions>) auto aggregate(std::string name, Init initial, F f,
                                                          StoreOptions options = {}) const {
    using Out = typename operators::AggregateType<A, Init>::Type;
    if constexpr (operators::is_aggregate_function<K, V, Out, F>()) {
      return store<Out>(std::move(name),
                        {operators::make_aggregate_function<K, V, Out>(std::move(f)),
                         operators::initial_bytes<Out>(initial)},
                        options);
    } else {
      return operators::Refused();
    }
  }
  template <class A = void, class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// `f(aggregate, value)` returns the new aggregate; the first value is the first aggregate.
  template <class F>
  auto reduce(std::string name, F f, StoreOptions options = {}) const {
    if constexpr (operators::is_combine_function<V, F>()) {
      return store<V>(
          std::move(name),
          {operators::reduce_function(operators::make_combine_function<V>(std::move(f))),
           std::nullopt},
          options);
    } else {
      return operators::Refused();
    }
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto reduce(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  Table<K, int64_t> count(std::string name, StoreOptions options = {}) const {
    return store<int64_t>(std::move(name), {operators::count_function(1), std::nullopt}, options);
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto count(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Begins an aggregate of several streams; see `CogroupedStream`. `f` has one of the forms of
  /// `aggregate`; `A`: the aggregate's type, if the function's result does not imply it.
  template <class A = void, class F>
  auto cogroup(F f) const;

  /// Groups by key and window: `windowed_by(TimeWindows::of(5min).grace(30s)).count("clicks")`.
  WindowedStream<K, V> windowed_by(const TimeWindows& windows) const {
    return WindowedStream<K, V>(core_, windows.spec());
  }
  WindowedStream<K, V> windowed_by(const SlidingWindows& windows) const {
    return WindowedStream<K, V>(core_, windows.spec());
  }
  SessionWindowedStream<K, V> windowed_by(const SessionWindows& windows) const {
    return SessionWindowedStream<K, V>(core_, windows.spec());
  }
  template <class W>
  auto windowed_by(const W&) const {
    return operators::refuse_windows<W>();
  }

  const operators::StreamCore& core() const { return core_; }

 private:
  template <class A>
  Table<K, A> store(std::string name, operators::Aggregator aggregator,
                    StoreOptions options) const {
    return Table<K, A>(
        operators::stored_by(core_.at_its_key(type_info<K>(), type_info<V>(), name), name,
                             operators::aggregate_stream(name, std::move(aggregator)),
                             type_info<K>(), type_info<A>(), options));
  }

  operators::StreamCore core_;
};

/// A table whose rows are grouped by a key computed from each; names are as in `GroupedStream`.
///
/// A change subtracts the old row from the aggregate (if there is one), then adds the new one, and
/// emits one change for both; a row that moves to another group leaves its old group first.
/// Timestamp: the larger of the aggregate's and the change's. Out of order and between rows: the
/// order of arrival counts. A function that returns `std::nullopt` deletes the aggregate.
template <class K, class V>
class GroupedTable {
 public:
  /// `regrouped`: what `regroup_table` makes of the table.
  GroupedTable(operators::StreamCore regrouped, ExchangeOptions exchange)
      : core_(std::move(regrouped)), exchange_(std::move(exchange)) {}

  /// `add` and `subtract` take (group, value, aggregate) or (value, aggregate) and return the new
  /// aggregate, in the forms of `GroupedStream::aggregate`. They must commute.
  template <class A = void, class Init, class Add, class Subtract>
  auto aggregate(std::string name, Init initial, Add add, Subtract subtract,
                 StoreOptions options = {}) const {
    using Out = typename operators::AggregateType<A, Init>::Type;
    if constexpr (operators::is_aggregate_function<K, V, Out, Add>() &&
                  operators::is_aggregate_function<K, V, Out, Subtract>()) {
      return store<Out>(std::move(name),
                        {operators::make_aggregate_function<K, V, Out>(std::move(add)),
                         operators::make_aggregate_function<K, V, Out>(std::move(subtract)),
                         operators::initial_bytes<Out>(initial)},
                        options);
    } else {
      return operators::Refused();
    }
  }
  template <class A = void, class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// `add(aggregate, value)` and `subtract(aggregate, value)` return the new aggregate; the first
  /// value is the first aggregate.
  template <class Add, class Subtract>
  auto reduce(std::string name, Add add, Subtract subtract, StoreOptions options = {}) const {
    if constexpr (operators::is_combine_function<V, Add>() &&
                  operators::is_combine_function<V, Subtract>()) {
      return store<V>(
          std::move(name),
          {operators::reduce_function(operators::make_combine_function<V>(std::move(add))),
           operators::make_combine_function<V>(std::move(subtract)), std::nullopt},
          options);
    } else {
      return operators::Refused();
    }
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto reduce(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Rows per group. A group that loses its last row stays, with 0, as in Kafka Streams.
  Table<K, int64_t> count(std::string name, StoreOptions options = {}) const {
    return store<int64_t>(
        std::move(name),
        {operators::count_function(1), operators::count_function(-1), std::nullopt}, options);
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto count(Args&&...) const { return operators::refuse_nameless<Args...>(); }

 private:
  template <class A>
  Table<K, A> store(std::string name, operators::TableAggregator aggregator,
                    StoreOptions options) const {
    ExchangeOptions exchange = exchange_;
    const bool is_derived = exchange.name.empty();
    if (is_derived) exchange.name = name;
    return Table<K, A>(operators::stored_by(
        core_.exchange(type_info<K>(), type_info<Change<V>>(), std::move(exchange), is_derived),
        name, operators::aggregate_table(name, std::move(aggregator)), type_info<K>(),
        type_info<A>(), options));
  }

  operators::StreamCore core_;
  ExchangeOptions exchange_;
};

}  // namespace millrace
