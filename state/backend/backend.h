#pragma once

#include <memory>
#include <span>
#include <vector>

#include "millrace/core/store.h"
#include "millrace/state/task_state.h"

#include "state/rows/stored_row.h"

namespace millrace {

/// Takes the rows a back end found; the views live for the call.
class RowSink {
 public:
  /// `index` is the key's place in the request; a null value: there is no such row.
  virtual void row(size_t index, Row row) = 0;

 protected:
  ~RowSink() = default;
};

/// What a commit changes in one store.
struct StoreChanges {
  size_t store = 0;
  std::span<const SortedRow> rows;
};

/// Where committed rows live: RocksDB or memory. Stores go by their index in the list the back end
/// was made with. Not thread-safe, but for the readers it gives away.
class Backend {
 public:
  virtual ~Backend() = default;

  /// As stored with the last commit or restored records.
  virtual const TaskPositions& positions() const = 0;
  /// Calls `sink` once for every key. REQUIRES: `keys` ascend.
  virtual Status read(size_t store, std::span<const Bytes> keys, RowSink& sink) = 0;
  /// Rows with from <= key < to; a null bound is open. A failure ends the walk early and is put
  /// into `status`, which outlives the iterator.
  virtual std::unique_ptr<StoreIterator> range(size_t store, Bytes from, Bytes to,
                                               Status& status) = 0;
  /// All changes and the positions, or nothing. Positions of stores that are not the back end's are
  /// left out; those of its stores that `positions` does not name stay.
  virtual Status commit(std::span<const StoreChanges> changes, const TaskPositions& positions) = 0;
  virtual std::shared_ptr<const StoreReader> reader(size_t store) const = 0;
  virtual std::shared_ptr<const StateCheckpointer> checkpointer() const { return nullptr; }

  /// See `TaskState`.
  virtual Status restore(size_t store, std::span<const ChangelogRecord> records,
                         int64_t end_offset) = 0;
  virtual Status finish_restore() = 0;
  virtual Status close() = 0;
};

}  // namespace millrace
