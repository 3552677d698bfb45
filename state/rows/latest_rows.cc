#include "state/rows/latest_rows.h"

#include <algorithm>
#include <utility>

#include "state/rows/huge_pages.h"
#include "state/rows/row_hash.h"

namespace millrace {
namespace {

constexpr size_t kLineBytes = 64;
/// Bytes of a row to prefetch before overwriting it; the processor follows a longer one.
constexpr size_t kRowPrefetchBytesMax = 512;

size_t block_bytes(size_t key_size, size_t value_size) {
  return (StoredRow::bytes(key_size, value_size) + 7) & ~size_t{7};
}

size_t block_bytes(const StoredRow& row) {
  return block_bytes(row.key_size, row.value_size);
}

void prefetch_to_write(StoredRow* row, size_t bytes) {
  char* const block = reinterpret_cast<char*>(row);
  for (size_t at = 0; at < std::min(bytes, kRowPrefetchBytesMax); at += kLineBytes) {
    __builtin_prefetch(block + at, 1);
  }
}

}  // namespace

LatestRows::LatestRows()
    : seed_(random_hash_seed()), slots_(kFirstSlots, Slot{nullptr, 0}, huge_pages()) {}

void LatestRows::add(std::span<const ChangelogRecord> records) {
  while ((rows_ + records.size()) * kLoadDenominator > slots_.size() * kLoadNumerator) grow();
  // Prefetch the random reads: first the slots, then the rows.
  const size_t mask = slots_.size() - 1;
  hashes_.resize(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    hashes_[i] = row_hash(records[i].key, seed_);
    __builtin_prefetch(&slots_[hashes_[i] & mask]);
  }
  for (size_t i = 0; i < records.size(); ++i) {
    if (i + kPrefetchDistance < records.size()) {
      const ChangelogRecord& next = records[i + kPrefetchDistance];
      const Slot& ahead = slots_[hashes_[i + kPrefetchDistance] & mask];
      if (ahead.row != nullptr) {
        prefetch_to_write(ahead.row, block_bytes(next.key.size(), next.value.size()));
      }
    }
    put(hashes_[i], records[i]);
  }
}

LatestRows::Slot& LatestRows::slot_of(uint32_t hash, Bytes key) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.row == nullptr || (slot.hash == hash && slot.row->key() == key)) return slot;
  }
}

void LatestRows::put(uint32_t hash, const ChangelogRecord& record) {
  const size_t bytes = block_bytes(record.key.size(), record.value.size());
  Slot& slot = slot_of(hash, record.key);
  void* block = slot.row;
  if (slot.row == nullptr) {
    ++rows_;
  } else {
    const size_t before = block_bytes(*slot.row);
    live_bytes_ -= before;
    if (bytes > before) block = nullptr;
  }
  if (block == nullptr) block = arena_.allocate(bytes);
  live_bytes_ += bytes;
  slot = {StoredRow::create(block, hash, record.key, Row{record.value, record.timestamp_ms},
                            RowState::kClean),
          hash};
}

void LatestRows::grow() {
  std::pmr::vector<Slot> before(slots_.size() * 2, Slot{nullptr, 0}, huge_pages());
  before.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.row == nullptr) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].row != nullptr) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void LatestRows::compact() {
  const Arena before = std::exchange(arena_, Arena(kArenaBlocks));
  live_bytes_ = 0;
  for (Slot& slot : slots_) {
    if (slot.row == nullptr) continue;
    const StoredRow& row = *slot.row;
    const size_t bytes = block_bytes(row);
    slot.row =
        StoredRow::create(arena_.allocate(bytes), slot.hash, row.key(), row.row(), row.state);
    live_bytes_ += bytes;
  }
}

SortedRows LatestRows::sorted() const {
  SortedRows sorted;
  sorted.reserve(rows_);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (i + kPrefetchDistance < slots_.size()) prefetch_row(slots_[i + kPrefetchDistance].row);
    if (slots_[i].row != nullptr) sorted.add(slots_[i].row);
  }
  sorted.sort();
  return sorted;
}

}  // namespace millrace
