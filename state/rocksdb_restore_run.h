#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

#include "rocksdb_database.h"
#include "rocksdb_keys.h"
#include "sorted_rows.h"
#include "stored_row.h"

namespace millrace {

/// Rows of a changelog on their way into a database: gathered in memory and sorted, of each key the
/// newest. Brought into an empty database as one file, which is several times cheaper than writing
/// them one by one; else written in the order of their keys, which is cheaper than in any other.
///
/// A run carries the positions that belong to its rows, so it is a commit of its own: after a crash
/// the database stands at the end of some run.
class RestoreRun {
 public:
  void add(StoreNumber store, const ChangelogRecord& record);
  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  /// Brings the rows and `meta` (key within the meta store → value) into the database, and starts
  /// the next run. REQUIRES: nothing was ever written to the database by other means, for a file
  /// must not meet a memtable: later runs hide earlier ones by the order in which they come.
  Status ingest(const Database& database, const std::string& file,
                const std::map<std::string, std::string, std::less<>>& meta);

  /// Visits the newest row of every key, store by store in key order, for a run that is written.
  void for_each(const std::function<void(StoreNumber, const StoredRow&)>& visit);
  void clear();

 private:
  void* place(size_t bytes);

  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_used_ = 0;
  size_t chunk_size_ = 0;
  std::map<StoreNumber, SortedRows> stores_;
  size_t bytes_ = 0;
  bool first_ = true;
};

}  // namespace millrace
