#pragma once

#include <cstdint>
#include <string>

#include "millrace/core/processor.h"

#include "crm/children/child_key.h"

namespace millrace::crm {

struct ChildMovesStores {
  std::string rows;      ///< `child_key` → AccountRow; read only
  std::string erasures;  ///< `child_key` → Erasure; read only
  std::string parents;   ///< `child_key`, version, account → PastParent
  std::string timers;    ///< wall clock: until when a past parent is remembered
};

/// Takes AccountChanges keyed by `child_key`, before the row materializer does, and forwards the
/// TransactionParts `Moved` that they make, keyed by transaction.
///
/// There is one for every two changes of a record of which the older has it under one account and
/// the newer, whose transaction it is part of, under another, in whatever order they came. The
/// older one is known for `window_ms` after another took its place, and for ever while none did.
ProcessorFactory child_moves(ParentFields parents, ChildMovesStores stores, int64_t window_ms);

}  // namespace millrace::crm
