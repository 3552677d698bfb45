#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Children of the row eraser, in the order in which they must be declared.
enum RowEraserChild : size_t { kErasedRowsChild = 0, kRowReportsChild = 1 };

struct RowEraserStores {
  std::string rows;      ///< key → AccountRow
  std::string erasures;  ///< key → Erasure
  /// root → AccountState. Empty, like the next two: the rows are not those of accounts.
  std::string states{};
  std::string members{};       ///< root, member → MemberUpdate; read only
  std::string child_counts{};  ///< root → ChildCounts; read only. Empty: accounts have no children.
};

/// Takes Erasures keyed like the rows, marks the record in `stores.erasures` and removes the values
/// from its row that were committed up to the erasure: forwards the row's change to the first
/// child, a null value when nothing is left, and an ErasureReport to the second. If the account has
/// no component of its own any more, the state's row goes too, or the aggregator, which is about to
/// put the state together again, removes it. Repeated erasures change nothing.
ProcessorFactory row_eraser(RowEraserStores stores);

}  // namespace millrace::crm
