#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "millrace/operators/branch.h"
#include "millrace/operators/broadcast_table.h"
#include "millrace/operators/filter.h"
#include "millrace/operators/flat_map.h"
#include "millrace/operators/graph_builder.h"
#include "millrace/operators/grouped.h"
#include "millrace/operators/key_by.h"
#include "millrace/operators/map.h"
#include "millrace/operators/map_values.h"
#include "millrace/operators/pair_codec.h"
#include "millrace/operators/pass.h"
#include "millrace/operators/peek.h"
#include "millrace/operators/process.h"
#include "millrace/operators/stream_broadcast_join.h"
#include "millrace/operators/stream_table_join.h"
#include "millrace/operators/table_store.h"

namespace millrace {

template <class K, class V>
class Table;

/// Records of types `K` and `V`, each a fact of its own. A handle: cheap to copy, used while its
/// `TopologyBuilder` lives and has not built. Every method adds to the topology and returns what
/// comes out; what each does with nulls and late records stands in the operator's own header.
///
/// User functions take (key, value) or (value), each as `ViewOf<T>` or `Maybe<T>`, and return
/// `OwnedOf<T>`, an optional of it, or for text a view. They are copied for every task and called
/// by several threads, but each copy by one at a time. They may throw; see `Processor`.
///
/// `name` is the node's, for people and metrics; empty: derived. Names of stores and exchanges are
/// those of their topics: keep them when the program changes.
template <class K, class V>
class Stream {
 public:
  explicit Stream(operators::StreamCore core) : core_(std::move(core)) {}

  template <class F>
  Stream filter(F predicate, std::string name = {}) const {
    return Stream(core_.then({.name = std::move(name),
                              .operation = "filter",
                              .factory = operators::filter_stream(
                                  operators::make_predicate<K, V>(std::move(predicate)))}));
  }

  /// `Explicit`: the new value type, when the function's result does not tell.
  template <class Explicit = void, class F>
  auto map_values(F mapper, std::string name = {}) const {
    using Out = operators::OutputType<Explicit, operators::KeyedResult<F, K, V>>;
    return Stream<K, Out>(
        core_.then({.name = std::move(name),
                    .operation = "map_values",
                    .factory = operators::map_values_stream(
                        operators::make_value_mapper<K, V, Out>(std::move(mapper)))}));
  }

  /// The function returns a `std::pair` of the new key and the new value.
  template <class ExplicitKey = void, class ExplicitValue = void, class F>
  auto map(F mapper, std::string name = {}) const;

  /// The function returns the new key; `std::nullopt` drops the record.
  template <class ExplicitKey = void, class F>
  auto key_by(F selector, std::string name = {}) const {
    using NewKey = operators::OutputType<ExplicitKey, operators::KeyedResult<F, K, V>>;
    return Stream<NewKey, V>(core_.then_rekeyed(
        {.name = std::move(name),
         .operation = "key_by",
         .factory =
             operators::key_by(operators::make_key_selector<K, V, NewKey>(std::move(selector)))}));
  }

  /// The function takes `Emit<NewKey, NewValue>&` after the key and value.
  template <class NewKey, class NewValue, class F>
  Stream<NewKey, NewValue> flat_map(F expander, std::string name = {}) const {
    return Stream<NewKey, NewValue>(core_.then_rekeyed(
        {.name = std::move(name),
         .operation = "flat_map",
         .factory = operators::flat_map(
             operators::make_expander<K, V, NewKey, NewValue>(std::move(expander)))}));
  }

  template <class F>
  Stream peek(F observer, std::string name = {}) const {
    using Keyed = operators::KeyedCall<F, K, operators::TypeList<V>>;
    static_assert(Keyed::kFits,
                  "an observer takes (key, value) or (value), each as ViewOf<T> or Maybe<T>");
    operators::Observer call{[f = std::move(observer)](Bytes key, Bytes value) mutable {
                               Keyed::call_with(f, key, value);
                             },
                             Keyed::kTakesNullKey, Keyed::takes_null_value()};
    return Stream(core_.then({.name = std::move(name),
                              .operation = "peek",
                              .factory = operators::peek(std::move(call))}));
  }

  /// Records of both, in the order in which each comes.
  Stream merge(const Stream& other) const { return Stream(core_.merge(other.core_)); }

  /// As many streams as predicates and one more: each record goes to that of the first predicate
  /// that is true, else to the last.
  template <class... Fs>
  std::array<Stream, sizeof...(Fs) + 1> branch(Fs... predicates) const;

