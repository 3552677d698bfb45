#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

namespace millrace::crm::territory {

/// Finds the roots that have an id as a member: perhaps the id itself, and others by merges; for a
/// moment two, while the id moves. Rows of a keyed store, for members other than the root:
/// "a" member NUL root → empty.
class MemberIndex {
 public:
  /// `store` must outlive this.
  explicit MemberIndex(KeyValueStore& store) : store_(store) {}

  /// Replaces the root's members `before` by `now`.
  void replace(std::string_view root, const std::set<std::string_view>& before,
               const std::set<std::string_view>& now, int64_t timestamp_ms);
  /// The id itself, even if it is no root here, and the roots that it was merged into.
  std::vector<std::string> roots_of(std::string_view member) const;

 private:
  KeyValueStore& store_;
};

}  // namespace millrace::crm::territory
