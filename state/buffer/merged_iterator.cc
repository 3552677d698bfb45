#include "state/buffer/merged_iterator.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

std::span<const SortedRow> from_key(std::span<const SortedRow> rows, Bytes from) {
  const auto first = std::partition_point(
      rows.begin(), rows.end(),
      [from](const SortedRow& sorted) { return sorted.row->key().view() < from.view(); });
  return {first, rows.end()};
}

}  // namespace

MergedIterator::MergedIterator(CommitBuffer& buffer, std::unique_ptr<StoreIterator> committed,
                               Bytes from, Bytes to)
    : dirty_rows_(buffer.dirty()),
      dirty_index_(buffer.dirty_index()),
      dirty_(dirty_index_.lower_bound(from)),
      frozen_(from_key(buffer.frozen(), from)),
      committed_(std::move(committed)),
      bounded_(!to.is_null()),
      to_(to.view()) {
  settle();
}

const StoredRow* MergedIterator::dirty() const {
  if (dirty_ == dirty_index_.end()) return nullptr;
  const StoredRow* const row = dirty_rows_[*dirty_];
  return bounded_ && row->key().view() >= to_ ? nullptr : row;
}

const StoredRow* MergedIterator::frozen() const {
  if (frozen_.empty()) return nullptr;
  const StoredRow* const row = frozen_.front().row;
  return bounded_ && row->key().view() >= to_ ? nullptr : row;
}

Bytes MergedIterator::key() const {
  MILLRACE_ASSERT(valid(), "key() past the end");
  return current_ == Source::kBuffer ? row_->key() : committed_->key();
}

Row MergedIterator::row() const {
  MILLRACE_ASSERT(valid(), "row() past the end");
  return current_ == Source::kBuffer ? row_->row() : committed_->row();
}

void MergedIterator::next() {
  MILLRACE_ASSERT(valid(), "next() past the end");
  if (current_ == Source::kBuffer) {
    pass(row_->key());
  } else {
    committed_->next();
  }
  settle();
}

// Passes a key that the buffer has in all three layers at once.
void MergedIterator::pass(Bytes key) {
  const StoredRow* const in_dirty = dirty();
  const StoredRow* const in_frozen = frozen();
  if (committed_->valid() && committed_->key() == key) committed_->next();
  if (in_frozen != nullptr && in_frozen->key() == key) frozen_ = frozen_.subspan(1);
  if (in_dirty != nullptr && in_dirty->key() == key) ++dirty_;
}

void MergedIterator::settle() {
  while (true) {
    const StoredRow* newest = dirty();
    const StoredRow* const older = frozen();
    if (newest == nullptr || (older != nullptr && older->key() < newest->key())) newest = older;
    if (newest == nullptr || (committed_->valid() && committed_->key() < newest->key())) {
      current_ = committed_->valid() ? Source::kCommitted : Source::kEnd;
      return;
    }
    if (!newest->absent) {
      current_ = Source::kBuffer;
      row_ = newest;
      return;
    }
    pass(newest->key());
  }
}

}  // namespace millrace
