#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "operators/row_keeper.h"

namespace millrace::operators {

inline Bytes or_null(const std::optional<std::string>& bytes) {
  return bytes ? Bytes(*bytes) : Bytes();
}

/// The store of an aggregate: a row's timestamp does not fall.
class AggregateStore {
 public:
  void open(ProcessorContext& context, const std::string& store) { rows_.open(context, store); }
  /// The row with a copy of its value, which therefore lives until the next `read`.
  Row read(Bytes key) { return rows_.read(key); }
  /// A null `value` deletes the row; nothing is forwarded when there was none.
  void replace(const Record& record, const Row& old, Bytes value) {
    Record change = record;
    change.value = value;
    if (old) change.timestamp_ms = std::max(record.timestamp_ms, old.timestamp_ms);
    rows_.replace(change, old);
  }

 private:
  RowKeeper rows_;
};

}  // namespace millrace::operators
