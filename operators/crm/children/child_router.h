#pragma once

#include "millrace/core/processor.h"

#include "crm/mapping/child_key.h"

namespace millrace::crm {

/// Takes AccountRow changes of children, keyed by `child_key`, and sends them, keyed by account, to
/// the account that the row names in its kind's field of `parents`.
///
/// A live row with an account is an entry there. A row that is deleted, that names no account, or
/// of which only gaps are known has none. An account that the row no longer names gets a retraction
/// first. The entry has the row's projection (child_projection.h), and nothing is sent while that
/// and the version of the change that named the account stay as they are. Counted as dropped:
/// "bad_parent", a row whose account's id has not the form `source:id`.
ProcessorFactory child_router(ParentFields parents);

}  // namespace millrace::crm
