#pragma once

#include <cstdint>
#include <string>

#include "millrace/core/processor.h"

#include "crm/model/survivorship.h"

namespace millrace::crm {

struct AggregatorStores {
  std::string members;         ///< root, member → MemberUpdate
  std::string states;          ///< root → AccountState
  std::string child_counts{};  ///< root → ChildCounts; read only. Empty: accounts have no children.
  std::string erasures{};      ///< id → Erasure; read only
  std::string grace_timers{};  ///< wall clock: when the delete of a root takes effect
};

/// Puts components of merged accounts together: takes MemberUpdates keyed by root, keeps one entry
/// per member in `stores.members`, and the component's AccountState in `stores.states`. A null
/// value means that the root's counts of children changed.
///
/// Puts the state of a changed root together once per commit. Forwards, keyed by root, the new
/// AccountState with the one forwarded before, if it changed by more than its counter; a tombstone
/// for a root that became a victim or was deleted, if a state had been forwarded. The store keeps a
/// row for those too, so that the counter never goes back (M8) and a query still finds the members;
/// but none for an erased root without members. Updates of one (root, member) must come in order,
/// those of different members in any order. Repeated updates change nothing.
///
/// An active account whose root's row is deleted stays as it is for `delete_grace_ms` (0: not at
/// all), marked `delete_pending`; then it is deleted. If its root becomes a victim meanwhile, the
/// delete never shows.
///
/// Costs reading all entries of a changed root once per commit.
ProcessorFactory account_aggregator(AggregatorStores stores, SurvivorshipPolicy policy,
                                    int64_t delete_grace_ms);

}  // namespace millrace::crm
