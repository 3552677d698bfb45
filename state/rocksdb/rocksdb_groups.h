#pragma once

#include <memory>

#include <rocksdb/slice_transform.h>

#include "millrace/core/bytes.h"

namespace millrace {

/// A group is all rows of a store whose keys are the same up to their first NUL, it included; rows
/// whose keys have no NUL are in none. Files and memtables know by their filters which groups are
/// not in them, so that a scan within one group reads where it is and nowhere else.
///
/// Of database keys. Changing it needs another name: files note by which they were written.
std::shared_ptr<const rocksdb::SliceTransform> group_of_key();

/// Whether any key of a store with from <= key < to is of the group of `from`. A null bound is
/// open.
bool is_in_one_group(Bytes from, Bytes to);

}  // namespace millrace
