#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "millrace/core/arena.h"
#include "millrace/core/bytes.h"

namespace millrace::engine {

/// Latest row per key that one table sink of a task has written since the last commit.
///
/// A row has two places for its value: the one that is current and the one before the open unit,
/// so that undoing a unit is a flip and memory stays within twice the rows' size.
class CoalescedRows {
 public:
  void begin_unit();
  void undo_unit();

  /// A null `value` is a deletion, which is a row like others. REQUIRES: `key` is not null.
  void put(Bytes key, Bytes value, int64_t timestamp_ms);

  /// Visits `visit(key, value, timestamp_ms)` in the order of the keys' first appearance.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Row& row : rows_) {
      const Place& place = row.places[row.current];
      if (row.exists) visit(row.key, place.value(), place.timestamp_ms);
    }
  }
  void clear();
  bool empty() const { return rows_.empty(); }
  size_t used_bytes() const { return arena_.used_bytes() + rows_.size() * sizeof(Row); }

 private:
  struct Place {
    char* data = nullptr;
    uint32_t capacity = 0;
    uint32_t size = 0;
    bool is_null = true;
    int64_t timestamp_ms = 0;
    Bytes value() const { return is_null ? Bytes() : Bytes(data, size); }
  };
  struct Row {
    Bytes key;
    size_t hash = 0;
    uint64_t unit = 0;  ///< that wrote last
    std::array<Place, 2> places;
    uint8_t current = 0;
    bool exists = false;
    bool existed_before_unit = false;
  };

  Row& find_or_add(Bytes key);
  void grow();
  void store(Place& place, Bytes value, int64_t timestamp_ms);

  Arena arena_;
  std::vector<Row> rows_;
  std::vector<uint32_t> index_;    ///< row + 1, 0: free; linear probing, a power of two long
  std::vector<uint32_t> touched_;  ///< rows of the open unit
  uint64_t unit_ = 1;
};

}  // namespace millrace::engine
