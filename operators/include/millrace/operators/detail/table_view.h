#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Reads the rows of a table by key, and computes those of a filtered, mapped or joined table from
/// the stores it comes from. Each processor has an object of its own.
class RowView {
 public:
  virtual ~RowView() = default;
  /// The row dies at the next `get` and at the next use of a store it comes from.
  virtual Row get(Bytes key) = 0;
  /// The row that the table had at that time; where it keeps no history, that of now.
  virtual Row as_of(Bytes key, int64_t /*time_ms*/) { return get(key); }
};

/// How a processor reads a table's rows.
struct TableView {
  std::vector<std::string> stores;  ///< that the processor's node must declare
  std::function<std::unique_ptr<RowView>(ProcessorContext&)> open;
  std::string rows_in = {};  ///< the store that has exactly these rows; empty: none
  std::vector<std::string> reads_at_key = {};  ///< those of `stores` that `get` reads at the key
  std::optional<int64_t> history_ms = {};      ///< how far back `as_of` looks; none: it does not
};

/// The rows of a store as they are.
TableView store_view(std::string store);

/// The rows of a table as `change` makes them, now and then. It gets a row or none, and may return
/// a view of a buffer of its own; each processor has a copy.
using RowChange = std::function<Row(Bytes key, Row row)>;
TableView changed_view(TableView table, RowChange change);

}  // namespace millrace::operators
