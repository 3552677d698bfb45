#include "state/rocksdb/rocksdb_restore_run.h"

#include <rocksdb/sst_file_writer.h>

#include "state/rows/sorted_rows.h"
#include "state/rows/stored_row.h"

namespace millrace {
namespace {

/// Writes rows; also tombstones, unless there is nothing they could hide.
rocksdb::Status write_rows(rocksdb::SstFileWriter& writer, StoreNumber store,
                           std::span<const SortedRow> rows, bool tombstones) {
  const StorePrefix prefix = store_prefix(store);
  std::string key(prefix.data(), prefix.size());
  std::string value;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kPrefetchDistance < rows.size()) prefetch_row(rows[i + kPrefetchDistance].row);
    const StoredRow& row = *rows[i].row;
    key.resize(kStorePrefixBytes);
    key.append(row.key().view());
    rocksdb::Status status;
    if (!row.absent) {
      value.assign(reinterpret_cast<const char*>(&row.timestamp_ms), kRowHeaderBytes);
      value.append(row.value().view());
      status = writer.Put(key, value);
    } else if (tombstones) {
      status = writer.Delete(key);
    }
    if (!status.ok()) return status;
  }
  return {};
}

rocksdb::Status ingest_file(const Database& database, const std::string& file) {
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  options.allow_blocking_flush = false;  // refuses when the memtable overlaps
  return database.db().IngestExternalFile({file}, options);
}

}  // namespace

size_t RestoreRun::bytes() const {
  size_t bytes = 0;
  for (const auto& [store, rows] : stores_) bytes += rows.bytes();
  return bytes;
}

const LatestRows* RestoreRun::rows_of(StoreNumber store) const {
  const auto found = stores_.find(store);
  return found == stores_.end() ? nullptr : &found->second;
}

bool RestoreRun::is_above(size_t limit) {
  if (bytes() <= limit) return false;
  for (auto& [store, rows] : stores_) {
    if (rows.is_loose()) rows.compact();
  }
  // Compacting again and again for a little room would cost more than a run.
  return bytes() > limit / 2;
}

Status RestoreRun::ingest(const Database& database, const std::string& file,
                          const std::map<std::string, std::string, std::less<>>& meta) {
  // The pages stay in the system's cache: the rows are about to be read.
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), ingested_file_options(database.options()),
                                nullptr, false);
  rocksdb::Status status = writer.Open(file);
  for (const auto& [key, value] : meta) {
    if (status.ok()) status = writer.Put(database_key(kMetaStore, key), value);
  }
  for (auto& [store, rows] : stores_) {
    if (!status.ok()) break;
    status = write_rows(writer, store, rows.sorted().rows(), !first_);
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) status = ingest_file(database, file);
  if (!status.ok()) return database.failure("ingesting restored rows", status);
  first_ = false;
  clear();
  return {};
}

void RestoreRun::for_each(const std::function<void(StoreNumber, const StoredRow&)>& visit) const {
  for (const auto& [store, rows] : stores_) {
    const SortedRows sorted = rows.sorted();
    const std::span<const SortedRow> list = sorted.rows();
    for (size_t i = 0; i < list.size(); ++i) {
      if (i + kPrefetchDistance < list.size()) prefetch_row(list[i + kPrefetchDistance].row);
      visit(store, *list[i].row);
    }
  }
}

}  // namespace millrace
