#pragma once

#include <functional>
#include <memory>
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
};

/// How a processor reads a table's rows.
struct TableView {
  std::vector<std::string> stores;  ///< that the processor's node must declare
  std::function<std::unique_ptr<RowView>(ProcessorContext&)> open;
  std::string rows_in = {};  ///< the store that has exactly these rows; empty: none
};

/// The rows of a store as they are.
TableView store_view(std::string store);

}  // namespace millrace::operators
