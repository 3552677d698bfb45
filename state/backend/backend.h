#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"
#include "millrace/state/task_state.h"

#include "state/rows/stored_row.h"

namespace millrace {

class Backend;

/// Rows that a read found, one per key and in the order of the keys; a null value: there is no such
/// row. The back end holds their bytes while this lives; read again only after that.
class FoundRows {
 public:
  FoundRows(Backend& backend, std::span<const Row> rows) : holder_(&backend), rows_(rows) {}

  size_t size() const { return rows_.size(); }
  Row operator[](size_t index) const { return rows_[index]; }

 private:
  struct LetGo {
    void operator()(Backend* backend) const;
  };
  std::unique_ptr<Backend, LetGo> holder_;
  std::span<const Row> rows_;
};

/// The changes of a commit in one store.
struct StoreChanges {
  size_t store = 0;
  std::span<const SortedRow> rows;
};

/// Holds committed rows, in RocksDB or in memory. Callers name a store by its index in the list
/// that the back end was made with. Not thread-safe, except for the readers it returns.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Those of the last commit or of the latest restored records.
  virtual const TaskPositions& positions() const = 0;
  /// Most keys of one read; bounds what it holds.
  static constexpr size_t kReadKeysMax = 256;
  /// REQUIRES: `keys` ascend and are 1 to `kReadKeysMax`; no `FoundRows` lives.
  virtual Result<FoundRows> read(size_t store, std::span<const Bytes> keys) = 0;
  /// Rows with from <= key < to; a null bound is open. A failure ends the walk early and goes into
  /// `status`, which must outlive the iterator.
  virtual std::unique_ptr<StoreIterator> range(size_t store, Bytes from, Bytes to,
                                               Status& status) = 0;
  /// Writes all changes and the positions, or nothing. Leaves out positions of stores that are not
  /// the back end's, and keeps those of its stores that `positions` does not name.
  virtual Status commit(std::span<const StoreChanges> changes, const TaskPositions& positions) = 0;
  virtual std::shared_ptr<const StoreReader> reader(size_t store) const = 0;
  /// `name`: "<store>/<index>". REQUIRES: the store has it.
  virtual std::shared_ptr<const StoreReader> index_reader(size_t store,
                                                          std::string_view name) const = 0;
  virtual std::shared_ptr<const StateCheckpointer> checkpointer() const { return nullptr; }

  /// See `TaskState`.
  virtual Status restore(size_t store, std::span<const ChangelogRecord> records,
                         int64_t end_offset) = 0;
  virtual Status finish_restore() = 0;
  virtual Result<bool> build_indexes() { return false; }
  virtual Status close() = 0;

 private:
  friend class FoundRows;
  virtual void let_go_of_found() {}
};

inline void FoundRows::LetGo::operator()(Backend* backend) const {
  backend->let_go_of_found();
}

}  // namespace millrace