  /// Adds the row at the record's key. Without a function the value is a `Joined<V, R>`.
  template <class R>
  Stream<K, Joined<V, R>> join(const Table<K, R>& table, JoinOptions options = {}) const {
    return Stream<K, Joined<V, R>>(join_core(operators::JoinKind::kInner, table,
                                             operators::pair_joiner(), false, std::move(options)));
  }
  /// The function takes (key, value, row) or (value, row).
  template <class Explicit = void, class R, class F>
  requires(!std::same_as<F, JoinOptions>) auto join(const Table<K, R>& table, F joiner,
                                                    JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kInner, Explicit>(table, std::move(joiner),
                                                          std::move(options));
  }
  /// As `join`, with the row as `Maybe<R>`, since there may be none.
  template <class Explicit = void, class R, class F>
  auto left_join(const Table<K, R>& table, F joiner, JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kLeft, Explicit>(table, std::move(joiner),
                                                         std::move(options));
  }

  /// Joins with the row of a broadcast table whose key `selector` returns. The joiner takes
  /// (key, value, row) or (value, row). REQUIRES: a name, for the cursor; see `JoinOptions`.
  template <class Explicit = void, class BK, class R, class S, class F>
  auto join(const BroadcastTable<BK, R>& table, S selector, F joiner, JoinOptions options) const {
    return join_broadcast<operators::JoinKind::kInner, Explicit>(
        table, std::move(selector), std::move(joiner), std::move(options));
  }
  /// As `join`, with the row as `Maybe<R>`, since there may be none.
  template <class Explicit = void, class BK, class R, class S, class F>
  auto left_join(const BroadcastTable<BK, R>& table, S selector, F joiner,
                 JoinOptions options) const {
    return join_broadcast<operators::JoinKind::kLeft, Explicit>(
        table, std::move(selector), std::move(joiner), std::move(options));
  }

  GroupedStream<K, V> group_by_key() const { return GroupedStream<K, V>(core_); }
  template <class ExplicitKey = void, class F>
  auto group_by(F selector) const {
    return key_by<ExplicitKey>(std::move(selector)).group_by_key();
  }
  /// `group_by_key().aggregate(…)`.
  template <class A = void, class... Args>
  auto aggregate(std::string name, Args... args) const {
    return group_by_key().template aggregate<A>(std::move(name), std::move(args)...);
  }

  /// Sends every record to the task that owns its key. Operators that need this behind one that
  /// changes keys do it themselves; call it to name the topic, to choose the number of partitions,
  /// or to share one exchange between several operators. Without a name: "<anchor>-by-key", where
  /// the anchor is the last name given, else the topic. A null key is dropped and counted
  /// "null_key".
  Stream exchange(ExchangeOptions options = {}) const {
    const bool is_derived = options.name.empty();
    if (is_derived) options.name = core_.anchor + "-by-key";
    return Stream(core_.exchange(type_info<K>(), type_info<V>(), std::move(options), is_derived));
  }
  Stream exchange(std::string name) const {
    ExchangeOptions options;
    options.name = std::move(name);
    return exchange(std::move(options));
  }

  /// Runs a user's processor; see `process.h`. Nothing is exchanged before it: a processor that
  /// keeps state by a key that was changed needs an `exchange()` first.
  template <class NewKey = void, class NewValue = void, class F>
  auto process(std::string name, F factory, ProcessOptions options = {}) const;

  template <class K2, class V2>
  void to(Topic<K2, V2> topic, SinkOptions options = {}) const {
    static_assert(std::same_as<K, K2>, "the topic's key type is not the stream's");
    static_assert(std::same_as<V, V2>, "the topic's value type is not the stream's");
    core_.graph->add_sink(core_.nodes, {std::string(topic.name), type_info<K2>(), type_info<V2>()},
                          std::move(options), false);
  }

  /// The latest value per key, kept in store `name`.
  Table<K, V> to_table(const std::string& name, StoreOptions options = {}) const {
    const operators::StreamCore at_key = core_.at_its_key(type_info<K>(), type_info<V>(), name);
    return Table<K, V>(operators::stored_by(at_key, name, operators::table_store(name),
                                            type_info<K>(), type_info<V>(), options));
  }

  const operators::StreamCore& core() const { return core_; }

 private:
  template <operators::JoinKind Kind, class Explicit, class R, class F>
  auto join_as(const Table<K, R>& table, F joiner, JoinOptions options) const {
    using Out = operators::OutputType<Explicit, operators::KeyedResult<F, K, V, R>>;
    constexpr bool kTakesNullKey =
        operators::KeyedCall<F, K, operators::TypeList<V, R>>::kTakesNullKey;
    return Stream<K, Out>(join_core(Kind, table,
                                    operators::make_joiner<K, V, R, Out, Kind>(std::move(joiner)),
                                    kTakesNullKey, std::move(options)));
  }

