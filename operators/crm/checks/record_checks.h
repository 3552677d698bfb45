#pragma once

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace::crm {

/// Checks of records from exchange topics: that the parts are there which readers use, and mean
/// something. The value has been verified as the table that the name says; either part may be null.
/// Errors: `kInvalidRecord`.

/// A null value is left to the reader.
Status check_account_change(Bytes key, Bytes value);
/// The same, keyed by `child_key`.
Status check_child_change(Bytes key, Bytes value);
Status check_merge_fact_record(Bytes key, Bytes value);
Status check_member_update(Bytes key, Bytes value);
/// On its way to the account.
Status check_child_update(Bytes key, Bytes value);
/// On its way to the root.
Status check_child_of_root(Bytes key, Bytes value);
Status check_transaction_part(Bytes key, Bytes value);
Status check_erasure_record(Bytes key, Bytes value);
/// The same, keyed by `child_key`.
Status check_child_erasure(Bytes key, Bytes value);
/// Keyed by the source's log.
Status check_table_event(Bytes key, Bytes value);
/// On its way to a task.
Status check_table_floor(Bytes key, Bytes value);
/// A null value: the id has no redirect any more.
Status check_redirect(Bytes key, Bytes value);

}  // namespace millrace::crm
