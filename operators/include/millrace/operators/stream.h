#pragma once

#include <array>
#include <chrono>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "millrace/operators/branches.h"
#include "millrace/operators/broadcast_table.h"
#include "millrace/operators/cogrouped.h"
#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/processor_maker.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/stream_joins.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/detail/versioned/table_joins.h"
#include "millrace/operators/detail/versioned/versions.h"
#include "millrace/operators/grouped.h"
#include "millrace/operators/joined.h"
#include "millrace/operators/process.h"
#include "millrace/operators/windows.h"

namespace millrace {

template <class K, class V>
class Table;
template <class K, class V, class... SideOutputs>
class ProcessedStream;

/// Records of types `K` and `V`, each a fact of its own. A handle: cheap to copy, used while its
/// `TopologyBuilder` lives and has not built. Every method adds to the topology and returns what
/// comes out. Headers and timestamps stay, and records out of order are treated like any others,
/// unless a method says otherwise.
///
/// User functions take (key, value) or (value), each as `ViewOf<T>` or `Maybe<T>`, and return
/// `OwnedOf<T>`, an optional of it, or for text a view. Every task has copies of its own; several
/// threads call a copy, but one at a time. They may throw; see `Processor`.
///
/// A function that asks for `ViewOf<T>` does not take nulls, called "untaken" below. "Dropped"
/// records are counted by reason: "null_key" or "null_value", unless a method names another.
///
/// `name` is the node's, for people and metrics; empty: derived. The name of a store or an exchange
/// also names its topic: keep it when the program changes.
template <class K, class V>
class Stream {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);

 public:
  explicit Stream(operators::StreamCore core) : core_(std::move(core)) {}

  /// Records for which `predicate` is true. Untaken null key: dropped. Untaken null value: passes,
  /// so that a delete still reaches a table behind.
  template <class F>
  auto filter(F predicate, std::string name = {}) const {
    if constexpr (operators::is_predicate<K, V, F>()) {
      return Stream(core_.then({.name = std::move(name),
                                .operation = "filter",
                                .factory = operators::filter_stream(
                                    operators::make_predicate<K, V>(std::move(predicate)))}));
    } else {
      return operators::Refused();
    }
  }

  /// Records for which `predicate` is false; nulls as in `filter`.
  template <class F>
  auto filter_not(F predicate, std::string name = {}) const {
    if constexpr (operators::is_predicate<K, V, F>()) {
      return Stream(core_.then({.name = std::move(name),
                                .operation = "filter_not",
                                .factory = operators::filter_stream(operators::negated(
                                    operators::make_predicate<K, V>(std::move(predicate))))}));
    } else {
      return operators::Refused();
    }
  }

  /// Replaces values. `Explicit`: their type, if the function's result does not imply it. Untaken
  /// null key: dropped. Untaken null value: stays null. `std::nullopt` makes a value null.
  template <class Explicit = void, class F>
  auto map_values(F mapper, std::string name = {}) const {
    if constexpr (operators::is_value_mapper<Explicit, K, V, F>()) {
      using Out = operators::ResultOf<Explicit, F, K, V>;
      return Stream<K, Out>(
          core_.then({.name = std::move(name),
                      .operation = "map_values",
                      .factory = operators::map_values_stream(
                          operators::make_value_mapper<K, V, Out>(std::move(mapper)))}));
    } else {
      return operators::Refused();
    }
  }

  /// Replaces keys and values, one record for one: the function returns a `std::pair` of both.
  /// Untaken nulls: dropped.
  template <class ExplicitKey = void, class ExplicitValue = void, class F>
  auto map(F mapper, std::string name = {}) const;

  /// Replaces keys. Untaken nulls: dropped; so is a record whose new key is `std::nullopt`, as
  /// "no_new_key".
  template <class ExplicitKey = void, class F>
  auto key_by(F selector, std::string name = {}) const {
    if constexpr (operators::is_value_mapper<ExplicitKey, K, V, F>()) {
      using NewKey = operators::ResultOf<ExplicitKey, F, K, V>;
      return Stream<NewKey, V>(core_.then_rekeyed(
          {.name = std::move(name),
           .operation = "key_by",
           .factory = operators::key_by(
               operators::make_key_selector<K, V, NewKey>(std::move(selector)))}));
    } else {
      return operators::Refused();
    }
  }

