#pragma once

#include <string>

#include "millrace/core/processor.h"

#include "crm/golden_record.h"

namespace millrace::crm {

struct AggregatorStores {
  std::string members;         ///< root, member → MemberUpdate
  std::string states;          ///< root → AccountState
  std::string child_counts{};  ///< root → ChildCounts; read only. Empty: accounts have no children.
  std::string erasures{};      ///< id → Erasure; read only
};

/// Puts components of merged accounts together: takes MemberUpdates keyed by root, keeps one entry
/// a member in `stores.members`, and the component's AccountState in `stores.states`. A null value
/// says that the root's counts of children changed.
///
/// Forwards, keyed by root, the new AccountState with the one forwarded before, whenever it changed
/// by more than its counter; a tombstone for a root that became a victim or was deleted, if a state
/// had been forwarded. The store keeps a row for those too, so that the counter never goes back
/// (M8) and a query still finds the members; not so of an erased root without any. Updates of one
/// (root, member) must come in order; of different members in any. Repeated updates change nothing.
///
/// Costs reading all entries of the root for each update that changes one.
ProcessorFactory account_aggregator(AggregatorStores stores, SurvivorshipPolicy policy);

}  // namespace millrace::crm
