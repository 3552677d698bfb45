#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

#include "millrace/core/arena.h"
#include "millrace/state/task_state.h"

#include "state/rows/sorted_rows.h"
#include "state/rows/stored_row.h"

namespace millrace {

/// The newest row of every key of one store, by its changelog. A newer row of a key replaces the
/// one before, in its place where it fits, so that memory follows the number of keys, not of
/// records.
class LatestRows {
 public:
  LatestRows();

  /// Copies records in the order of the changelog; a null value makes a tombstone, a row too.
  void add(std::span<const ChangelogRecord> records);

  /// Memory taken, replaced rows included.
  size_t bytes() const { return arena_.reserved_bytes() + slots_.size() * sizeof(Slot); }
  /// Whether a good part of the memory holds replaced rows, so that `compact` is worth its copy.
  bool is_loose() const { return arena_.reserved_bytes() > 2 * live_bytes_ + kBlockBytes; }
  /// Drops replaced rows; while it runs, the others take their room twice.
  void compact();

  size_t size() const { return rows_; }
  /// All rows, one per key, in key order; valid until the next change.
  SortedRows sorted() const;

 private:
  static constexpr size_t kBlockBytes = 1 << 20;
  static constexpr ArenaBlocks kArenaBlocks{.block_bytes_min = kBlockBytes,
                                            .block_bytes_max = kBlockBytes};

  struct Slot {
    StoredRow* row;
    uint32_t hash;
  };

  void put(uint32_t hash, const ChangelogRecord& record);
  void grow();
  Slot& slot_of(uint32_t hash, Bytes key);

  uint64_t seed_;
  std::pmr::vector<Slot> slots_;
  size_t rows_ = 0;
  Arena arena_{kArenaBlocks};
  size_t live_bytes_ = 0;
  std::vector<uint32_t> hashes_;  // of add
};

}  // namespace millrace
