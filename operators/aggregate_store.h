#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "millrace/core/processor.h"

namespace millrace::operators {

inline Bytes or_null(const std::optional<std::string>& bytes) {
  return bytes ? Bytes(*bytes) : Bytes();
}

/// The store of an aggregate: writes a row's new value and forwards the change.
class AggregateStore {
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
  /// A null `value` deletes the row; nothing is forwarded when there was none.
  void replace(const Record& record, const Row& old, Bytes value) {
    if (!old && value.is_null()) return;
    Record out = record;
    out.old_value = old.value;
    out.value = value;
    if (old) out.timestamp_ms = std::max(record.timestamp_ms, old.timestamp_ms);
    if (value.is_null()) {
      store_->erase(record.key, out.timestamp_ms);
    } else {
      store_->put(record.key, value, out.timestamp_ms);
    }
    context_->forward(out);
  }

 private:
  ProcessorContext* context_ = nullptr;
  KeyValueStore* store_ = nullptr;
  std::string old_value_;
};

}  // namespace millrace::operators
