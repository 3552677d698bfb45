#pragma once

#include "millrace/core/bytes.h"

namespace millrace {

/// A group is all rows of a store whose keys are the same up to and including their first NUL, such
/// as the members of one account. Rows whose keys have no NUL are in none.
///
/// Returns that part of `key`, as a view of it; null for a key without a NUL.
Bytes group_of(Bytes key);

/// Whether every key with from <= key < to is of the group of `from`. A null bound is open.
bool is_in_one_group(Bytes from, Bytes to);

}  // namespace millrace
