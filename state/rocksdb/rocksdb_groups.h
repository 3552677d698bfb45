#pragma once

#include <memory>

#include <rocksdb/slice_transform.h>

namespace millrace {

/// Filters of files and memtables tell which groups (`state/rows/key_group.h`) are not in them, so
/// that a scan within one group reads only the files that may hold it.
///
/// Takes database keys. A change of it needs another name: files record the one that wrote them.
std::shared_ptr<const rocksdb::SliceTransform> group_of_key();

}  // namespace millrace
