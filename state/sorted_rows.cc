#include "sorted_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace millrace {
namespace {

size_t common_prefix_bytes(const std::vector<SortedRow>& rows) {
  const std::string_view first = rows.front().row->key().view();
  size_t common = first.size();
  for (size_t i = 0; i < rows.size() && common > 0; ++i) {
    if (i + kPrefetchDistance < rows.size()) prefetch_row(rows[i + kPrefetchDistance].row);
    const std::string_view key = rows[i].row->key().view();
    common = std::min(common, key.size());
    common = static_cast<size_t>(
        std::mismatch(first.begin(), first.begin() + static_cast<ptrdiff_t>(common), key.begin())
            .first -
        first.begin());
  }
  return common;
}

uint64_t load_prefix(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t prefix = 0;
  std::memcpy(&prefix, bytes.data(), std::min(bytes.size(), sizeof prefix));
  return __builtin_bswap64(prefix);
}

}  // namespace

void sort_rows(std::vector<SortedRow>& rows) {
  if (rows.empty()) return;
  // Keys of a store often begin alike ("account-…"): only what differs is worth comparing.
  const size_t common = common_prefix_bytes(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kPrefetchDistance < rows.size()) prefetch_row(rows[i + kPrefetchDistance].row);
    rows[i].prefix = load_prefix(rows[i].row->key().view().substr(common));
  }
  std::sort(rows.begin(), rows.end(), [](const SortedRow& a, const SortedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = a.row->key().view().compare(b.row->key().view());
    return order != 0 ? order < 0 : a.row->dirty_index < b.row->dirty_index;
  });
}

}  // namespace millrace
