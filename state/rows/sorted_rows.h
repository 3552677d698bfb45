#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "state/rows/stored_row.h"

namespace millrace {

/// How many rows ahead a loop over scattered rows prefetches.
constexpr size_t kPrefetchDistance = 8;

inline void prefetch_row(const StoredRow* row) {
  const char* const line = reinterpret_cast<const char*>(row);
  __builtin_prefetch(line);
  __builtin_prefetch(line + 64);
}

/// Gathers rows and sorts them by key. REQUIRES: no two have the same key.
///
/// Keys of a store often begin alike ("account-…"): the list finds their common beginning while it
/// grows and keeps the bytes that follow beside each row, so that sorting hardly ever looks at the
/// rows, which lie scattered in memory.
class SortedRows {
 public:
  void add(StoredRow* row);
  void reserve(size_t rows) { rows_.reserve(rows); }
  void clear();

  void sort();

  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  std::span<const SortedRow> rows() const { return rows_; }

 private:
  /// Whether rows with the same prefix have the same key.
  bool prefix_is_enough() const;
  void shorten_common(size_t common);

  std::vector<SortedRow> rows_;
  std::string first_key_;  ///< up to `kCommonMax`
  size_t common_ = 0;      ///< how many bytes all keys begin with
  size_t shortest_key_ = 0;
  size_t longest_key_ = 0;
};

}  // namespace millrace
