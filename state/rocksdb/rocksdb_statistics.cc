#include <set>

#include "millrace/state/database_statistics.h"

#include "state/rocksdb/rocksdb_database.h"

namespace millrace {
namespace {

using Properties = rocksdb::DB::Properties;

uint64_t property(rocksdb::DB& db, const std::string& name) {
  uint64_t value = 0;
  return db.GetIntProperty(name, &value) ? value : 0;
}

}  // namespace

DatabaseStatistics database_statistics() {
  DatabaseStatistics sum;
  std::set<const void*> seen;  // what databases share counts once
  for (const std::shared_ptr<Database>& database : Database::all_open()) {
    rocksdb::DB& db = database->db();
    ++sum.databases;
    sum.rows += property(db, Properties::kEstimateNumKeys);
    sum.files_bytes += property(db, Properties::kLiveSstFilesSize);
    sum.pending_compaction_bytes += property(db, Properties::kEstimatePendingCompactionBytes);
    sum.running_compactions += property(db, Properties::kNumRunningCompactions);
    sum.running_flushes += property(db, Properties::kNumRunningFlushes);
    sum.background_errors += property(db, Properties::kBackgroundErrors);
    const bool is_stalled = property(db, Properties::kIsWriteStopped) > 0 ||
                            property(db, Properties::kActualDelayedWriteRate) > 0;
    sum.stalled += is_stalled ? 1 : 0;
    const rocksdb::WriteBufferManager* const buffers =
        database->options().write_buffer_manager.get();
    if (!seen.insert(buffers).second) continue;
    sum.write_buffer_bytes += buffers->memory_usage();
    sum.block_cache_bytes += property(db, Properties::kBlockCacheUsage);
    sum.block_cache_pinned += property(db, Properties::kBlockCachePinnedUsage);
  }
  return sum;
}

}  // namespace millrace
