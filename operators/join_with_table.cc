#include <utility>

#include <fmt/format.h>

#include "millrace/operators/detail/versioned/table_joins.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/versioned/buffer_order.h"

namespace millrace::operators {
namespace {

/// Why records cannot wait; empty: they can.
std::string fault_of_grace(int64_t grace_ms, const TableView& table) {
  if (grace_ms < 0 || grace_ms > kIntervalMaxMs) {
    return fmt::format("needs at least 0 ms and at most 18 million years: {} ms", grace_ms);
  }
  if (!table.history_ms) {
    return "needs a versioned table: give the table a history";
  }
  if (grace_ms > *table.history_ms) {
    return fmt::format("is longer than the history of the table: {} ms, and {} ms", grace_ms,
                       *table.history_ms);
  }
  return {};
}

}  // namespace

StreamCore join_with_table(const StreamCore& stream, const TableCore& table, TableJoin join,
                           JoinOptions options) {
  TopologyDraft& draft = *stream.draft;
  const std::string name =
      options.name.empty() ? stream.anchor + "-join-" + table.anchor : options.name;
  const StreamCore at_key = stream.at_its_key(join.key, join.value, name);
  ProcessorUse use;
  use.name = std::move(options.name);
  use.operation = join.kind == JoinKind::kInner ? "join" : "left_join";
  use.stores = table.view.stores;
  if (!options.grace) {
    use.reads_at_key = table.view.reads_at_key;
    use.factory = stream_table_join(table.view, std::move(join));
    return at_key.then(std::move(use));
  }
  const int64_t grace_ms = options.grace->count();
  if (const std::string fault = fault_of_grace(grace_ms, table.view); !fault.empty()) {
    draft.fail(fmt::format("the grace of join '{}' {}", name, fault));
  }
  const std::string buffer = name + "-buffer";
  StoreSpec& store = draft.add_store(buffer, join.buffered_key, join.buffered, {});
  store.derived_rows = buffered_rows_by_end();
  store.is_hidden = &is_own_row;
  use.stores.push_back(buffer);
  use.factory = stream_table_grace_join(buffer, grace_ms, table.view, std::move(join));
  return at_key.then(std::move(use));
}

}  // namespace millrace::operators
