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

std::string encode_number(StoreNumber number) {
  const StorePrefix bytes = store_prefix(number);
  return {bytes.data(), bytes.size()};
}

StoreNumber decode_number(std::string_view bytes) {
  if (bytes.size() != kStorePrefixBytes) return kMetaStore;
  return static_cast<StoreNumber>((static_cast<unsigned char>(bytes[0]) << 8) |
                                  static_cast<unsigned char>(bytes[1]));
}

std::string encode_format() {
  return {reinterpret_cast<const char*>(&kStateFormat), sizeof kStateFormat};
}

std::string text_of(const std::map<std::string, std::string, std::less<>>& meta,
                    std::string_view key) {
  const auto found = meta.find(key);
  return found == meta.end() ? std::string() : found->second;
}

rocksdb::WriteOptions write_options() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

RocksDbBackend::RocksDbBackend(const TaskStateOptions& options)
    : path_(state_files(fs::absolute(options.directory).lexically_normal())),
      incarnation_(options.incarnation),
      starts_empty_(options.starts_empty),
      opened_at_ms_(options.now_ms),
      opened_steady_ns_(system_clock().steady_ns()),
      max_age_ms_(options.max_age_ms),
      run_bytes_(options.restore_run_bytes),
      flushed_at_ms_(options.now_ms) {}

RocksDbBackend::~RocksDbBackend() {
  if (database_ != nullptr) database_->release();
}

Result<std::unique_ptr<RocksDbBackend>> RocksDbBackend::open(const TaskStateOptions& options,
                                                             std::span<const StoreSpec> stores,
                                                             rocksdb::Env* env) {
  std::unique_ptr<RocksDbBackend> backend(new RocksDbBackend(options));
  std::error_code error;
  fs::create_directories(backend->path_, error);
  if (error) {
    return Error{ErrorCode::kStoreIo,
                 fmt::format("{}: {}", backend->path_.string(), error.message())};
  }
  MILLRACE_RETURN_IF_ERROR(backend->open_database(*options.memory, env));
  Result<std::string> reason = backend->load();
  if (!reason.ok()) return reason.status();
  if (!reason->empty()) {
    MILLRACE_RETURN_IF_ERROR(backend->remove_database(*reason));
    MILLRACE_RETURN_IF_ERROR(backend->open_database(*options.memory, env));
    reason = backend->load();
    if (!reason.ok()) return reason.status();
    MILLRACE_ASSERT(reason->empty(), "an empty database is always of use");
  }
  backend->assign_numbers(stores);
  return backend;
}

// Opens the database, or removes a damaged one and starts with an empty one.
Status RocksDbBackend::open_database(const SharedStateMemory& memory, rocksdb::Env* env) {
  for (bool again = false;; again = true) {
    Result<Database::Opened> opened = Database::open(path_, memory, env);
    if (!opened.ok()) return opened.status();
    if (opened->database != nullptr) {
      database_ = std::move(opened->database);
      return {};
    }
    if (again) return Error{ErrorCode::kStoreIo, path_.string() + ": " + opened->damage};
    MILLRACE_RETURN_IF_ERROR(remove_database(opened->damage));
  }
}

Status RocksDbBackend::remove_database(const std::string& reason) {
  if (database_ != nullptr) {
    database_->release();
    if (database_.use_count() > 1) {
      return Error{
          ErrorCode::kRetriable,
          fmt::format("{}: must be rebuilt ({}), but queries hold it", path_.string(), reason)};
    }
    database_.reset();
  }
  spdlog::warn("local state removed, to be restored from the changelogs path={} reason=\"{}\"",
               path_.string(), reason);
  std::error_code error;
  fs::remove_all(path_, error);
  if (!error) fs::remove(Database::damaged_mark(path_), error);
  if (error) {
    return Error{ErrorCode::kStoreIo, fmt::format("{}: {}", path_.string(), error.message())};
  }
  return {};
}

Result<RocksDbBackend::Meta> RocksDbBackend::read_meta() const {
  Meta meta;
  const std::string upper_key = upper_bound_key(kMetaStore, Bytes());
  const rocksdb::Slice upper(upper_key);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  options.total_order_seek = true;
  const std::unique_ptr<rocksdb::Iterator> rows(database_->db().NewIterator(options));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    rocksdb::Slice key = rows->key();
    key.remove_prefix(kStorePrefixBytes);
    meta.emplace(key.ToString(), rows->value().ToString());
  }
  if (!rows->status().ok()) return database_->failure("opening", rows->status());
  return meta;
}

