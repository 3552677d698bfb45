#pragma once

#include <string>
#include <utility>

#include "millrace/operators/detail/foreign_keys.h"
#include "millrace/operators/detail/index_function.h"
#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/grouped.h"
#include "millrace/operators/joined.h"
#include "millrace/operators/stream.h"
#include "millrace/operators/suppress/suppress_table.h"
#include "millrace/operators/suppress/suppressed.h"

namespace millrace {

namespace operators {

/// One side of a join.
struct JoinTable {
  TableCore table;
  TypeInfo value;
};

TableCore join_tables(JoinKind kind, JoinTable left, JoinTable right, TypeInfo key, Joiner joiner,
                      JoinOptions options);

}  // namespace operators

/// The latest value per key; what flows are changes (old row, new row). A handle, as `Stream` is,
/// with user functions of the same forms. They get no nulls, and must be pure functions: they are
/// also called for old rows and when a join reads this table. Filtered, mapped and joined tables
/// need no store of their own; `materialize` gives them one. A join by a foreign key has one.
template <class K, class V>
class Table {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);

 public:
  explicit Table(operators::TableCore core) : core_(std::move(core)) {}

  /// Rows for which `predicate` is true. A row that no longer fits becomes a delete; one that
  /// never did emits nothing.
  template <class F>
  auto filter(F predicate, std::string name = {}) const {
    if constexpr (operators::is_predicate<K, V, F>()) {
      const auto call = operators::make_predicate<K, V>(std::move(predicate));
      return Table(core_.then({.name = std::move(name),
                               .operation = "filter",
                               .factory = operators::filter_table(call)},
                              operators::filter_view(core_.view, call)));
    } else {
      return operators::Refused();
    }
  }

  /// Rows for which `predicate` is false; otherwise as `filter`.
  template <class F>
  auto filter_not(F predicate, std::string name = {}) const {
    if constexpr (operators::is_predicate<K, V, F>()) {
      const auto call = operators::negated(operators::make_predicate<K, V>(std::move(predicate)));
      return Table(core_.then({.name = std::move(name),
                               .operation = "filter_not",
                               .factory = operators::filter_table(call)},
                              operators::filter_view(core_.view, call)));
    } else {
      return operators::Refused();
    }
  }

  /// Replaces values. A function that returns `std::nullopt` leaves the row out; a change whose two
  /// sides are left out emits nothing.
  template <class Explicit = void, class F>
  auto map_values(F mapper, std::string name = {}) const {
    if constexpr (operators::is_value_mapper<Explicit, K, V, F>()) {
      using Out = operators::ResultOf<Explicit, F, K, V>;
      const auto call = operators::make_value_mapper<K, V, Out>(std::move(mapper));
      return Table<K, Out>(core_.then({.name = std::move(name),
                                       .operation = "map_values",
                                       .factory = operators::map_values_table(call)},
                                      operators::map_values_view(core_.view, call)));
    } else {
      return operators::Refused();
    }
  }

