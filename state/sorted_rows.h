#pragma once

#include <vector>

#include "stored_row.h"

namespace millrace {

/// How many rows ahead loops over scattered rows ask the memory for.
constexpr size_t kPrefetchDistance = 8;

inline void prefetch_row(const StoredRow* row) {
  const char* const line = reinterpret_cast<const char*>(row);
  __builtin_prefetch(line);
  __builtin_prefetch(line + 64);
}

/// Sorts by key, rows of the same key by `dirty_index`; fills in the prefixes.
void sort_rows(std::vector<SortedRow>& rows);

}  // namespace millrace
