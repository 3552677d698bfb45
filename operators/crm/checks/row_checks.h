#pragma once

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace::crm {

/// Checks of rows from the changelogs of stores, as `StoreSpec::check`. Errors: `kInvalidRecord`.

/// See `MergeForest`, which answers rows that contradict each other with `InvalidRecord`.
Status check_forest_row(Bytes key, Bytes value);
/// id → AccountRow.
Status check_account_row(Bytes key, Bytes value);
/// `child_key` → AccountRow.
Status check_child_row(Bytes key, Bytes value);
/// id → Redirect.
Status check_redirect_row(Bytes key, Bytes value);
/// account, `child_key` → ChildUpdate with the root last sent.
Status check_child_entry(Bytes key, Bytes value);
/// account → key of the last entry that a move has handled.
Status check_child_move(Bytes key, Bytes value);
/// `child_key`, account, version → PastParent.
Status check_past_parent(Bytes key, Bytes value);
/// transaction → number of parts; transaction, part → its contents.
Status check_transaction_row(Bytes key, Bytes value);

/// table → TableFloors.
Status check_table_floors(Bytes key, Bytes value);
/// log → TableSnapshots.
Status check_snapshots(Bytes key, Bytes value);
/// floor → TableSweep.
Status check_table_sweep(Bytes key, Bytes value);

}  // namespace millrace::crm
