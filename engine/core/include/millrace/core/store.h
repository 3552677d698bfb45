#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace {

/// A row of a keyed store: its bytes and the event time of its latest change.
struct Row {
  Bytes value;  ///< null: there is no such row; else 8-byte aligned
  int64_t timestamp_ms = 0;

  explicit operator bool() const { return !value.is_null(); }
};

/// Rows of a store to visit: those with from <= key < to, a null bound is open.
struct RowRange {
  Bytes from{};
  Bytes to{};
  bool is_descending = false;
  size_t rows_max = SIZE_MAX;
};

/// Walks rows in ascending order of the key's unsigned bytes. Views die at `next`.
/// The store must not be written while an iterator lives.
class StoreIterator {
 public:
  virtual ~StoreIterator() = default;
  virtual bool valid() const = 0;
  virtual Bytes key() const = 0;  ///< REQUIRES: valid()
  virtual Row row() const = 0;    ///< REQUIRES: valid()
  virtual void next() = 0;        ///< REQUIRES: valid()
};

/// A task's keyed state: latest row per key. Writes stay in memory until the task commits.
///
/// Not thread-safe: a store belongs to one task. A view from `get` dies at the next call of any
/// method. Failures of the disk do not show here: reads then return no row. The task checks its
/// stores before it commits anything, and fails with `kStoreIo`.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  virtual Row get(Bytes key) = 0;
  /// Copies both; an empty value is a row. Any null but `range`'s throws `std::invalid_argument`.
  virtual void put(Bytes key, Bytes value, int64_t timestamp_ms) = 0;
  virtual void erase(Bytes key, int64_t timestamp_ms) = 0;
  /// Rows with from <= key < to; a null bound is open.
  virtual std::unique_ptr<StoreIterator> range(Bytes from, Bytes to) = 0;
  /// Rows whose key starts with `prefix`.
  virtual std::unique_ptr<StoreIterator> prefix(Bytes prefix) = 0;
  /// Announces that `keys` will be read soon, so that the store fetches misses together. Only a
  /// hint.
  virtual void prefetch(std::span<const Bytes> keys) = 0;
};

/// Rows of a store that follow from its other rows, such as entries that find them another way
/// round. Whoever writes the store writes both in one unit. The changelog has only the other rows,
/// and a restore makes the derived ones from them.
struct DerivedRows {
  /// Whether rows of this key are derived.
  std::function<bool(Bytes key)> is_derived;
  using Add = std::function<void(Bytes key, Bytes value)>;
  /// Adds what follows from a row that is not derived, 8-byte aligned. A restored row gives them
  /// its timestamp. It must be a pure function, must not throw for rows that the store's check
  /// accepts, and must give no key for two rows; one that it gives twice for a row counts once.
  /// Give a store whose function changes another name.
  std::function<void(Bytes key, Bytes value, const Add& add)> derive;
};

/// Committed state for queries: thread-safe, never waits for a task. Values are copied out.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  struct OwnedRow {
    std::string value;
    int64_t timestamp_ms = 0;
  };
  /// Error: `kNotFound` when there is no row, `kStoreIo` when the disk fails.
  virtual Result<OwnedRow> get(Bytes key) const = 0;
  /// Visits the rows of `range` on one consistent snapshot until `visit` returns false.
  virtual Status scan(const RowRange& range,
                      const std::function<bool(Bytes key, Row row)>& visit) const = 0;
};

}  // namespace millrace