  template <operators::JoinKind Kind, class Explicit, class BK, class R, class S, class F>
  auto join_broadcast(const BroadcastTable<BK, R>& table, S selector, F joiner,
                      JoinOptions options) const {
    using Out = operators::OutputType<Explicit, operators::KeyedResult<F, K, V, R>>;
    return Stream<K, Out>(core_.then(
        {.name = std::move(options.name),
         .operation = "join",
         .factory = operators::stream_broadcast_join(
             Kind, table.name(), operators::make_key_selector<K, V, BK>(std::move(selector)),
             operators::make_joiner<K, V, R, Out, Kind>(std::move(joiner))),
         .broadcasts = {table.name()}}));
  }

  template <class R>
  operators::StreamCore join_core(operators::JoinKind kind, const Table<K, R>& table,
                                  operators::Joiner joiner, bool takes_null_key,
                                  JoinOptions options) const {
    const operators::TableCore& right = table.core();
    const std::string exchange =
        options.name.empty() ? core_.anchor + "-join-" + right.anchor : options.name;
    return core_.at_its_key(type_info<K>(), type_info<V>(), exchange)
        .then({.name = std::move(options.name),
               .operation = kind == operators::JoinKind::kInner ? "join" : "left_join",
               .factory = operators::stream_table_join(kind, right.view, std::move(joiner),
                                                       takes_null_key),
               .stores = right.view.stores,
               .reads_at_key = right.view.stores});
  }

  operators::StreamCore core_;
};

template <class K, class V>
template <class ExplicitKey, class ExplicitValue, class F>
auto Stream<K, V>::map(F mapper, std::string name) const {
  using Keyed = operators::KeyedCall<F, K, operators::TypeList<V>>;
  static_assert(Keyed::kFits,
                "the function of a map takes (key, value) or (value), each as ViewOf<T> or "
                "Maybe<T>, and returns std::pair of the new key and the new value");
  using Pair = operators::KeyedResult<F, K, V>;
  using NewKey = operators::OutputType<ExplicitKey, typename Pair::first_type>;
  using NewValue = operators::OutputType<ExplicitValue, typename Pair::second_type>;
  static_assert(!operators::IsOptional<typename Pair::first_type>::value,
                "a mapped record needs a key; filter out what has none");
  operators::RecordMapper call{[f = std::move(mapper)](Bytes key, Bytes value, std::string& key_out,
                                                       std::string& value_out) mutable {
                                 const auto& pair = Keyed::call_with(f, key, value);
                                 operators::encode_to<NewKey>(pair.first, key_out);
                                 return operators::encode_to<NewValue>(pair.second, value_out);
                               },
                               Keyed::kTakesNullKey, Keyed::takes_null_value()};
  return Stream<NewKey, NewValue>(
      core_.then_rekeyed({.name = std::move(name),
                          .operation = "map",
                          .factory = operators::map_stream(std::move(call))}));
}

template <class K, class V>
template <class... Fs>
std::array<Stream<K, V>, sizeof...(Fs) + 1> Stream<K, V>::branch(Fs... predicates) const {
  const operators::StreamCore split = core_.then(
      {.operation = "branch",
       .factory = operators::branch({operators::make_predicate<K, V>(std::move(predicates))...})});
  // One fixed child a branch, whatever the user hangs on it, since children are told by number.
  const auto arm = [&](size_t) {
    return Stream(split.then({.operation = "arm", .factory = operators::pass()}));
  };
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return std::array<Stream, sizeof...(Fs) + 1>{arm(I)...};
  }
  (std::make_index_sequence<sizeof...(Fs) + 1>());
}

template <class K, class V>
template <class NewKey, class NewValue, class F>
auto Stream<K, V>::process(std::string name, F factory, ProcessOptions options) const {
  using Made = operators::ProcessorMaker<K, V, NewKey, NewValue, F>;
  operators::StreamCore next = core_.then({.name = std::move(name),
                                           .operation = "process",
                                           .factory = Made::make(std::move(factory)),
                                           .stores = std::move(options.stores),
                                           .reads_at_key = std::move(options.reads_at_key),
                                           .keeps_key = options.keeps_key,
                                           .broadcasts = std::move(options.broadcasts)});
  next.key_changed |= !options.keeps_key;
  next.key_may_be_null |= !options.keeps_key;
  return Stream<typename Made::OutKey, typename Made::OutValue>(std::move(next));
}

}  // namespace millrace
