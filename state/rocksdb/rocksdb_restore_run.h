#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

#include "state/rocksdb/rocksdb_database.h"
#include "state/rocksdb/rocksdb_keys.h"
#include "state/rows/latest_rows.h"

namespace millrace {

/// Rows of a changelog on their way into a database: gathers the newest row per key in memory and
/// sorts them. An empty database ingests them as one file, several times cheaper than writing them
/// one by one; another gets them written in the order of their keys, which is cheaper than any
/// other order.
///
/// A run carries the positions that belong to its rows, so it is a commit of its own: after a crash
/// the database stands at the end of some run.
class RestoreRun {
 public:
  /// In the order of the changelog.
  void add(StoreNumber store, std::span<const ChangelogRecord> records) {
    stores_[store].add(records);
  }
  size_t bytes() const;
  /// Whether the database holds no earlier run.
  bool is_first() const { return first_; }
  /// The rows of a store, null when it has none; valid until they change.
  const LatestRows* rows_of(StoreNumber store) const;
  /// Whether the run takes more than `bytes`, even after it dropped replaced rows if that pays.
  bool is_above(size_t bytes);

  /// Brings the rows and `meta` (key within the meta store → value) into the database, and starts
  /// the next run. REQUIRES: nothing else has ever written to the database, since a file must not
  /// meet a memtable: later runs hide earlier ones by the order in which they come.
  Status ingest(const Database& database, const std::string& file,
                const std::map<std::string, std::string, std::less<>>& meta);

  /// Visits the rows, store by store in key order, to write a run as a batch.
  void for_each(const std::function<void(StoreNumber, const StoredRow&)>& visit) const;
  void clear() { stores_.clear(); }

 private:
  std::map<StoreNumber, LatestRows> stores_;
  bool first_ = true;
};

}  // namespace millrace
