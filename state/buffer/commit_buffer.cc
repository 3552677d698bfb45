#include "state/buffer/commit_buffer.h"

#include <algorithm>
#include <limits>

#include "millrace/core/assert.h"

#include "state/rows/huge_pages.h"
#include "state/rows/row_hash.h"

namespace millrace {
namespace {

/// Groups have several rows, so their hand may be slower.
constexpr size_t kSlotsPerGroup = 4;

}  // namespace

CommitBuffer::CommitBuffer(BufferMemory& memory)
    : memory_(memory),
      seed_(memory.hash_seed),
      slots_(kFirstSlots, Slot{nullptr, 0, false}, huge_pages()),
      groups_(memory.used_bytes, memory.hash_seed) {}

CommitBuffer::~CommitBuffer() {
  if (unit_open_) undo_unit();
  discard();
  for (const Slot& slot : slots_) {
    if (slot.row != nullptr) free_row(slot.row);
  }
}

uint32_t CommitBuffer::hash_of(Bytes key) const {
  return row_hash(key, seed_);
}

CommitBuffer::Slot* CommitBuffer::find_slot(uint32_t hash, Bytes key) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.row == nullptr) return nullptr;
    if (slot.hash == hash && slot.row->key() == key) return &slot;
  }
}

CommitBuffer::Slot* CommitBuffer::slot_of(const StoredRow* row) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = row->hash & mask;; i = (i + 1) & mask) {
    MILLRACE_ASSERT(slots_[i].row != nullptr, "a row that the table does not hold");
    if (slots_[i].row == row) return &slots_[i];
  }
}

void CommitBuffer::insert_slot(StoredRow* row) {
  if ((rows_ + 1) * kLoadDenominator > slots_.size() * kLoadNumerator) grow();
  const size_t mask = slots_.size() - 1;
  size_t i = row->hash & mask;
  while (slots_[i].row != nullptr) i = (i + 1) & mask;
  slots_[i] = Slot{row, row->hash, true};
  ++rows_;
}

void CommitBuffer::grow() {
  std::pmr::vector<Slot> old(slots_.size() * 2, Slot{nullptr, 0, false}, huge_pages());
  old.swap(slots_);
  hand_ = 0;
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.row == nullptr) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].row != nullptr) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

// Moves the slots behind back instead of leaving a tombstone, so probing never degrades.
void CommitBuffer::remove_slot(Slot* slot) {
  const size_t mask = slots_.size() - 1;
  size_t hole = static_cast<size_t>(slot - slots_.data());
  for (size_t i = (hole + 1) & mask; slots_[i].row != nullptr; i = (i + 1) & mask) {
    const size_t home = slots_[i].hash & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole].row = nullptr;
  --rows_;
}

StoredRow* CommitBuffer::make_row(uint32_t hash, Bytes key, Row row, RowState state) {
  const size_t bytes = StoredRow::bytes(key.size(), row.value.size());
  const size_t block_bytes = Slab::block_bytes(bytes);
  memory_.used_bytes += block_bytes;
  if (state == RowState::kDirty) {
    memory_.dirty_bytes += block_bytes;
  } else {
    ++clean_rows_;
  }
  return StoredRow::create(memory_.slab.allocate(bytes), hash, key, row, state);
}

void CommitBuffer::free_row(StoredRow* row) {
  const size_t bytes = row->bytes();
  const size_t block_bytes = Slab::block_bytes(bytes);
  memory_.used_bytes -= block_bytes;
  if (row->state == RowState::kClean) {
    --clean_rows_;
  } else {
    memory_.dirty_bytes -= block_bytes;
  }
  memory_.slab.deallocate(row, bytes);
}

const StoredRow* CommitBuffer::find(Bytes key) {
  Slot* const slot = find_slot(hash_of(key), key);
  if (slot == nullptr) return nullptr;
  if (!slot->referenced) slot->referenced = true;
  return slot->row;
}

void CommitBuffer::find_all(std::span<const Bytes> keys, std::vector<uint32_t>& missing) {
  const size_t mask = slots_.size() - 1;
  hashes_.resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    hashes_[i] = hash_of(keys[i]);
    __builtin_prefetch(&slots_[hashes_[i] & mask]);
  }
  for (const uint32_t hash : hashes_) {
    for (size_t i = hash & mask; slots_[i].row != nullptr; i = (i + 1) & mask) {
      if (slots_[i].hash != hash) continue;
      slots_[i].referenced = true;
      prefetch_row(slots_[i].row);
      break;
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Slot* const slot = find_slot(hashes_[i], keys[i]);
    if (slot == nullptr) missing.push_back(static_cast<uint32_t>(i));
  }
}

