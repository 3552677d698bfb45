#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crm/model/account_row.h"

namespace millrace::crm {

/// Most logs that one row may have changes of: more are refused.
inline constexpr size_t kRowLogsMax = 64;

/// A row as its store has it. decode/order/DESIGN.md says how logs combine.
struct LoggedRow {
  RowView row;  ///< all logs combined
  /// The row by each log alone, sorted by the log's name; empty if there is only one.
  std::vector<RowView> logs{};
  /// Sorted names of the source's tables that have had the record.
  std::vector<std::string_view> tables{};

  friend bool operator==(const LoggedRow&, const LoggedRow&) = default;
};

/// Whether a row of a changelog has each log once, sorted. Error: `kInvalidRecord`.
Status check_logs(const AccountRow& row);

/// The view lives as long as the buffer of `row`. REQUIRES: `check_logs` accepts it.
LoggedRow read_logged_row(const AccountRow& row);
flatbuffers::Offset<AccountRow> write_row(flatbuffers::FlatBufferBuilder& builder,
                                          const LoggedRow& row);

/// Merges `change` into `row` (of the same id) and returns whether that changed it. The row is a
/// function of the set of merged changes, never of their order.
///
/// Error: `kInvalidRecord` when a log's row would have too many fields, or the row too many logs;
/// `row` is then unchanged.
Result<bool> merge_change(LoggedRow& row, const ChangeView& change);

/// Removes the values of changes committed up to `through_ms`; returns whether that changed the
/// row.
bool erase_through(LoggedRow& row, int64_t through_ms);

}  // namespace millrace::crm
