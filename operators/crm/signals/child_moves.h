#pragma once

#include <cstdint>
#include <string>

#include "millrace/core/processor.h"

#include "crm/mapping/child_key.h"

namespace millrace::crm {

struct ChildMovesStores {
  std::string rows;      ///< `child_key` → AccountRow; read only
  std::string erasures;  ///< `child_key` → Erasure; read only
  std::string parents;   ///< `child_key`, account, version → PastParent
  std::string timers;    ///< wall clock: when a past parent is forgotten
};

/// Takes AccountChanges keyed by `child_key`, before the row materializer does, and forwards
/// TransactionParts `Moved`, keyed by transaction.
///
/// It forwards one for every two changes of a record of which the older has it under one account
/// and the newer under another, in whatever order they came; the part belongs to the newer one's
/// transaction. It remembers the older one until `window_ms` after another took its place. With
/// `sees_all` it also forwards every change as Seen.
ProcessorFactory child_moves(ParentFields parents, ChildMovesStores stores, int64_t window_ms,
                             bool sees_all);

}  // namespace millrace::crm