  /// Makes any number of records of one, with its timestamp and headers: the function takes
  /// `Emit<NewKey, NewValue>&` after the key and value. Untaken nulls: dropped.
  template <class NewKey, class NewValue, class F>
  auto flat_map(F expander, std::string name = {}) const {
    if constexpr (operators::is_expander<K, V, NewKey, NewValue, F>()) {
      return Stream<NewKey, NewValue>(core_.then_rekeyed(
          {.name = std::move(name),
           .operation = "flat_map",
           .factory = operators::flat_map(
               operators::make_expander<K, V, NewKey, NewValue>(std::move(expander)))}));
    } else {
      return operators::Refused();
    }
  }

  /// As `flat_map`, with the key of the record: the function takes `EmitValues<NewValue>&` after
  /// the key and value. Untaken null key: dropped. Untaken null value: stays null, one record.
  template <class NewValue, class F>
  auto flat_map_values(F expander, std::string name = {}) const {
    if constexpr (operators::is_value_expander<K, V, NewValue, F>()) {
      return Stream<K, NewValue>(
          core_.then({.name = std::move(name),
                      .operation = "flat_map_values",
                      .factory = operators::flat_map_values(
                          operators::make_value_expander<K, V, NewValue>(std::move(expander)))}));
    } else {
      return operators::Refused();
    }
  }

  /// Shows records to `observer` and passes them on; those with an untaken null pass unseen.
  /// An aborted transaction does not undo outside effects of the observer; they happen again when
  /// the record is processed again.
  template <class F>
  auto peek(F observer, std::string name = {}) const {
    if constexpr (operators::is_observer<K, V, F>()) {
      return Stream(core_.then(
          {.name = std::move(name),
           .operation = "peek",
           .factory = operators::peek(operators::make_observer<K, V>(std::move(observer)))}));
    } else {
      return operators::Refused();
    }
  }

  /// As `peek`, where nothing follows.
  template <class F>
  void foreach (F observer, std::string name = {}) const {
    if constexpr (operators::is_observer<K, V, F>()) {
      core_.then({.name = std::move(name),
                  .operation = "foreach",
                  .factory = operators::peek(operators::make_observer<K, V>(std::move(observer)))});
    }
  }

  /// Records of both streams, in the order in which they come.
  Stream merge(const Stream& other) const { return Stream(core_.merge(other.core_)); }

  /// As many streams as predicates and one more: each record goes to that of the first predicate
  /// that is true, else to the last. A predicate is not true of an untaken null.
  template <class... Fs>
  auto branch(Fs... predicates) const;
  /// The same with names, after which stores and exchanges behind a branch are called: an anchor
  /// "<name>.<branch>"; without a name "<anchor>.<branch>".
  ///
  ///     const auto sizes = orders.split("by-size").branch("large",
  ///     is_large).default_branch("rest"); sizes["large"].to(kLarge);
  Split<K, V> split(std::string name = {}) const { return Split<K, V>(core_, std::move(name)); }

  /// Adds the row that the table has at the record's key now, whatever its timestamp; changes of
  /// the table emit nothing. Null key, null value: dropped. No row: nothing is emitted. Without a
  /// function the value is a `Joined<V, R>`. Of a versioned table, also filtered or mapped, the row
  /// that it had at the record's time; none, where its history does not reach back so far. With a
  /// grace the record waits for that row, see `JoinOptions`.
  template <class K2, class R>
  auto join(const Table<K2, R>& table, JoinOptions options = {}) const {
    if constexpr (operators::has_key_of<K, K2>()) {
      return Stream<K, Joined<V, R>>(join_core(
          operators::JoinKind::kInner, table, operators::pair_joiner(), false, std::move(options)));
    } else {
      return operators::Refused();
    }
  }
  /// The function takes (key, value, row) or (value, row).
  template <class Explicit = void, class K2, class R, class F>
  requires(!std::same_as<F, JoinOptions>) auto join(const Table<K2, R>& table, F joiner,
                                                    JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kInner, Explicit>(table, std::move(joiner),
                                                          std::move(options));
  }
  /// As `join`, with the row as `Maybe<R>`, since there may be none; an untaken null key is
  /// dropped, a taken one has no row.
  template <class Explicit = void, class K2, class R, class F>
  auto left_join(const Table<K2, R>& table, F joiner, JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kLeft, Explicit>(table, std::move(joiner),
                                                         std::move(options));
  }

