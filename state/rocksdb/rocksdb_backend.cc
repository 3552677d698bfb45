#include "state/rocksdb/rocksdb_backend.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"
#include "millrace/core/clock.h"

#include "state/backend/positions.h"
#include "state/rocksdb/rocksdb_checkpoint.h"
#include "state/rocksdb/rocksdb_reader.h"
#include "state/rows/sorted_rows.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFlushIntervalMs = 30'000;
// The back end writes a smaller run like a commit: a file of its own would cost reads more.
constexpr size_t kIngestBytesMin = 1 << 20;
// Bytes to gather for a database that has rows already: the batch holds them a second time.
constexpr size_t kBatchRunBytes = 32 << 20;
constexpr size_t kBatchBytesPerRow = 32;
/// Rows that one call of `build_indexes` looks at.
constexpr size_t kBuildRows = 512;

rocksdb::Slice slice(Bytes bytes) {
  return {bytes.data(), bytes.size()};
}

rocksdb::Status add_row(rocksdb::WriteBatch& batch, const rocksdb::Slice& prefix, Bytes key,
                        Bytes value, int64_t timestamp_ms) {
  const rocksdb::Slice key_parts[] = {prefix, slice(key)};
  if (value.is_null()) return batch.Delete(rocksdb::SliceParts(key_parts, 2));
  const rocksdb::Slice value_parts[] = {
      {reinterpret_cast<const char*>(&timestamp_ms), kRowHeaderBytes}, slice(value)};
  return batch.Put(rocksdb::SliceParts(key_parts, 2), rocksdb::SliceParts(value_parts, 2));
}

RocksDbIndexes::Visitor add_entries_to(rocksdb::WriteBatch& batch) {
  return [&batch](StoreNumber number, const std::string& entry, bool is_there) {
    const StorePrefix prefix = store_prefix(number);
    add_row(batch, {prefix.data(), prefix.size()}, entry, is_there ? Bytes("") : Bytes(), 0);
  };
}

rocksdb::WriteOptions write_options() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

RocksDbBackend::~RocksDbBackend() {
  if (database_ != nullptr) database_->release();
}

Result<FoundRows> RocksDbBackend::read(size_t store, std::span<const Bytes> keys) {
  MILLRACE_ASSERT(!keys.empty() && keys.size() <= kReadKeysMax, "a read of no or too many keys");
  look_up(numbers_[store], keys);
  found_.resize(keys.size());
  FoundRows found(*this, found_);
  for (size_t i = 0; i < keys.size(); ++i) {
    found_[i] = Row();
    if (statuses_[i].IsNotFound()) continue;
    if (!statuses_[i].ok()) return database_->failure("reading", statuses_[i]);
    found_[i] = split_row(values_[i]);
    if (found_[i].value.is_null()) {
      return database_->failure("reading", rocksdb::Status::Corruption("a row without its header"));
    }
  }
  return found;
}

// Reads into `values_` and `statuses_`.
void RocksDbBackend::look_up(StoreNumber number, std::span<const Bytes> keys) {
  const StorePrefix prefix = store_prefix(number);
  size_t bytes = 0;
  for (const Bytes& key : keys) bytes += kStorePrefixBytes + key.size();
  key_memory_.clear();
  key_memory_.reserve(bytes);  // the slices point into it
  key_slices_.clear();
  for (const Bytes& key : keys) {
    const char* const start = key_memory_.data() + key_memory_.size();
    key_memory_.append(prefix.data(), prefix.size());
    key_memory_.append(key.view());
    key_slices_.emplace_back(start, kStorePrefixBytes + key.size());
  }
  rocksdb::DB& db = database_->db();
  rocksdb::ColumnFamilyHandle* const family = db.DefaultColumnFamily();
  if (keys.size() == 1) {
    statuses_[0] = db.Get(rocksdb::ReadOptions(), family, key_slices_[0], values_.data());
  } else {
    db.MultiGet(rocksdb::ReadOptions(), family, keys.size(), key_slices_.data(), values_.data(),
                statuses_.data(), true);
  }
}

