#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

namespace millrace::crm::territory {

/// Which roots have an id as a member: itself perhaps, and others by merges; two for a moment,
/// while it moves. Rows of a keyed store, for members but the root: "a" member NUL root → empty.
class MemberIndex {
 public:
  /// `store` must outlive this.
  explicit MemberIndex(KeyValueStore& store) : store_(store) {}

  /// The root's members were `before` and are `now`.
  void replace(std::string_view root, const std::set<std::string_view>& before,
               const std::set<std::string_view>& now, int64_t timestamp_ms);
  /// The id itself, which may be the root of nothing here, and the roots that it was merged into.
  std::vector<std::string> roots_of(std::string_view member) const;

 private:
  KeyValueStore& store_;
};

}  // namespace millrace::crm::territory
