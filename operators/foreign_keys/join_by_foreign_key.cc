#include "millrace/operators/detail/foreign_keys.h"

namespace millrace::operators {
namespace {

std::vector<std::string> with(std::vector<std::string> names, const std::string& name) {
  names.push_back(name);
  return names;
}

}  // namespace

TableCore join_by_foreign_key(const TableCore& left, const TableCore& right, ForeignKeyJoin join,
                              JoinOptions options) {
  TopologyDraft& draft = *left.draft;
  MILLRACE_ASSERT(&draft == right.draft, "tables of different builders cannot be joined");
  const bool is_derived = options.name.empty();
  const std::string name =
      is_derived ? left.anchor + "-join-" + right.anchor : std::move(options.name);
  draft.refuse_grace(options, name);
  const std::string subscriptions = name + "-subscriptions";
  draft.add_store(subscriptions, join.subscription_key, type_info<int64_t>(), {});
  draft.add_store(name, join.left_key, join.result, {});
  // Right changes first: where a table is joined with itself, a row that is its own right row then
  // answers to its older form, which nobody takes, and not twice to the new one that differs.
  const NodeIndex answering = draft.add_processor(right.nodes, name,
                                                  {.operation = "answer",
                                                   .factory = answer_subscriptions(subscriptions),
                                                   .stores = {subscriptions},
                                                   .keeps_key = false});
  const NodeIndex subscribing = draft.add_processor(
      left.nodes, name,
      {.operation = "subscribe", .factory = subscribe(join.foreign_key), .keeps_key = false});
  const NodeIndex subscribed = draft.add_exchange(
      {subscribing}, join.right_key, join.subscription,
      {.name = subscriptions, .partition_key = draft.partition_key_of(right.nodes, join.right_key)},
      is_derived);
  const NodeIndex keeping =
      draft.add_processor({subscribed}, name,
                          {.operation = "subscriptions",
                           .factory = keep_subscriptions(subscriptions, right.view),
                           .stores = with(right.view.stores, subscriptions),
                           .reads_at_key = right.view.reads_at_key,
                           .keeps_key = false});
  const NodeIndex answered =
      draft.add_exchange({answering, keeping}, join.left_key, join.answer,
                         {.name = name + "-answers",
                          .partition_key = draft.partition_key_of(left.nodes, join.left_key)},
                         is_derived);
  const NodeIndex joined = draft.add_processor(
      {answered, subscribing}, name,
      {.name = name,
       .factory = keep_joined_rows(name, join.kind, left.view, std::move(join.joiner)),
       .stores = with(left.view.stores, name),
       .reads_at_key = with(left.view.reads_at_key, name),
       .forwards_rows_of = name});
  return {&draft, {joined}, name, store_view(name)};
}

}  // namespace millrace::operators
