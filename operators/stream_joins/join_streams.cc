#include <utility>

#include <fmt/format.h>

#include "millrace/operators/detail/stream_joins.h"

#include "operators/stream_joins/join_order.h"

namespace millrace::operators {

StreamCore join_streams(const StreamCore& left, const StreamCore& right, StreamJoin join,
                        JoinOptions options) {
  TopologyDraft& draft = *left.draft;
  MILLRACE_ASSERT(&draft == right.draft, "streams of different builders cannot be joined");
  const std::string name =
      options.name.empty() ? left.anchor + "-join-" + right.anchor : std::move(options.name);
  draft.refuse_grace(options, name);
  if (const std::string fault = join.windows.fault(); !fault.empty()) {
    draft.fail(fmt::format("the windows of '{}' {}", name, fault));
  }
  StoreSpec& store = draft.add_store(name, join.row_key, join.row, {});
  store.derived_rows = join_rows_by_end();
  store.is_hidden = &is_own_row;
  store.check = &check_join_row;
  const bool is_self = left.nodes == right.nodes;
  const StreamCore left_at_key =
      left.at_its_key(join.key, join.left, is_self ? name : name + "-left");
  const StreamCore right_at_key =
      is_self ? left_at_key : right.at_its_key(join.key, join.right, name + "-right");
  const MergedInputs inputs = merge_inputs({{0, left_at_key}, {1, right_at_key}});
  std::vector<JoinSide> sides;
  for (const uint8_t input : inputs.inputs) {
    sides.push_back(input == 0 ? JoinSide::kLeft : JoinSide::kRight);
  }
  ProcessorUse use;
  use.name = name;
  use.factory = stream_stream_join(name, std::move(join), std::move(sides));
  use.stores = {name};
  return inputs.stream.then(std::move(use));
}

}  // namespace millrace::operators
