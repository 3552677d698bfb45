#include "state/buffer/row_groups.h"

#include <algorithm>
#include <utility>

#include "millrace/core/assert.h"

#include "state/rows/key_group.h"

namespace millrace {
namespace {

/// Of the table's node and its bucket.
constexpr size_t kNodeBytes = 32;

auto place_of(std::vector<StoredRow*>& rows, Bytes key) {
  return std::lower_bound(rows.begin(), rows.end(), key, [](const StoredRow* row, Bytes other) {
    return row->key().view() < other.view();
  });
}

}  // namespace

RowGroups::RowGroups(size_t& used_bytes, uint64_t hash_seed)
    : used_bytes_(used_bytes), groups_(0, Hash{hash_seed}) {}

RowGroups::~RowGroups() {
  clear();
}

size_t RowGroups::bytes_of(const Table::value_type& entry) {
  return kNodeBytes + sizeof(entry) + entry.first.size() +
         entry.second.rows.size() * sizeof(StoredRow*);
}

const RowGroups::Group* RowGroups::find(Bytes group) {
  const auto found = groups_.find(group.view());
  if (found == groups_.end()) return nullptr;
  found->second.used_in_round = round_;
  return &found->second;
}

const RowGroups::Group& RowGroups::add(Bytes name, Group group) {
  group.used_in_round = round_;
  const auto [entry, is_new] = groups_.try_emplace(name.to_string(), std::move(group));
  MILLRACE_ASSERT(is_new, "a group is held once");
  used_bytes_ += bytes_of(*entry);
  return entry->second;
}

const RowGroups::Group& RowGroups::hold(Bytes group, std::vector<StoredRow*> rows) {
  return add(group, {.rows = std::move(rows), .is_held = true});
}

void RowGroups::pass_over(Bytes group) {
  add(group, {});
}

void RowGroups::set(StoredRow* row) {
  const Bytes name = group_of(row->key());
  if (name.is_null()) return;
  const auto found = groups_.find(name.view());
  if (found == groups_.end() || !found->second.is_held) return;
  std::vector<StoredRow*>& rows = found->second.rows;
  const auto place = place_of(rows, row->key());
  if (place != rows.end() && (*place)->key() == row->key()) {
    *place = row;
  } else if (rows.size() >= kRowsMax) {
    erase(found);
  } else {
    rows.insert(place, row);
    used_bytes_ += sizeof(StoredRow*);
  }
}

void RowGroups::erase(Table::iterator entry) {
  used_bytes_ -= bytes_of(*entry);
  groups_.erase(entry);
}

void RowGroups::drop(Bytes key) {
  const Bytes name = group_of(key);
  if (name.is_null()) return;
  const auto found = groups_.find(name.view());
  if (found != groups_.end()) erase(found);
}

void RowGroups::clear() {
  for (const auto& entry : groups_) used_bytes_ -= bytes_of(entry);
  groups_.clear();
}

bool RowGroups::lets_go(const StoredRow& row) {
  const Bytes name = group_of(row.key());
  if (name.is_null()) return true;
  const auto found = groups_.find(name.view());
  if (found == groups_.end() || !found->second.is_held) return true;
  if (!is_idle(found->second)) return false;
  erase(found);
  return true;
}

void RowGroups::drop_idle(size_t buckets_max) {
  std::vector<std::string_view> idle;
  for (size_t n = std::min(buckets_max, groups_.bucket_count()); n > 0; --n) {
    hand_ = (hand_ + 1) % groups_.bucket_count();
    if (hand_ == 0) begin_round();
    for (auto entry = groups_.begin(hand_); entry != groups_.end(hand_); ++entry) {
      if (is_idle(entry->second)) idle.push_back(entry->first);
    }
  }
  for (const std::string_view name : idle) erase(groups_.find(name));
}

}  // namespace millrace
