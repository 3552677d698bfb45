#include "state/rows/sorted_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

namespace millrace {
namespace {

/// Bounds how often `add` computes prefixes again.
constexpr size_t kCommonMax = 64;

uint64_t load_prefix(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t prefix = 0;
  std::memcpy(&prefix, bytes.data(), std::min(bytes.size(), sizeof prefix));
  return __builtin_bswap64(prefix);
}

std::string_view key_of(const SortedRow& row) {
  return row.row->key().view();
}

}  // namespace

void SortedRows::add(StoredRow* row) {
  const std::string_view key = row->key().view();
  if (rows_.empty()) {
    first_key_ = key.substr(0, kCommonMax);
    common_ = first_key_.size();
    shortest_key_ = longest_key_ = key.size();
  }
  const std::string_view known(first_key_.data(), std::min(common_, key.size()));
  const auto common = static_cast<size_t>(
      std::mismatch(known.begin(), known.end(), key.begin()).first - known.begin());
  if (common < common_) shorten_common(common);
  shortest_key_ = std::min(shortest_key_, key.size());
  longest_key_ = std::max(longest_key_, key.size());
  rows_.push_back(SortedRow{load_prefix(key.substr(common_)), row});
}

void SortedRows::shorten_common(size_t common) {
  common_ = common;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (i + kPrefetchDistance < rows_.size()) prefetch_row(rows_[i + kPrefetchDistance].row);
    rows_[i].prefix = load_prefix(key_of(rows_[i]).substr(common_));
  }
}

bool SortedRows::prefix_is_enough() const {
  return shortest_key_ == longest_key_ && longest_key_ <= common_ + sizeof(SortedRow::prefix);
}

void SortedRows::sort() {
  std::sort(rows_.begin(), rows_.end(),
            [](const SortedRow& a, const SortedRow& b) { return a.prefix < b.prefix; });
  if (prefix_is_enough()) return;
  for (auto first = rows_.begin(); first != rows_.end();) {
    const auto last = std::find_if(
        first + 1, rows_.end(), [&](const SortedRow& row) { return row.prefix != first->prefix; });
    if (last - first > 1) {
      std::sort(first, last,
                [](const SortedRow& a, const SortedRow& b) { return key_of(a) < key_of(b); });
    }
    first = last;
  }
}

void SortedRows::clear() {
  rows_.clear();
}

}  // namespace millrace
