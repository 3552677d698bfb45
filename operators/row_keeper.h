#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Keeps the rows of a table in a store, and forwards each change with the row that it replaces.
class RowKeeper {
 public:
  void open(ProcessorContext& context, const std::string& store) {
    context_ = &context;
    store_ = &context.store(store);
  }

  /// The row with a copy of its value, which therefore lives until the next `read`.
  Row read(Bytes key) {
    Row row = store_->get(key);
    if (row) {
      old_value_ = row.value.view();
      row.value = old_value_;
    }
    return row;
  }

  /// Writes the value and timestamp of `change`; null erases the row. Nothing happens where there
  /// is no row before and none after. REQUIRES: `old` is what `read` last returned, for this key.
  void replace(Record change, const Row& old) {
    if (!old && change.value.is_null()) return;
    change.old_value = old.value;
    if (change.value.is_null()) {
      store_->erase(change.key, change.timestamp_ms);
    } else {
      store_->put(change.key, change.value, change.timestamp_ms);
    }
    context_->forward(change);
  }

 private:
  ProcessorContext* context_ = nullptr;
  KeyValueStore* store_ = nullptr;
  std::string old_value_;
};

}  // namespace millrace::operators