  /// Joins with the row of a broadcast table whose key `selector` returns; changes of the table
  /// emit nothing. Nulls that the selector does not take, null value: dropped. No row, or no key
  /// from the selector: nothing is emitted. The joiner takes (key, value, row) or (value, row).
  /// REQUIRES: a name, for the cursor; see `JoinOptions`.
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
  template <class Explicit = void, class BK, class R, class S, class F>
  auto join(const BroadcastTable<BK, R>&, S, F) const {
    return operators::refuse_nameless<S, F>();
  }
  template <class Explicit = void, class BK, class R, class S, class F>
  auto left_join(const BroadcastTable<BK, R>&, S, F) const {
    return operators::refuse_nameless<S, F>();
  }

  /// Joins each record with those of the other stream that have its key and lie within `windows`,
  /// whichever comes first; see `JoinWindows`. One result for each pair, when its second record
  /// comes, with that one's headers and the larger timestamp; several in the order of the other
  /// side's times, then of their arrival. Two records of one key and time are two records. A stream
  /// may be joined with itself: where the bounds include 0, each record then joins itself, too.
  ///
  /// Null key, null value: dropped and counted. A time before 1970 or above `kEventTimeMaxMs`: an
  /// invalid record. A record whose window is closed: dropped, and counted "late", and with the
  /// time by which it was too late as the node's. Records join while both their windows are open.
  /// So one that comes at most the grace behind stream time joins with all that it fits.
  ///
  /// Records are kept, with stream time, in the store "<left anchor>-join-<right anchor>", or that
  /// which `options` name; so they survive restarts. They go when their windows close, in batches,
  /// at most an eighth of the bounds and the grace later. Streams with changed keys pass exchanges
  /// "<store>-left" and "<store>-right" before; that of a stream with itself is called as the
  /// store.
  ///
  /// The function takes (key, value, other) or (value, other). Without a function the value is a
  /// `Joined<V, R>`.
  template <class Explicit = void, class K2, class R, class F>
  auto join(const Stream<K2, R>& other, F joiner, const JoinWindows& windows,
            JoinOptions options = {}) const {
    return join_stream_as<operators::JoinKind::kInner, Explicit>(other, std::move(joiner), windows,
                                                                 std::move(options));
  }
  template <class K2, class R>
  auto join(const Stream<K2, R>& other, const JoinWindows& windows, JoinOptions options = {}) const;
  /// As `join`, and a record of this stream that joined none until its window closes comes once
  /// then, with no other side, its own timestamp and no headers. The function takes the other side
  /// as `Maybe<R>`. One that takes null keys gets a record without a key at once, with no other
  /// side; such a record moves no time. Null keys that it does not take: dropped and counted.
  ///
  /// Records come so in the order in which their windows end, then of times, sides (right first)
  /// and keys, with the record of either side that moves stream time past the grace, and at the
  /// latest with its commit. Where it closes many windows, some hundred results come, and the
  /// others with the next records, or after a tenth of a second each. Each is a unit of its own
  /// (`ProcessorContext::defer`): when code behind one fails and the policy forgives it, that
  /// result is lost, and its dead letter has a key of the operator's own.
  template <class Explicit = void, class K2, class R, class F>
  auto left_join(const Stream<K2, R>& other, F joiner, const JoinWindows& windows,
                 JoinOptions options = {}) const {
    return join_stream_as<operators::JoinKind::kLeft, Explicit>(other, std::move(joiner), windows,
                                                                std::move(options));
  }
  /// As `left_join`, for the records of both streams: the function takes both sides as `Maybe`.
  template <class Explicit = void, class K2, class R, class F>
  auto outer_join(const Stream<K2, R>& other, F joiner, const JoinWindows& windows,
                  JoinOptions options = {}) const {
    return join_stream_as<operators::JoinKind::kOuter, Explicit>(other, std::move(joiner), windows,
                                                                 std::move(options));
  }

