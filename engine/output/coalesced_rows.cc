#include "engine/output/coalesced_rows.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

constexpr size_t kIndexSizeMin = 1024;
constexpr uint32_t kPlaceBytesMin = 16;

}  // namespace

void CoalescedRows::begin_unit() {
  ++unit_;
  touched_.clear();
}

void CoalescedRows::undo_unit() {
  for (const uint32_t index : touched_) {
    Row& row = rows_[index];
    row.current ^= 1;
    row.exists = row.existed_before_unit;
  }
  begin_unit();
}

void CoalescedRows::put(Bytes key, Bytes value, int64_t timestamp_ms) {
  MILLRACE_ASSERT(!key.is_null(), "a table's row needs a key");
  Row& row = find_or_add(key);
  if (row.unit != unit_) {
    row.unit = unit_;
    row.existed_before_unit = row.exists;
    row.current ^= 1;
    row.exists = true;
    touched_.push_back(static_cast<uint32_t>(&row - rows_.data()));
  }
  store(row.places[row.current], value, timestamp_ms);
}

void CoalescedRows::store(Place& place, Bytes value, int64_t timestamp_ms) {
  place.timestamp_ms = timestamp_ms;
  place.is_null = value.is_null();
  place.size = static_cast<uint32_t>(value.size());
  if (place.data == nullptr || place.size > place.capacity) {
    place.capacity = std::max((place.size + 7) & ~7U, kPlaceBytesMin);
    place.data = arena_.allocate(place.capacity);
  }
  if (place.size > 0) std::memcpy(place.data, value.data(), place.size);
}

CoalescedRows::Row& CoalescedRows::find_or_add(Bytes key) {
  if (rows_.size() * 2 >= index_.size()) grow();
  const size_t hash = std::hash<std::string_view>()(key.view());
  const size_t mask = index_.size() - 1;
  size_t slot = hash & mask;
  for (; index_[slot] != 0; slot = (slot + 1) & mask) {
    Row& row = rows_[index_[slot] - 1];
    if (row.hash == hash && row.key == key) return row;
  }
  Row& row = rows_.emplace_back();
  row.key = arena_.copy(key);
  row.hash = hash;
  index_[slot] = static_cast<uint32_t>(rows_.size());
  return row;
}

void CoalescedRows::grow() {
  index_.assign(std::max(index_.size() * 2, kIndexSizeMin), 0);
  const size_t mask = index_.size() - 1;
  for (size_t i = 0; i < rows_.size(); ++i) {
    size_t slot = rows_[i].hash & mask;
    while (index_[slot] != 0) slot = (slot + 1) & mask;
    index_[slot] = static_cast<uint32_t>(i + 1);
  }
}

void CoalescedRows::clear() {
  if (rows_.empty()) return;
  rows_.clear();
  touched_.clear();
  arena_.clear();
  std::fill(index_.begin(), index_.end(), 0);
}

}  // namespace millrace::engine