void RocksDbBackend::let_go_of_found() {
  for (size_t i = 0; i < found_.size(); ++i) values_[i].Reset();
}

std::unique_ptr<StoreIterator> RocksDbBackend::range(size_t store, Bytes from, Bytes to,
                                                     Status& status) {
  return std::make_unique<RocksDbIterator>(database_, numbers_[store], RowRange{from, to}, status);
}

std::shared_ptr<const StoreReader> RocksDbBackend::reader(size_t store) const {
  return std::make_shared<RocksDbReader>(database_, numbers_[store]);
}

std::shared_ptr<const StoreReader> RocksDbBackend::index_reader(size_t store,
                                                                std::string_view name) const {
  const RocksDbIndex* const index = indexes_.find(store, name);
  MILLRACE_ASSERT(index != nullptr, "an index that the store does not have");
  return std::make_shared<RocksDbIndexReader>(
      database_,
      RocksDbIndexReader::Place{numbers_[store], index->number, index->changes.type(),
                                index->changes.name()},
      index->progress);
}

std::shared_ptr<const StateCheckpointer> RocksDbBackend::checkpointer() const {
  return std::make_shared<RocksDbCheckpointer>(database_);
}

RocksDbBackend::Meta RocksDbBackend::meta_to_write() const {
  Meta meta = new_meta_;
  meta.insert_or_assign(std::string(kPositionsKey), encode_positions(positions_));
  return meta;
}

void RocksDbBackend::add_meta(rocksdb::WriteBatch& batch) const {
  for (const auto& [name, number] : dropped_) {
    batch.DeleteRange(database_key(number, Bytes()), upper_bound_key(number, Bytes()));
    for (const std::string_view kind : {kStoreKeyPrefix, kIndexKeyPrefix}) {
      batch.Delete(database_key(kMetaStore, std::string(kind) + name));
    }
  }
  for (const auto& [key, value] : meta_to_write()) batch.Put(database_key(kMetaStore, key), value);
}

Status RocksDbBackend::write(rocksdb::WriteBatch& batch) {
  const rocksdb::Status status = database_->db().Write(write_options(), &batch);
  if (!status.ok()) return database_->failure("writing", status);
  new_meta_.clear();
  dropped_.clear();
  restored_ = false;
  ingesting_ = false;
  flush_when_due();
  return {};
}

Status RocksDbBackend::commit(std::span<const StoreChanges> changes,
                              const TaskPositions& positions) {
  MILLRACE_RETURN_IF_ERROR(finish_restore());
  size_t bytes = 0;
  for (const StoreChanges& change : changes) {
    for (size_t i = 0; i < change.rows.size(); ++i) {
      if (i + kPrefetchDistance < change.rows.size()) {
        prefetch_row(change.rows[i + kPrefetchDistance].row);
      }
      bytes += change.rows[i].row->bytes() + kBatchBytesPerRow;
    }
  }
  rocksdb::WriteBatch batch(bytes);
  for (const StoreChanges& change : changes) {
    const StorePrefix prefix = store_prefix(numbers_[change.store]);
    const rocksdb::Slice prefix_slice(prefix.data(), prefix.size());
    for (size_t i = 0; i < change.rows.size(); ++i) {
      if (i + kPrefetchDistance < change.rows.size()) {
        prefetch_row(change.rows[i + kPrefetchDistance].row);
      }
      const StoredRow& row = *change.rows[i].row;
      add_row(batch, prefix_slice, row.key(), row.value(), row.timestamp_ms);
    }
    if (!indexes_.has(change.store)) continue;
    const RocksDbIndexes::Visitor add = add_entries_to(batch);
    MILLRACE_RETURN_IF_ERROR(
        visit_new_rows(change.store, change.rows, true, [&](const StoredRow& row, Bytes before) {
          indexes_.compare(change.store, row.key(), before, row.value(), add);
        }));
  }
  TaskPositions before = positions_;
  merge_positions(positions, names_, positions_);
  add_meta(batch);
  Status status = write(batch);
  if (!status.ok()) positions_ = std::move(before);
  return status;
}

