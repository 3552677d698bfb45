#include "rocksdb_restore_run.h"

#include <algorithm>
#include <array>
#include <functional>

#include <rocksdb/sst_file_writer.h>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

/// Writes rows; tombstones too unless there is nothing they could hide.
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

void* RestoreRun::place(size_t bytes) {
  bytes = (bytes + 7) & ~size_t{7};
  if (chunk_size_ - chunk_used_ < bytes) {
    chunk_size_ = std::max(kChunkBytes, bytes);
    chunk_used_ = 0;
    chunks_.emplace_back(new char[chunk_size_]);
  }
  void* const block = chunks_.back().get() + chunk_used_;
  chunk_used_ += bytes;
  bytes_ += bytes;
  return block;
}

void RestoreRun::add(StoreNumber store, const ChangelogRecord& record) {
  void* const block = place(StoredRow::bytes(record.key.size(), record.value.size()));
  stores_[store].add(StoredRow::create(block, 0, record.key, Row{record.value, record.timestamp_ms},
                                       RowState::kClean));
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
    rows.keep_newest();
    status = write_rows(writer, store, rows.rows(), !first_);
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) status = ingest_file(database, file);
  if (!status.ok()) return database.failure("ingesting restored rows", status);
  first_ = false;
  clear();
  return {};
}

void RestoreRun::for_each(const std::function<void(StoreNumber, const StoredRow&)>& visit) {
  for (auto& [store, rows] : stores_) {
    rows.keep_newest();
    const std::span<const SortedRow> sorted = rows.rows();
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (i + kPrefetchDistance < sorted.size()) prefetch_row(sorted[i + kPrefetchDistance].row);
      visit(store, *sorted[i].row);
    }
  }
}

void RestoreRun::clear() {
  chunks_.clear();
  chunk_used_ = 0;
  chunk_size_ = 0;
  stores_.clear();
  bytes_ = 0;
}

}  // namespace millrace
