#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// The two sides of the join of children with redirects, by account. Both send ChildUpdates keyed
/// by the root that the account belongs to.
struct ChildIndexStores {
  std::string entries;    ///< account, `child_key` → ChildUpdate with the root last sent
  std::string redirects;  ///< id → Redirect; read only
  std::string moves;      ///< account → key of the last entry that a move has handled
  std::string timers;     ///< wall clock: when the next slice of moves is due
};

/// Child side: takes ChildUpdates keyed by account, keeps one entry per child, and sends it to the
/// account's root; if it was last sent to another root, first retracts it there. Repeated updates
/// change nothing, and new versions alone stay here. Costs one read each of entry and redirect,
/// however many children the account has. Uses all stores but `moves` and `timers`.
ProcessorFactory child_index(ChildIndexStores stores);

/// Redirect side: takes Redirects keyed by id whose root or stays may have changed, after
/// `stores.redirects` has them. Retracts the account's entries from the root they were last sent to
/// and sends them to the right one, `slice` of them at a time: the first slice at once, the others
/// by timers a millisecond apart, so that other records come between. `stores.moves` keeps the
/// rest; a root that moves again starts over, and entries that are already right cost one read.
/// Uses all stores.
/// REQUIRES: `slice` > 0.
ProcessorFactory child_mover(ChildIndexStores stores, size_t slice);

inline constexpr size_t kChildMoveSlice = 128;

}  // namespace millrace::crm