// Bounds the tail that a restart after a crash has to replay. A failure stops the database, so the
// next commit reports it; the current one is written.
void RocksDbBackend::flush_when_due() {
  const int64_t now = std::max(positions_.committed_at_ms, now_ms());
  if (std::abs(now - flushed_at_ms_) < kFlushIntervalMs) return;  // the clock may be set back
  flushed_at_ms_ = now;
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  const rocksdb::Status status = database_->db().Flush(options);
  if (!status.ok()) spdlog::error("{}", database_->failure("flushing", status).message);
}

int64_t RocksDbBackend::now_ms() const {
  return opened_.wall_ms + (system_clock().steady_ns() - opened_.steady_ns) / kNsPerMs;
}

Status RocksDbBackend::restore(size_t store, std::span<const ChangelogRecord> records,
                               int64_t end_offset) {
  positions_.changelog_end.insert_or_assign(names_[store], end_offset);
  positions_.committed_at_ms = std::max(positions_.committed_at_ms, now_ms());
  restored_ = true;
  add_to_run(store, records);
  if (ingesting_) return run_.is_above(run_bytes_) ? ingest_run() : Status();
  const bool is_gathering =
      !is_restored_once_ && !run_.is_above(std::min(run_bytes_, kBatchRunBytes));
  return is_gathering ? Status() : write_run();
}

// Earlier versions also sent derived rows of timers.
void RocksDbBackend::add_to_run(size_t store, std::span<const ChangelogRecord> records) {
  const DerivedChanges& derived = derived_[store];
  if (!derived.any()) return run_.add(numbers_[store], records);
  for (const ChangelogRecord& record : records) {
    if (!derived.is_derived(record.key)) run_.add(numbers_[store], {&record, 1});
  }
}

Status RocksDbBackend::visit_new_rows(size_t store, std::span<const SortedRow> rows,
                                      bool replaces_rows, const NewRowVisitor& visit) {
  if (!replaces_rows) {
    for (const SortedRow& row : rows) visit(*row.row, Bytes());
    return {};
  }
  std::vector<Bytes> keys;
  for (size_t first = 0; first < rows.size(); first += kReadKeysMax) {
    const auto slice_of_rows = rows.subspan(first, std::min(kReadKeysMax, rows.size() - first));
    keys.clear();
    for (const SortedRow& row : slice_of_rows) keys.push_back(row.row->key());
    const Result<FoundRows> found = read(store, keys);
    if (!found.ok()) return found.status();
    for (size_t i = 0; i < keys.size(); ++i) visit(*slice_of_rows[i].row, (*found)[i].value);
  }
  return {};
}

Status RocksDbBackend::complete_run() {
  for (size_t store = 0; store < numbers_.size(); ++store) {
    if (run_.rows_of(numbers_[store]) == nullptr) continue;
    if (derived_[store].any()) MILLRACE_RETURN_IF_ERROR(add_derived_rows_to_run(store));
    if (indexes_.has(store)) MILLRACE_RETURN_IF_ERROR(add_index_entries_to_run(store));
  }
  return {};
}

// The rows that it visits stay where they are while the table grows, and it adds none of their
// keys.
Status RocksDbBackend::add_derived_rows_to_run(size_t store) {
  DerivedChanges& derived = derived_[store];
  const SortedRows sorted = run_.rows_of(numbers_[store])->sorted();
  return visit_new_rows(
      store, sorted.rows(), run_replaces_rows(), [&](const StoredRow& row, Bytes before) {
        if (derived.is_derived(row.key())) return;  // of a run whose writing failed
        derived.compare(row.key(), before, row.value(), [&](Bytes key, Bytes value) {
          const ChangelogRecord record{key, value, row.timestamp_ms};
          run_.add(numbers_[store], {&record, 1});
        });
      });
}

Status RocksDbBackend::add_index_entries_to_run(size_t store) {
  const RocksDbIndexes::Visitor add = [&](StoreNumber number, const std::string& entry,
                                          bool is_there) {
    const ChangelogRecord record{entry, is_there ? Bytes("") : Bytes(), 0};
    run_.add(number, {&record, 1});
  };
  const SortedRows sorted = run_.rows_of(numbers_[store])->sorted();
  return visit_new_rows(store, sorted.rows(), run_replaces_rows(),
                        [&](const StoredRow& row, Bytes before) {
                          indexes_.compare(store, row.key(), before, row.value(), add);
                        });
}

