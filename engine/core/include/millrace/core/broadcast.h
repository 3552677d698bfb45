#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/serde.h"
#include "millrace/core/store.h"

namespace millrace {

/// A change of a broadcast table, as an input of a task. The table already shows it.
struct BroadcastChange {
  std::string_view table;  ///< name of the topic
  Bytes key;
  Bytes value;      ///< null: deleted
  Bytes old_value;  ///< null: there was no row
  /// False, with a null `old_value`: Kafka may have compacted the row away that the node met last,
  /// before this instance read it. Only for changes that happened while the task did not run.
  /// Before this change the table showed an earlier row, or none. Nodes update whatever they
  /// derived, by key.
  bool is_old_known = true;
  int64_t timestamp_ms = 0;

  template <class K>
  ViewOf<K> key_as() const {
    return view_of<K>(key);
  }
};

/// A broadcast table as one node of one task sees it: all rows of all partitions, at the node's own
/// cursor. Views live as long as the call of `process`, `on_change` or `on_timer` that reads them.
class BroadcastRows {
 public:
  virtual ~BroadcastRows() = default;
  virtual Row get(Bytes key) const = 0;
  /// All rows in ascending order of the keys' unsigned bytes.
  virtual void for_each(const std::function<void(Bytes key, Row row)>& visit) const = 0;
};

}  // namespace millrace