  /// The same rows, kept in the new store `name`, for queries, processors and what reads this
  /// table: `table.filter(is_open).materialize("open-orders")`. A change is then one of that store:
  /// the old row is its row, and a delete of a row that it does not have emits nothing. Nothing
  /// else changes.
  Table materialize(const std::string& name, StoreOptions options = {}) const {
    return Table(core_.stored(name, type_info<K>(), type_info<V>(), options));
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto materialize(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Holds changes back, so that of several changes of a key one comes out, the last:
  ///
  ///     totals.suppress("hourly-totals", mr::Suppressed::until_time_limit(1h)).to(kTotals);
  ///     counts.suppress("final-counts", mr::Suppressed::until_window_closes()).to(kCounts);
  ///
  /// The change that comes out has the row and timestamp of the last one, no headers, and as old
  /// row the one that came out before. Nothing comes out for a row that came and went meanwhile.
  /// Null keys: a table has none. Null values: deletes, held back like all changes. A change that
  /// is due when it comes, out of order or late, and whose key has none held back, passes at once.
  /// A time before 1970 or above `kEventTimeMaxMs`: an invalid record.
  ///
  /// Stream time is the largest timestamp of a change that came to the operator of this task, of
  /// any key. It is kept with the held changes in the store `name`, and continues after restarts.
  /// So nothing comes out while no change of any key comes.
  ///
  /// Due changes come out at the latest with the commit of the record that made them due, in the
  /// order of due times and keys; another change of the key in that commit may take their place.
  /// Each is a unit of its own (`ProcessorContext::defer`): when code behind it fails and the
  /// policy forgives it, it stays held back until the key's next change, and its dead letter has a
  /// key of the operator's own. A record that makes many changes due emits some hundred of them;
  /// the others follow with the next records, or after a tenth of a second each. Early results of a
  /// full buffer belong to the record that needs the room.
  ///
  /// A join with this table sees the rows that came out.
  Table suppress(const std::string& name, const UntilTimeLimit& until,
                 StoreOptions options = {}) const {
    return suppressed(name, until.spec(), options);
  }
  /// For a table of a windowed aggregate, also filtered, mapped or materialized. `emit_final` of
  /// the aggregate does the same as a stream, without a store of its own.
  auto suppress(const std::string& name, const UntilWindowCloses& until,
                StoreOptions options = {}) const {
    if constexpr (operators::has_windows<K>()) {
      return suppressed(name, until.spec(), options);
    } else {
      return operators::Refused();
    }
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto suppress(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// Keeps a secondary index of the rows, which queries read as the store "<store>/<name>". The
  /// function takes (key, value) or (value) and returns the values under which the row is found:
  /// text or an integer, `std::optional` of it, or a `std::vector` of several. It must be a pure
  /// function; give an index whose function changes another name. An index that is added to a store
  /// with rows is built while the application runs. Returns the table to continue with.
  template <class F>
  auto index(std::string name, F values, IndexOptions options = {}) const {
    if constexpr (operators::is_index_function<K, V, F>()) {
      return Table(core_.indexed(operators::make_index<K, V>(std::move(name), std::move(values)),
                                 std::move(options), type_info<K>(), type_info<V>()));
    } else {
      return operators::Refused();
    }
  }

  /// Every change as a record with the new value; null for a delete.
  Stream<K, V> to_stream(std::string name = {}) const {
    const operators::StreamCore changes{core_.draft, core_.nodes, core_.anchor, false, false};
    return Stream<K, V>(changes.then(
        {.name = std::move(name), .operation = "to_stream", .factory = operators::pass()}));
  }

  /// Rows that both tables have at a key. A change of either emits a change of the joined row, or
  /// none if there is no joined row before or after. Timestamp: the larger of both sides'. Out of
  /// order: the order of offsets wins. Without a function the value is a `Joined<V, R>`.
  template <class K2, class R>
  auto join(const Table<K2, R>& other, JoinOptions options = {}) const {
    if constexpr (operators::has_key_of<K, K2>()) {
      return join_core<Joined<V, R>>(operators::JoinKind::kInner, other, operators::pair_joiner(),
                                     std::move(options));
    } else {
      return operators::Refused();
    }
  }
  /// The function takes (key, left, right) or (left, right).
  template <class Explicit = void, class K2, class R, class F>
  requires(!std::same_as<F, JoinOptions>) auto join(const Table<K2, R>& other, F joiner,
                                                    JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kInner, Explicit>(other, std::move(joiner),
                                                          std::move(options));
  }
  /// Every row of this table, with the other's as `Maybe<R>`.
  template <class Explicit = void, class K2, class R, class F>
  auto left_join(const Table<K2, R>& other, F joiner, JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kLeft, Explicit>(other, std::move(joiner),
                                                         std::move(options));
  }
  /// Every key that one of the tables has, with both sides as `Maybe<T>`.
  template <class Explicit = void, class K2, class R, class F>
  auto outer_join(const Table<K2, R>& other, F joiner, JoinOptions options = {}) const {
    return join_as<operators::JoinKind::kOuter, Explicit>(other, std::move(joiner),
                                                          std::move(options));
  }

  /// Joins every row with the row of `other` whose key `foreign_key` returns: many rows here may
  /// have one there. A change of either side emits a change of the joined rows that it concerns;
  /// none where a row was not joined and is not joined now.
  ///
  ///     orders.join(customers, [](const Order& order) { return order.customer_id(); }, bill);
  ///
  /// `foreign_key` takes (key, value) or (value) and returns a key of `other`, or `std::nullopt`:
  /// the row is joined with none. Give the join another name when the function changes, or one
  /// before the join that makes this table's rows where they have no store. The joiner takes (key,
  /// left, right) or (left, right), with this table's key.
  ///
  /// A change of a row of `other` joins all of its rows here in one unit: memory and transaction
  /// grow with their number, so let one row have thousands, not millions.
  ///
  /// The joined rows are in a store of their own with the join's name, which also names the store
  /// "<name>-subscriptions" beside the other table and the exchanges "<name>-subscriptions" and
  /// "<name>-answers" between the tasks of both tables. So a row may be joined a moment after its
  /// change, with the latest rows of both sides; it keeps its old joined row until then, unless it
  /// is deleted or has no foreign key any more. A row of either side that is written again as it
  /// was is joined again. Out of order: the order of offsets wins. Timestamp: the larger of both
  /// sides'; when the row here is deleted, the larger of the delete's and the joined row's.
  ///
  /// Many to many: a table of pairs, one row for each pair and its key made of both, joined with
  /// one side and the result with the other.
  template <class Explicit = void, class F2, class R, class S, class F>
  requires(!std::same_as<F, JoinOptions>) auto join(const Table<F2, R>& other, S foreign_key,
                                                    F joiner, JoinOptions options = {}) const {
    return join_foreign<operators::JoinKind::kInner, Explicit>(
        other, std::move(foreign_key), std::move(joiner), std::move(options));
  }
  /// As `join` by a foreign key, with every row of this table, and the other's as `Maybe<R>`.
  template <class Explicit = void, class F2, class R, class S, class F>
  requires(!std::same_as<F, JoinOptions>) auto left_join(const Table<F2, R>& other, S foreign_key,
                                                         F joiner, JoinOptions options = {}) const {
    return join_foreign<operators::JoinKind::kLeft, Explicit>(
        other, std::move(foreign_key), std::move(joiner), std::move(options));
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
  auto join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_stream_as_other_side<K2, Rest...>();
  }
  template <class Explicit = void, class K2, class V2, class... Rest>
  auto left_join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_stream_as_other_side<K2, Rest...>();
  }
  template <class Explicit = void, class K2, class V2, class... Rest>
  auto outer_join(const Stream<K2, V2>&, const Rest&...) const {
    return operators::refuse_stream_as_other_side<K2, Rest...>();
  }

  /// The function returns a row's group; `std::nullopt`: the row is in none. Changes go to the task
  /// that owns the group through an exchange, named by `options`, else after the aggregate.
  template <class ExplicitKey = void, class F>
  auto group_by(F selector, ExchangeOptions options = {}) const {
    if constexpr (operators::is_value_mapper<ExplicitKey, K, V, F>()) {
      using Group = operators::ResultOf<ExplicitKey, F, K, V>;
      const operators::StreamCore changes{core_.draft, core_.nodes, core_.anchor, false, false};
      return GroupedTable<Group, V>(
          changes.then_rekeyed(
              {.operation = "group_by",
               .factory = operators::regroup_table(
                   operators::make_key_selector<K, V, Group>(std::move(selector)))}),
          std::move(options));
    } else {
      return operators::Refused();
    }
  }

  /// Writes rows to a topic, only the latest per key of each commit; deletes as tombstones.
  template <class K2, class V2>
  void to(Topic<K2, V2> topic, SinkOptions options = {}) const {
    constexpr bool kSameKey = std::is_same_v<K, K2>;
    static_assert(kSameKey, "the topic's key type is not the table's");
    static_assert(!kSameKey || std::is_same_v<V, V2>, "the topic's value type is not the table's");
    options.coalesce = true;
    core_.draft->add_sink(core_.nodes, {std::string(topic.name), type_info<K2>(), type_info<V2>()},
                          std::move(options));
  }

  /// Names of the stores that hold what this table is made of: declare them in `ProcessOptions` to
  /// read them in a processor. One, with rows `V`, for a table from a topic, `to_table` or an
  /// aggregate; behind it that of the history of a versioned one.
  const std::vector<std::string>& stores() const { return core_.view.stores; }

  const operators::TableCore& core() const { return core_; }

 private:
  Table suppressed(const std::string& name, const operators::SuppressSpec& spec,
                   StoreOptions options) const {
    return Table(operators::suppress_table(core_, name, spec, type_info<K>(),
                                           type_info<operators::HeldChange<V>>(), options));
  }

  template <operators::JoinKind Kind, class Explicit, class K2, class R, class F>
  auto join_as(const Table<K2, R>& other, F joiner, JoinOptions options) const {
    if constexpr (operators::has_key_of<K, K2>()) {
      // Nested, so that a wrong key alone is reported.
      if constexpr (operators::is_joiner<Explicit, K, V, R, Kind, F>()) {
        using Out = operators::ResultOf<Explicit, F, K, V, R>;
        return join_core<Out>(Kind, other, operators::make_joiner<K, V, R, Out>(std::move(joiner)),
                              std::move(options));
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }

  template <operators::JoinKind Kind, class Explicit, class F2, class R, class S, class F>
  auto join_foreign(const Table<F2, R>& other, S foreign_key, F joiner, JoinOptions options) const {
    if constexpr (operators::is_foreign_key<K, V, F2, S>()) {
      // Nested, so that a wrong foreign key alone is reported.
      if constexpr (operators::is_joiner<Explicit, K, V, R, Kind, F>()) {
        using Out = operators::ResultOf<Explicit, F, K, V, R>;
        return Table<K, Out>(
            operators::join_by_foreign_key(core_, other.core(),
                                           operators::make_foreign_key_join<K, V, F2, R, Out>(
                                               Kind, std::move(foreign_key), std::move(joiner)),
                                           std::move(options)));
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }

  template <class Out, class R>
  Table<K, Out> join_core(operators::JoinKind kind, const Table<K, R>& other,
                          operators::Joiner joiner, JoinOptions options) const {
    return Table<K, Out>(operators::join_tables(kind, {core_, type_info<V>()},
                                                {other.core(), type_info<R>()}, type_info<K>(),
                                                std::move(joiner), std::move(options)));
  }

  operators::TableCore core_;
};

}  // namespace millrace