  template <class... Rest>
  operators::Refused join(const operators::Refused&, const Rest&...) const {
    return {};
  }
  template <class... Rest>
  operators::Refused left_join(const operators::Refused&, const Rest&...) const {
    return {};
  }
  template <class... Rest>
  operators::Refused outer_join(const operators::Refused&, const Rest&...) const {
    return {};
  }
  template <class Explicit = void, class K2, class V2, class... Rest>
  requires(!operators::kIsPairJoin<Rest...> && !operators::kIsStreamJoin<Rest...>)  //
      auto join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_without_join_windows<K2, Rest...>();
  }
  template <class Explicit = void, class K2, class V2, class... Rest>
  requires(!operators::kIsStreamJoin<Rest...>)  //
      auto left_join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_without_join_windows<K2, Rest...>();
  }
  template <class Explicit = void, class K2, class V2, class... Rest>
  requires(!operators::kIsStreamJoin<Rest...>)  //
      auto outer_join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_without_join_windows<K2, Rest...>();
  }
  template <class Explicit = void, class K2, class R, class... Rest>
  auto outer_join(const Table<K2, R>&, const Rest&...) const {
    return operators::refuse_outer_join_with_table<K2, Rest...>();
  }

  GroupedStream<K, V> group_by_key() const { return GroupedStream<K, V>(core_); }
  template <class ExplicitKey = void, class F>
  auto group_by(F selector) const {
    return key_by<ExplicitKey>(std::move(selector)).group_by_key();
  }
  /// `group_by_key().aggregate(…)`.
  template <class A = void, class F>
  auto aggregate(std::string name, F f, StoreOptions options = {}) const {
    return group_by_key().template aggregate<A>(std::move(name), std::move(f), options);
  }
  template <class A = void, class Init, class F>
  requires(!std::same_as<F, StoreOptions>) auto aggregate(std::string name, Init initial, F f,
                                                          StoreOptions options = {}) const {
    return group_by_key().template aggregate<A>(std::move(name), std::move(initial), std::move(f),
                                                options);
  }
  template <class A = void, class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Sends every record to the task that owns its key. Operators that need an exchange behind one
  /// that changes keys add it themselves; call this to name the topic, to choose the number of
  /// partitions, or to share one exchange between operators. Without a name: "<anchor>-by-key",
  /// where the anchor is the last name given, else the topic. A null key is dropped and counted
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

  /// Runs a user's processor; see `process.h`. It adds no exchange: a processor that keeps state by
  /// a key that was changed needs an `exchange()` first. Returns the main output, as
  /// a `ProcessedStream` where the processor has side outputs.
  template <class NewKey = void, class NewValue = void, class F>
  auto process(std::string name, F factory, ProcessOptions options = {}) const;
  template <class NewKey = void, class NewValue = void, class... Args>
  requires operators::Nameless<Args...>
  auto process(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Runs a user's `FixedKeyProcessor`, or a function like that of `flat_map_values`, which reaches
  /// stores through `emit.context()`. Keys stay, so no exchange follows. A function gets only the
  /// nulls that it takes, as in `process`.
  template <class NewValue = void, class F>
  auto process_values(std::string name, F factory, ProcessOptions options = {}) const;
  template <class NewValue = void, class... Args>
  requires operators::Nameless<Args...>
  auto process_values(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Feeds the input `I` of a processor with several; see `TopologyBuilder::process`.
  template <class I>
  auto as() const {
    constexpr bool kFits =
        std::is_same_v<typename I::Key, K> && std::is_same_v<typename I::Value, V>;
    static_assert(kFits, "the input's types are not the stream's");
    return operators::FedInput<I>{core_};
  }

  template <class K2, class V2>
  void to(Topic<K2, V2> topic, SinkOptions options = {}) const {
    constexpr bool kSameKey = std::is_same_v<K, K2>;
    static_assert(kSameKey, "the topic's key type is not the stream's");
    static_assert(!kSameKey || std::is_same_v<V, V2>, "the topic's value type is not the stream's");
    core_.draft->add_sink(core_.nodes, {std::string(topic.name), type_info<K2>(), type_info<V2>()},
                          std::move(options));
  }
  /// Writes each record to the one of `topics` that `pick` returns, a `Topic<K, V>`. Untaken nulls:
  /// dropped; so is a record for which it returns `std::nullopt`, as "no_topic". A topic that is
  /// not among them fails the record, as user code that throws. A key that changes topics leaves
  /// its last record in the old one. `options` are those of every sink; its name "<name>.<topic>".
  template <class F>
  void to(std::initializer_list<Topic<K, V>> topics, F pick, SinkOptions options = {}) const {
    if constexpr (operators::is_topic_picker<K, V, F>()) {
      std::vector<TopicUse> uses;
      for (const Topic<K, V>& topic : topics) {
        uses.push_back({std::string(topic.name), type_info<K>(), type_info<V>()});
      }
      operators::add_picked_sinks(core_, std::move(uses),
                                  operators::make_topic_picker<K, V>(std::move(pick)), options);
    }
  }

  /// The latest value per key, kept in store `name`. Null key: dropped. Null value: deletes the
  /// row; nothing is emitted when there was none. Out of order: the order of offsets wins, a late
  /// record overwrites; row and change carry the record's timestamp. An equal value is a change.
  Table<K, V> to_table(const std::string& name, StoreOptions options = {}) const {
    const operators::StreamCore at_key = core_.at_its_key(type_info<K>(), type_info<V>(), name);
    return Table<K, V>(operators::stored_by(at_key, name, operators::table_store(name),
                                            type_info<K>(), type_info<V>(), options));
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto to_table(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// The same with the history of each row, as far as `history` reaches back: a versioned table,
  /// see `VersionedStore`.
  Table<K, V> to_versioned_table(const std::string& name, std::chrono::milliseconds history,
                                 StoreOptions options = {}) const;
  template <class... Args>
  requires operators::Nameless<Args...>
  auto to_versioned_table(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  const operators::StreamCore& core() const { return core_; }

 private:
  template <operators::JoinKind Kind, class Explicit, class K2, class R, class F>
  auto join_as(const Table<K2, R>& table, F joiner, JoinOptions options) const {
    if constexpr (operators::has_key_of<K, K2>()) {
      // Nested, so that a wrong key alone is reported.
      if constexpr (operators::is_joiner<Explicit, K, V, R, Kind, F>()) {
        using Out = operators::ResultOf<Explicit, F, K, V, R>;
        constexpr bool kTakesNullKey =
            operators::KeyedCall<F, K, operators::TypeList<V, R>>::kTakesNullKey;
        return Stream<K, Out>(join_core(Kind, table,
                                        operators::make_joiner<K, V, R, Out>(std::move(joiner)),
                                        kTakesNullKey, std::move(options)));
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }

  template <operators::JoinKind Kind, class Explicit, class K2, class R, class F>
  auto join_stream_as(const Stream<K2, R>& other, F joiner, const JoinWindows& windows,
                      JoinOptions options) const;

  template <operators::JoinKind Kind, class Explicit, class BK, class R, class S, class F>
  auto join_broadcast(const BroadcastTable<BK, R>& table, S selector, F joiner,
                      JoinOptions options) const {
    if constexpr (operators::is_value_mapper<BK, K, V, S>() &&
                  operators::is_joiner<Explicit, K, V, R, Kind, F>()) {
      using Out = operators::ResultOf<Explicit, F, K, V, R>;
      core_.draft->refuse_grace(options, table.name());
      return Stream<K, Out>(core_.then(
          {.name = std::move(options.name),
           .operation = "join",
           .factory = operators::stream_broadcast_join(
               Kind, table.name(), operators::make_key_selector<K, V, BK>(std::move(selector)),
               operators::make_joiner<K, V, R, Out>(std::move(joiner))),
           .broadcasts = {table.name()}}));
    } else {
      return operators::Refused();
    }
  }

  template <class R>
  operators::StreamCore join_core(operators::JoinKind kind, const Table<K, R>& table,
                                  operators::Joiner joiner, bool takes_null_key,
                                  JoinOptions options) const {
    return operators::join_with_table(
        core_, table.core(),
        operators::make_table_join<K, V>(kind, std::move(joiner), takes_null_key),
        std::move(options));
  }

  operators::StreamCore core_;
};

}  // namespace millrace

#include "millrace/operators/stream_methods.h"
