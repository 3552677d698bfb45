#include "state/buffer/buffered_store.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "millrace/core/assert.h"

#include "state/buffer/group_iterator.h"
#include "state/buffer/merged_iterator.h"
#include "state/rows/key_group.h"

namespace millrace {
namespace {

// A unit may read any number of rows, and evicts at its end only; this bounds it meanwhile.
constexpr size_t kFarOverFactor = 2;
// Less than a quarter of the smallest table, so that one call never comes round to a slot again.
constexpr size_t kFarOverEvictSlots = 16;
// The rows of a group that the buffer holds as a whole are to be a small part of the cache.
constexpr size_t kGroupCacheShare = 64;

/// The first key after all keys that start with `prefix`; null when there is none.
std::string prefix_end(Bytes prefix) {
  std::string end = prefix.to_string();
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

/// No assertion: the keys of records reach user code, and misusing them is the user's error.
void require(bool holds, const char* otherwise) {
  if (!holds) [[unlikely]]
    throw std::invalid_argument(otherwise);
}

}  // namespace

BufferedStore::BufferedStore(std::string name, const DerivedRows* derived_rows,
                             BufferMemory& memory, Backend& backend, size_t index,
                             std::optional<TaskState::RefusedRow>& refused)
    : name_(std::move(name)),
      derived_rows_(derived_rows == nullptr ? std::nullopt : std::optional(*derived_rows)),
      memory_(memory),
      backend_(backend),
      index_(index),
      refused_(refused),
      buffer_(memory) {}

Row BufferedStore::get(Bytes key) {
  require(!key.is_null(), "a row without a key was asked for");
  if (const StoredRow* const stored = buffer_.find(key)) return stored->row();
  if (is_empty()) return {};
  if (!buffer_.groups().empty()) {
    const Bytes group = group_of(key);
    const RowGroups::Group* const known = group.is_null() ? nullptr : buffer_.groups().find(group);
    if (known != nullptr && known->is_held) return {};
  }
  const StoredRow* const read = read_through({&key, 1});
  if (read == nullptr) return {};
  const Row found = read->row();
  evict_when_far_over();
  return found;
}

void BufferedStore::put(Bytes key, Bytes value, int64_t timestamp_ms) {
  require(!key.is_null() && !value.is_null(), "a row was put without a key or a value");
  write(key, value, timestamp_ms);
}

void BufferedStore::erase(Bytes key, int64_t timestamp_ms) {
  require(!key.is_null(), "a row without a key was erased");
  write(key, Bytes(), timestamp_ms);
}

void BufferedStore::write(Bytes key, Bytes value, int64_t timestamp_ms) {
  // As a restore reads it.
  timestamp_ms = std::clamp<int64_t>(timestamp_ms, 0, kEventTimeMaxMs);
  const size_t bytes = key.size() + value.size();
  if (limits_.take(bytes, timestamp_ms)) [[likely]] {
    emptiness_ = Emptiness::kNot;
    buffer_.write(key, value, timestamp_ms);
  } else if (!refused_) {
    refused_ = {name_, bytes, timestamp_ms};
  }
}

std::unique_ptr<StoreIterator> BufferedStore::range(Bytes from, Bytes to) {
  static const RowGroups::Group kNoRows;
  if (is_empty()) return std::make_unique<GroupIterator>(buffer_, kNoRows, from, to);
  if (!buffer_.groups().empty() && is_in_one_group(from, to)) {
    const RowGroups::Group* const known = buffer_.groups().find(group_of(from));
    if (known != nullptr && known->is_held) {
      return std::make_unique<GroupIterator>(buffer_, *known, from, to);
    }
  }
  return merged_range(from, to);
}

std::unique_ptr<StoreIterator> BufferedStore::merged_range(Bytes from, Bytes to) {
  return std::make_unique<MergedIterator>(buffer_, backend_.range(index_, from, to, failure_), from,
                                          to);
}

std::unique_ptr<StoreIterator> BufferedStore::prefix(Bytes prefix) {
  const std::string end = prefix_end(prefix);
  if (end.empty()) return merged_range(prefix, Bytes());
  const Bytes group = group_of(prefix);
  if (!group.is_null() && group.size() == prefix.size() && !is_empty()) {
    if (const RowGroups::Group* const held = hold_group(group)) {
      return std::make_unique<GroupIterator>(buffer_, *held, prefix, end);
    }
  }
  return range(prefix, end);
}

const RowGroups::Group* BufferedStore::hold_group(Bytes group) {
  RowGroups& groups = buffer_.groups();
  if (const RowGroups::Group* const known = groups.find(group)) {
    return known->is_held ? known : nullptr;
  }
  const size_t bytes_max = memory_.limit_bytes / kGroupCacheShare;
  size_t bytes = 0;
  std::vector<StoredRow*> rows = buffer_.changed_in(group);
  for (const StoredRow* const row : rows) bytes += row->bytes();
  const auto is_too_large = [&] { return rows.size() > RowGroups::kRowsMax || bytes > bytes_max; };
  const std::string end = prefix_end(group);
  for (const auto it = backend_.range(index_, group, end, failure_); it->valid() && !is_too_large();
       it->next()) {
    rows.push_back(buffer_.cache(it->key(), it->row()));
    bytes += rows.back()->bytes();
  }
  if (!failure_.ok()) return nullptr;
  if (is_too_large()) {
    groups.pass_over(group);
    return nullptr;
  }
  // A row that has changed was found twice.
  std::sort(rows.begin(), rows.end(), [](const StoredRow* a, const StoredRow* b) {
    return a->key().view() < b->key().view();
  });
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return &groups.hold(group, std::move(rows));
}

void BufferedStore::prefetch(std::span<const Bytes> keys) {
  if (is_empty()) return;
  missing_.clear();
  buffer_.find_all(keys, missing_);
  if (missing_.empty()) return;
  missing_keys_.clear();
  for (const uint32_t i : missing_) missing_keys_.push_back(keys[i]);
  std::sort(missing_keys_.begin(), missing_keys_.end());
  missing_keys_.erase(std::unique(missing_keys_.begin(), missing_keys_.end()), missing_keys_.end());
  std::span<const Bytes> left(missing_keys_);
  while (!left.empty()) {
    const size_t count = std::min(left.size(), Backend::kReadKeysMax);
    if (read_through(left.first(count)) == nullptr) return;
    left = left.subspan(count);
  }
}

// Many jobs have stores that stay empty, such as of erasures: one look spares a read, and a cached
// absent row, for each key.
bool BufferedStore::is_empty() {
  if (emptiness_ == Emptiness::kUnknown) {
    // Nothing was written yet, so the back end knows.
    const bool has_rows = backend_.range(index_, Bytes(), Bytes(), failure_)->valid();
    if (!failure_.ok()) return false;
    emptiness_ = has_rows ? Emptiness::kNot : Emptiness::kEmpty;
  }
  return emptiness_ == Emptiness::kEmpty;
}

const StoredRow* BufferedStore::read_through(std::span<const Bytes> keys) {
  const Result<FoundRows> found = backend_.read(index_, keys);
  if (!found.ok()) {
    if (failure_.ok()) failure_ = found.status();
    return nullptr;
  }
  const FoundRows& rows = *found;
  const StoredRow* last = nullptr;
  for (size_t i = 0; i < keys.size(); ++i) last = buffer_.cache(keys[i], rows[i]);
  return last;
}

// The row just read is marked as used, so a clock that does not come round keeps it.
void BufferedStore::evict_when_far_over() {
  if (memory_.used_bytes <= memory_.limit_bytes * kFarOverFactor) return;
  buffer_.evict(kFarOverEvictSlots);
}

Status BufferedStore::restore(std::span<const ChangelogRecord> records, int64_t end_offset) {
  MILLRACE_ASSERT(!buffer_.has_dirty(), "restore needs a store without uncommitted rows");
  emptiness_ = Emptiness::kUnknown;
  if (buffer_.knows_anything()) {
    // Which derived rows change only the back end finds out.
    if (derived_rows_) buffer_.forget_all();
    for (const ChangelogRecord& record : records) buffer_.forget(record.key);
  }
  return backend_.restore(index_, records, end_offset);
}

}  // namespace millrace