void CommitBuffer::write(Bytes key, Bytes value, int64_t timestamp_ms) {
  const uint32_t hash = hash_of(key);
  Slot* const slot = find_slot(hash, key);
  StoredRow* const replaced = slot == nullptr ? nullptr : slot->row;
  StoredRow* const written = make_row(hash, key, Row{value, timestamp_ms}, RowState::kDirty);
  if (slot == nullptr) {
    insert_slot(written);
  } else {
    slot->row = written;
    slot->referenced = true;
  }
  if (replaced != nullptr && replaced->state == RowState::kDirty) {
    written->dirty_index = replaced->dirty_index;
    dirty_[written->dirty_index] = written;
  } else {
    if (replaced != nullptr && replaced->state == RowState::kFrozen) replaced->superseded = true;
    add_dirty(written);
  }
  if (!groups_.empty()) groups_.set(written);
  if (unit_open_) {
    undo_.push_back(Undo{written, replaced});
  } else if (replaced != nullptr && replaced->state != RowState::kFrozen) {
    free_row(replaced);
  }
}

void CommitBuffer::add_dirty(StoredRow* row) {
  MILLRACE_ASSERT(dirty_.size() < std::numeric_limits<uint32_t>::max(), "too many dirty rows");
  row->dirty_index = static_cast<uint32_t>(dirty_.size());
  dirty_.push_back(row);
  if (index_) index_->insert(row->dirty_index);
  if (dirty_groups_) dirty_groups_->add(row->key());
}

void CommitBuffer::remove_newest_dirty(StoredRow* row) {
  MILLRACE_ASSERT(dirty_.back() == row, "a unit is undone in the order of its writes");
  if (index_) index_->erase(row->dirty_index);
  if (dirty_groups_) dirty_groups_->remove_last(row->key());
  dirty_.pop_back();
}

StoredRow* CommitBuffer::cache(Bytes key, Row row) {
  const uint32_t hash = hash_of(key);
  if (const Slot* const slot = find_slot(hash, key)) return slot->row;
  StoredRow* const stored = make_row(hash, key, row, RowState::kClean);
  insert_slot(stored);
  return stored;
}

void CommitBuffer::forget(Bytes key) {
  if (!groups_.empty()) groups_.drop(key);
  Slot* const slot = find_slot(hash_of(key), key);
  if (slot == nullptr) return;
  StoredRow* const row = slot->row;
  MILLRACE_ASSERT(row->state == RowState::kClean, "a dirty row must not be forgotten");
  remove_slot(slot);
  free_row(row);
}

void CommitBuffer::evict(size_t slots_max) {
  if (pins_ > 0) return;
  const size_t mask = slots_.size() - 1;
  size_t looked_at = 0;
  for (; looked_at < slots_max && clean_rows_ > 0 && memory_.used_bytes > memory_.limit_bytes;
       ++looked_at) {
    Slot& slot = slots_[hand_];
    if (slot.row != nullptr && !slot.referenced && slot.row->state == RowState::kClean &&
        groups_.lets_go(*slot.row)) {
      StoredRow* const row = slot.row;
      remove_slot(&slot);  // may move another row here: the hand stays
      free_row(row);
      continue;
    }
    slot.referenced = false;
    hand_ = (hand_ + 1) & mask;
    if (hand_ == 0) groups_.begin_round();
  }
  // Groups without rows are in no slot.
  if (clean_rows_ == 0 && memory_.used_bytes > memory_.limit_bytes) looked_at = slots_max;
  if (!groups_.empty()) groups_.drop_idle(looked_at / kSlotsPerGroup);
}

void CommitBuffer::begin_unit() {
  MILLRACE_ASSERT(!unit_open_, "units do not nest");
  unit_open_ = true;
}

void CommitBuffer::end_unit() {
  unit_open_ = false;
  for (const Undo& entry : undo_) {
    if (entry.replaced != nullptr && entry.replaced->state != RowState::kFrozen) {
      free_row(entry.replaced);
    }
  }
  undo_.clear();
}

void CommitBuffer::undo_unit() {
  unit_open_ = false;
  for (size_t i = undo_.size(); i-- > 0;) undo(undo_[i]);
  undo_.clear();
}