Result<std::string> RocksDbBackend::load() {
  Result<Meta> meta = read_meta();
  if (!meta.ok()) {
    if (fs::exists(Database::damaged_mark(path_))) return meta.message();
    return meta.status();
  }
  stored_meta_ = std::move(*meta);
  if (stored_meta_.empty()) {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> rows(database_->db().NewIterator(options));
    rows->SeekToFirst();
    if (rows->Valid()) return std::string("rows without a format");
    ingesting_ = true;
    new_meta_.emplace(kFormatKey, encode_format());
    new_meta_.emplace(kIncarnationKey, incarnation_);
    return std::string();
  }
  if (text_of(stored_meta_, kFormatKey) != encode_format()) return std::string("another format");
  if (starts_empty_) return std::string("it is to start empty");
  if (text_of(stored_meta_, kIncarnationKey) != incarnation_) {
    return fmt::format("of \"{}\", not \"{}\"", text_of(stored_meta_, kIncarnationKey),
                       incarnation_);
  }
  if (!stored_meta_.contains(kPositionsKey)) return std::string("no positions");
  Result<TaskPositions> positions = decode_positions(text_of(stored_meta_, kPositionsKey));
  if (!positions.ok()) return positions.message();
  // A commit that far ahead means that a clock is or was wrong: its age is unknown.
  const int64_t age_ms = opened_at_ms_ - positions->committed_at_ms;
  if (max_age_ms_ > 0 && std::abs(age_ms) > max_age_ms_) {
    return fmt::format("last commit {} ms ago, limit {} ms", age_ms, max_age_ms_);
  }
  positions_ = std::move(*positions);
  return std::string();
}

// Stores keep their number as long as their rows can be used. Others get a new one; the batch that
// writes it deletes the rows under the old one.
void RocksDbBackend::assign_numbers(std::span<const StoreSpec> stores) {
  StoreNumber newest = kMetaStore;
  std::map<std::string, StoreNumber, std::less<>> known;
  for (const auto& [key, value] : stored_meta_) {
    if (!key.starts_with(kStoreKeyPrefix)) continue;
    const StoreNumber number = decode_number(value);
    newest = std::max(newest, number);
    known.emplace(key.substr(kStoreKeyPrefix.size()), number);
  }
  for (const StoreSpec& spec : stores) {
    const auto found = known.find(spec.name);
    const bool usable = found != known.end() && found->second != kMetaStore &&
                        (!spec.changelog || positions_.changelog_end.contains(spec.name));
    names_.push_back(spec.name);
    if (usable) {
      numbers_.push_back(found->second);
      known.erase(found);
    } else {
      MILLRACE_ASSERT(newest < 0xfffe, "more stores than numbers");
      numbers_.push_back(++newest);
      new_meta_.emplace(std::string(kStoreKeyPrefix) + spec.name, encode_number(newest));
    }
  }
  for (const auto& [name, number] : known) {
    dropped_.push_back(number);
    positions_.changelog_end.erase(name);
  }
  stored_meta_.clear();
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

std::shared_ptr<const StateCheckpointer> RocksDbBackend::checkpointer() const {
  return std::make_shared<RocksDbCheckpointer>(database_);
}

RocksDbBackend::Meta RocksDbBackend::meta_to_write() const {
  Meta meta = new_meta_;
  meta.insert_or_assign(std::string(kPositionsKey), encode_positions(positions_));
  return meta;
}

void RocksDbBackend::add_meta(rocksdb::WriteBatch& batch) const {
  for (const auto& [key, value] : meta_to_write()) batch.Put(database_key(kMetaStore, key), value);
  for (const StoreNumber number : dropped_) {
    batch.DeleteRange(database_key(number, Bytes()), upper_bound_key(number, Bytes()));
  }
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
  return opened_at_ms_ + (system_clock().steady_ns() - opened_steady_ns_) / kNsPerMs;
}

Status RocksDbBackend::restore(size_t store, std::span<const ChangelogRecord> records,
                               int64_t end_offset) {
  positions_.changelog_end.insert_or_assign(names_[store], end_offset);
  positions_.committed_at_ms = std::max(positions_.committed_at_ms, now_ms());
  restored_ = true;
  run_.add(numbers_[store], records);
  if (ingesting_) return run_.is_above(run_bytes_) ? ingest_run() : Status();
  const bool is_gathering =
      !is_restored_once_ && !run_.is_above(std::min(run_bytes_, kBatchRunBytes));
  return is_gathering ? Status() : write_run();
}

Status RocksDbBackend::ingest_run() {
  fs::path file = path_;
  file += ".restore.sst";
  MILLRACE_RETURN_IF_ERROR(run_.ingest(*database_, file.string(), meta_to_write()));
  new_meta_.clear();
  restored_ = false;
  return {};
}

Status RocksDbBackend::write_run() {
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
