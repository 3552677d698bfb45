#include "millrace/operators/table.h"

namespace millrace::operators {

TableCore join_tables(JoinKind kind, JoinTable left, JoinTable right, TypeInfo key, Joiner joiner,
                      JoinOptions options) {
  TopologyDraft& draft = *left.table.draft;
  MILLRACE_ASSERT(&draft == right.table.draft, "tables of different builders cannot be joined");
  const std::string name = options.name.empty() ? left.table.anchor + "-join-" + right.table.anchor
                                                : std::move(options.name);
  draft.refuse_grace(options, name);
  if (draft.have_common_source(left.table.nodes, right.table.nodes)) {
    // One record may change both sides. Each side needs rows that change in step with its own
    // changes, else the old value of a change would be one that was never emitted.
    left.table = left.table.stored(name + "-left", key, left.value);
    right.table = right.table.stored(name + "-right", key, right.value);
  }
  const auto side = [&](const TableCore& own, const TableCore& other, JoinSide which) {
    return draft.add_processor(own.nodes, name,
                               {.operation = which == JoinSide::kLeft ? "left" : "right",
                                .factory = table_table_join(kind, which, other.view, joiner),
                                .stores = other.view.stores,
                                .reads_at_key = other.view.reads_at_key});
  };
  const NodeIndex from_left = side(left.table, right.table, JoinSide::kLeft);
  const NodeIndex from_right = side(right.table, left.table, JoinSide::kRight);
  return {&draft,
          {from_left, from_right},
          name,
          join_view(kind, left.table.view, right.table.view, joiner)};
}

}  // namespace millrace::operators