Result<bool> RocksDbBackend::build_indexes() {
  RocksDbIndex* const index = indexes_.unfinished();
  if (index == nullptr || !is_restored_once_ || restored_) return false;
  rocksdb::WriteBatch batch;
  add_meta(batch);
  const RocksDbIndexes::Visitor add = add_entries_to(batch);
  IndexBuilt next = index->built;
  const std::string from = next.up_to ? *next.up_to + '\0' : std::string();
  Status status;
  {
    RocksDbIterator rows(database_, numbers_[index->store], RowRange{.from = Bytes(from)}, status);
    size_t left = kBuildRows;
    for (; rows.valid() && left > 0; rows.next(), --left) {
      index->changes.compare(
          rows.key(), Bytes(), rows.row().value,
          [&](const std::string& entry, bool is_there) { add(index->number, entry, is_there); });
      next.up_to = rows.key().to_string();
      ++next.rows;
    }
    next.is_complete = left > 0;
  }
  MILLRACE_RETURN_IF_ERROR(status);
  batch.Put(database_key(kMetaStore, std::string(kIndexKeyPrefix) + index->changes.name()),
            encode_built(index->changes.type(), next));
  MILLRACE_RETURN_IF_ERROR(write(batch));
  index->built = std::move(next);
  index->show(index->built.up_to ? percent_before(index->store, Bytes(*index->built.up_to)) : 0);
  if (index->built.is_complete) spdlog::info("index built index={}", index->changes.name());
  return true;
}

int RocksDbBackend::percent_before(size_t store, Bytes key) const {
  const std::string begin = database_key(numbers_[store], Bytes());
  const std::string end = upper_bound_key(numbers_[store], Bytes());
  const std::string middle = database_key(numbers_[store], key);
  const rocksdb::Range ranges[] = {{begin, middle}, {begin, end}};
  uint64_t sizes[2] = {0, 0};
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  rocksdb::DB& db = database_->db();
  const rocksdb::Status status =
      db.GetApproximateSizes(options, db.DefaultColumnFamily(), ranges, 2, sizes);
  if (!status.ok() || sizes[1] == 0) return 0;
  return static_cast<int>(std::min<uint64_t>(100 * sizes[0] / sizes[1], 99));
}

Status RocksDbBackend::ingest_run() {
  MILLRACE_RETURN_IF_ERROR(complete_run());
  fs::path file = path_;
  file += ".restore.sst";
  MILLRACE_RETURN_IF_ERROR(run_.ingest(*database_, file.string(), meta_to_write()));
  new_meta_.clear();
  restored_ = false;
  return {};
}

Status RocksDbBackend::write_run() {
  MILLRACE_RETURN_IF_ERROR(complete_run());
  rocksdb::WriteBatch batch(run_.bytes());
  run_.for_each([&](StoreNumber number, const StoredRow& row) {
    const StorePrefix prefix = store_prefix(number);
    add_row(batch, {prefix.data(), prefix.size()}, row.key(), row.value(), row.timestamp_ms);
  });
  add_meta(batch);
  MILLRACE_RETURN_IF_ERROR(write(batch));
  run_.clear();
  return {};
}

Status RocksDbBackend::finish_restore() {
  if (ingesting_ && run_.bytes() >= kIngestBytesMin) MILLRACE_RETURN_IF_ERROR(ingest_run());
  ingesting_ = false;
  is_restored_once_ = true;
  return restored_ ? write_run() : Status();
}

Status RocksDbBackend::close() {
  if (database_ == nullptr) return {};
  MILLRACE_RETURN_IF_ERROR(finish_restore());
  const rocksdb::Status status = database_->db().Flush(rocksdb::FlushOptions());
  Status result;
  if (!status.ok()) result = database_->failure("flushing", status);
  database_->release();
  database_.reset();
  return result;
}

}  // namespace millrace
