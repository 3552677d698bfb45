#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"
#include "millrace/core/clock.h"

#include "state/backend/positions.h"
#include "state/rocksdb/rocksdb_backend.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

RocksDbBackend::RocksDbBackend(const TaskStateOptions& options, std::span<const StoreSpec> stores)
    : path_(state_files(fs::absolute(options.directory).lexically_normal())),
      incarnation_(options.incarnation),
      starts_empty_(options.starts_empty),
      opened_{.wall_ms = options.now_ms, .steady_ns = system_clock().steady_ns()},
      max_age_ms_(options.max_age_ms),
      run_bytes_(options.restore_run_bytes),
      derived_(stores.begin(), stores.end()),
      indexes_(stores),
      flushed_at_ms_(options.now_ms) {}

Result<std::unique_ptr<RocksDbBackend>> RocksDbBackend::open(const TaskStateOptions& options,
                                                             std::span<const StoreSpec> stores,
                                                             rocksdb::Env* env) {
  std::unique_ptr<RocksDbBackend> backend(new RocksDbBackend(options, stores));
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
  const int64_t age_ms = opened_.wall_ms - positions->committed_at_ms;
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
  assign_index_numbers(known, newest);
  for (const auto& [name, number] : known) {
    dropped_.emplace(name, number);
    positions_.changelog_end.erase(name);
  }
  stored_meta_.clear();
}

// An index of a store whose rows are new, too, has nothing to build. One whose type has changed
// starts over.
void RocksDbBackend::assign_index_numbers(std::map<std::string, StoreNumber, std::less<>>& known,
                                          StoreNumber newest) {
  for (RocksDbIndex& index : indexes_.all()) {
    const std::string& name = index.changes.name();
    const bool has_rows = !new_meta_.contains(std::string(kStoreKeyPrefix) + names_[index.store]);
    const std::string state_key = std::string(kIndexKeyPrefix) + name;
    const std::optional<IndexBuilt> built =
        decode_built(index.changes.type(), text_of(stored_meta_, state_key));
    const auto found = known.find(name);
    if (has_rows && built && found != known.end()) {
      index.number = found->second;
      index.built = *built;
      known.erase(found);
    } else {
      MILLRACE_ASSERT(newest < 0xfffe, "more stores and indexes than numbers");
      index.number = ++newest;
      index.built.is_complete = !has_rows;
      new_meta_.emplace(std::string(kStoreKeyPrefix) + name, encode_number(newest));
      new_meta_.emplace(state_key, encode_built(index.changes.type(), index.built));
    }
    index.show(0);
  }
}

}  // namespace millrace
