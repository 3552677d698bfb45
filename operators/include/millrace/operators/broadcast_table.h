#pragma once

#include <functional>
#include <string>
#include <utility>

#include "millrace/core/broadcast.h"
#include "millrace/operators/detail/encoded.h"
#include "millrace/operators/maybe.h"

namespace millrace {

/// A table that every task can read whole (Kafka Streams: a global table). A handle that
/// processors keep to read the rows.
template <class K, class V>
class BroadcastTable {
 public:
  explicit BroadcastTable(std::string name) : name_(std::move(name)) {}
  /// For the options of a processor.
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// The rows of a broadcast table as one processor of one task sees them. Views live as long as the
/// call of the processor that reads them.
template <class K, class V>
class TypedBroadcast {
 public:
  explicit TypedBroadcast(const BroadcastRows& rows) : rows_(&rows) {}

  /// The key as in `TypedStore`.
  template <class Key>
  Maybe<V> get(const Key& key) const {
    if constexpr (std::same_as<Key, Bytes>) {
      return Maybe<V>(rows_->get(key).value);
    } else {
      std::string bytes;
      operators::encode_to<K>(key, bytes);
      return Maybe<V>(rows_->get(Bytes(bytes)).value);
    }
  }
  /// Calls `visit(ViewOf<K>, ViewOf<V>)` in ascending order of the keys' bytes.
  template <class Visit>
  void for_each(Visit&& visit) const {
    rows_->for_each([&](Bytes key, Row row) { visit(view_of<K>(key), view_of<V>(row.value)); });
  }

 private:
  const BroadcastRows* rows_;
};

}  // namespace millrace
