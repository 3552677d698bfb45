#pragma once

#include <memory>

#include <rocksdb/slice_transform.h>

#include "millrace/core/bytes.h"

namespace millrace {

/// A group is all rows of a store whose keys are the same up to and including their first NUL; rows
/// whose keys have no NUL are in none. Filters of files and memtables tell which groups are not in
/// them, so that a scan within one group reads only the files that may hold it.
///
/// Takes database keys. A change of it needs another name: files record the one that wrote them.
std::shared_ptr<const rocksdb::SliceTransform> group_of_key();

/// Whether every key of a store with from <= key < to is of the group of `from`. A null bound is
/// open.
bool is_in_one_group(Bytes from, Bytes to);

}  // namespace millrace
