#pragma once

#include <string>
#include <utility>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/foreign_key_codec.h"
#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/table_view.h"
#include "millrace/operators/detail/topology_draft.h"

namespace millrace::operators {

/// A join of two tables by a foreign key, with the types of all that it keeps and sends.
struct ForeignKeyJoin {
  JoinKind kind = JoinKind::kInner;
  KeySelector foreign_key;
  Joiner joiner;
  TypeInfo left_key;
  TypeInfo right_key;
  TypeInfo result;
  TypeInfo subscription;
  TypeInfo answer;
  TypeInfo subscription_key;
};

TableCore join_by_foreign_key(const TableCore& left, const TableCore& right, ForeignKeyJoin join,
                              JoinOptions options);

/// Sends a subscription to each left row's foreign key, by child 0. Forwards the change of a row
/// that is gone or has no foreign key as it is, by child 1.
ProcessorFactory subscribe(KeySelector foreign_key);

/// Keeps subscriptions in a store, and answers each with the right row that there is now.
ProcessorFactory keep_subscriptions(std::string store, TableView right);

/// Answers all subscriptions of a right row when it changes.
ProcessorFactory answer_subscriptions(std::string store);

/// Keeps the joined rows in a store and forwards their changes: by answers, from parent 0, which
/// must belong to the present left row, and by the changes that `subscribe` forwards.
ProcessorFactory keep_joined_rows(std::string store, JoinKind kind, TableView left, Joiner joiner);

/// Whether `F` finds keys of type `F2` for rows of type `V`.
template <class K, class V, class F2, class F>
constexpr bool is_foreign_key() {
  using Keyed = KeyedCall<F, K, TypeList<V>>;
  static_assert(Keyed::kFit != Fit::kOther,
                "the function of a foreign key takes (key, value) or (value) of the left table, "
                "each as ViewOf<T> (std::string_view for text, const Table& for FlatBuffers), and "
                "returns a key of the right table or std::optional of it");
  if constexpr (takes_its_arguments<Keyed>()) {
    constexpr bool kIsOther = encoding_of<F2, KeyedResult<F, K, V>>() == Encoding::kOther;
    static_assert(!kIsOther,
                  "the function of a foreign key returns something else than a key of the right "
                  "table or std::optional of it");
    if constexpr (!kIsOther) return makes_a_value<F2, F, K, V>();
  }
  return false;
}

/// REQUIRES: `is_foreign_key` and `is_joiner`.
template <class K, class V, class F2, class R, class Out, class F, class J>
ForeignKeyJoin make_foreign_key_join(JoinKind kind, F foreign_key, J joiner) {
  ForeignKeyJoin join;
  join.kind = kind;
  join.foreign_key = make_key_selector<K, V, F2>(std::move(foreign_key));
  join.joiner = make_joiner<K, V, R, Out>(std::move(joiner));
  join.left_key = type_info<K>();
  join.right_key = type_info<F2>();
  join.result = type_info<Out>();
  join.subscription = type_info<Subscription<K>>();
  join.answer = type_info<Answer<R>>();
  join.subscription_key = type_info<SubscriptionKey<F2, K>>();
  return join;
}

}  // namespace millrace::operators
