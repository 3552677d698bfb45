#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// The two sides of the join of children with redirects, by account. Both send ChildUpdates keyed
/// by the root that the account belongs to.
struct ChildIndexStores {
  std::string entries;    ///< account, `child_key` → ChildUpdate with the root last sent
  std::string redirects;  ///< id → Redirect; read only
  std::string moves;      ///< account → key of the last entry that a move has dealt with
  std::string timers;     ///< wall clock: when the next slice of moves is due
};

/// Child side: takes ChildUpdates keyed by account, keeps one entry a child, and sends it to the
/// account's root; if it was last sent to another root, first takes it back there. What repeats
/// changes nothing. Costs one read each of entry and redirect, whatever number of children the
/// account has. Uses all stores but `moves` and `timers`.
ProcessorFactory child_index(ChildIndexStores stores);

/// Redirect side: takes Redirects keyed by id whose root or stays may be others than before, after
/// `stores.redirects` has them. Takes the account's entries back from the root they were last sent
/// to and sends them to the right one, `slice` of them at a time: the first at once, what is left
/// by timers a millisecond apart, so that other records come between. What is left is in
/// `stores.moves`; a root that moves again starts over, and entries that are right already cost a
/// look. Uses all stores.
/// REQUIRES: `slice` > 0.
ProcessorFactory child_mover(ChildIndexStores stores, size_t slice);

inline constexpr size_t kChildMoveSlice = 128;

}  // namespace millrace::crm
