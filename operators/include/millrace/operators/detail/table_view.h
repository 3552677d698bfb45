#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Reads the rows of a table by key, also of one that is not stored as such: a filtered, mapped or
/// joined table is computed from the stores it comes from. One object a processor.
class RowView {
 public:
  virtual ~RowView() = default;
  /// The view dies at the next `get` and when a store it comes from is used.
  virtual Row get(Bytes key) = 0;
};

/// How a processor gets at a table's rows.
struct TableView {
  std::vector<std::string> stores;  ///< that the processor's node must declare
  std::function<std::unique_ptr<RowView>(ProcessorContext&)> open;
};

/// The rows of a store as they are.
TableView store_view(std::string store);

}  // namespace millrace::operators
