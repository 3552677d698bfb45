#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "millrace/core/bytes.h"

#include "state/rows/key_group.h"
#include "state/rows/row_hash.h"

namespace millrace {

/// The dirty rows of a commit buffer by group, as indexes into its list of dirty rows: far cheaper
/// to keep than their order. Not thread-safe.
class DirtyGroups {
 public:
  explicit DirtyGroups(uint64_t hash_seed) : seed_(hash_seed) {}

  /// The row at the end of the list, with this key. REQUIRES: the rows before it were added.
  void add(Bytes key) {
    const auto index = static_cast<uint32_t>(next_.size());
    const Bytes group = group_of(key);
    next_.push_back(kNone);
    if (group.is_null()) return;
    const auto [head, is_first] = heads_.try_emplace(row_hash(group, seed_), index);
    if (is_first) return;
    next_.back() = head->second;
    head->second = index;
  }
  /// Takes the last row back, with this key.
  void remove_last(Bytes key) {
    const uint32_t before = next_.back();
    next_.pop_back();
    const Bytes group = group_of(key);
    if (group.is_null()) return;
    const auto head = heads_.find(row_hash(group, seed_));
    if (before == kNone) {
      heads_.erase(head);
    } else {
      head->second = before;
    }
  }
  void clear() {
    next_.clear();
    heads_.clear();
  }
  /// Visits the indexes of the rows of `group`, and perhaps of other groups.
  template <class Visit>
  void visit(Bytes group, Visit&& visit) const {
    const auto head = heads_.find(row_hash(group, seed_));
    if (head == heads_.end()) return;
    for (uint32_t index = head->second; index != kNone; index = next_[index]) visit(index);
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  uint64_t seed_;
  std::unordered_map<uint32_t, uint32_t> heads_;  ///< by hash of the group: its last row
  std::vector<uint32_t> next_;                    ///< by row: the one before it with that hash
};

}  // namespace millrace