void CommitBuffer::undo(const Undo& entry) {
  Slot* const slot = slot_of(entry.written);
  if (!groups_.empty()) {
    // Without a row before, the back end may have one that a scan since then passed over.
    if (entry.replaced != nullptr) {
      groups_.set(entry.replaced);
    } else {
      groups_.drop(entry.written->key());
    }
  }
  if (entry.replaced != nullptr && entry.replaced->state == RowState::kDirty) {
    dirty_[entry.replaced->dirty_index] = entry.replaced;
  } else {
    if (entry.replaced != nullptr) entry.replaced->superseded = false;
    remove_newest_dirty(entry.written);
  }
  if (entry.replaced != nullptr) {
    slot->row = entry.replaced;
  } else {
    remove_slot(slot);
  }
  free_row(entry.written);
}

void CommitBuffer::freeze() {
  MILLRACE_ASSERT(!unit_open_ && frozen_.empty(), "freeze needs closed units and no generation 1");
  frozen_.reserve(dirty_.size());
  for (size_t i = 0; i < dirty_.size(); ++i) {
    if (i + kPrefetchDistance < dirty_.size()) prefetch_row(dirty_[i + kPrefetchDistance]);
    dirty_[i]->state = RowState::kFrozen;
    frozen_.add(dirty_[i]);
  }
  if (index_) index_->clear();
  if (dirty_groups_) dirty_groups_->clear();
  dirty_.clear();
  frozen_.sort();
}

void CommitBuffer::applied() {
  MILLRACE_ASSERT(!unit_open_, "apply needs closed units");
  const std::span<const SortedRow> frozen = frozen_.rows();
  for (size_t i = 0; i < frozen.size(); ++i) {
    if (i + kPrefetchDistance < frozen.size()) prefetch_row(frozen[i + kPrefetchDistance].row);
    StoredRow* const row = frozen[i].row;
    if (row->superseded) {
      free_row(row);
      continue;
    }
    memory_.dirty_bytes -= Slab::block_bytes(row->bytes());
    row->state = RowState::kClean;
    ++clean_rows_;
  }
  frozen_.clear();
}

void CommitBuffer::discard() {
  MILLRACE_ASSERT(!unit_open_, "discard needs closed units");
  groups_.clear();
  if (index_) index_->clear();
  if (dirty_groups_) dirty_groups_->clear();
  for (StoredRow* const row : dirty_) {
    remove_slot(slot_of(row));
    free_row(row);
  }
  dirty_.clear();
  drop_frozen();
}

void CommitBuffer::drop_frozen() {
  MILLRACE_ASSERT(!unit_open_, "frozen rows are dropped between units");
  groups_.clear();
  for (const SortedRow& frozen : frozen_.rows()) {
    if (!frozen.row->superseded) remove_slot(slot_of(frozen.row));
    free_row(frozen.row);
  }
  frozen_.clear();
}

void CommitBuffer::forget_all() {
  MILLRACE_ASSERT(!has_dirty(), "dirty rows must not be forgotten");
  groups_.clear();
  std::vector<StoredRow*> rows;
  for (const Slot& slot : slots_) {
    if (slot.row != nullptr) rows.push_back(slot.row);
  }
  for (StoredRow* const row : rows) {
    remove_slot(slot_of(row));
    free_row(row);
  }
}

std::vector<StoredRow*> CommitBuffer::changed_in(Bytes group) {
  if (!dirty_groups_) {
    dirty_groups_.emplace(seed_);
    for (const StoredRow* const row : dirty_) dirty_groups_->add(row->key());
  }
  std::vector<StoredRow*> rows;
  dirty_groups_->visit(group, [&](uint32_t index) {
    if (dirty_[index]->key().starts_with(group)) rows.push_back(dirty_[index]);
  });
  const std::span<const SortedRow> frozen = frozen_.rows();
  auto at = std::partition_point(frozen.begin(), frozen.end(), [group](const SortedRow& sorted) {
    return sorted.row->key().view() < group.view();
  });
  for (; at != frozen.end() && at->row->key().starts_with(group); ++at) {
    if (!at->row->superseded) rows.push_back(at->row);
  }
  return rows;
}

const CommitBuffer::DirtyIndex& CommitBuffer::dirty_index() {
  if (!index_) {
    index_.emplace(ByKey{&dirty_}, &index_memory_);
    for (uint32_t i = 0; i < dirty_.size(); ++i) index_->insert(i);
  }
  return *index_;
}

}  // namespace millrace
