#include "state/rocksdb/rocksdb_checkpoint.h"

#include <limits>

#include <fmt/format.h>
#include <rocksdb/utilities/checkpoint.h>

#include "state/backend/positions.h"
#include "state/rocksdb/rocksdb_keys.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

bool is_file_number(std::string_view text) {
  constexpr size_t kDigitsMax = 20;
  return !text.empty() && text.size() <= kDigitsMax &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

rocksdb::Status copy(rocksdb::DB& db, const std::string& folder) {
  // There is no write-ahead log to copy. The checkpoint's own flush is switched off: it would first
  // wait for compactions when there are many files.
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  rocksdb::Status status = db.Flush(flush);
  if (!status.ok()) return status;
  rocksdb::Checkpoint* made = nullptr;
  status = rocksdb::Checkpoint::Create(&db, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (!status.ok()) return status;
  return checkpoint->CreateCheckpoint(folder, std::numeric_limits<uint64_t>::max());
}

/// Not found: the database holds no positions.
rocksdb::Status read_positions(const rocksdb::Options& like, const std::string& folder,
                               std::string& positions) {
  rocksdb::Options options = like;
  options.create_if_missing = false;
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, folder, &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  if (!status.ok()) return status;
  return db->Get(rocksdb::ReadOptions(), database_key(kMetaStore, kPositionsKey), &positions);
}

}  // namespace

fs::path state_files(const fs::path& task_directory) {
  return task_directory / "db";
}

bool is_state_file(std::string_view name) {
  if (name == "CURRENT") return true;
  for (const std::string_view prefix : {"MANIFEST-", "OPTIONS-"}) {
    if (name.starts_with(prefix)) return is_file_number(name.substr(prefix.size()));
  }
  for (const std::string_view suffix : {".sst", ".log"}) {
    if (name.ends_with(suffix)) return is_file_number(name.substr(0, name.size() - suffix.size()));
  }
  return false;
}

Result<TaskPositions> RocksDbCheckpointer::checkpoint(const fs::path& directory) const {
  const fs::path folder = state_files(fs::absolute(directory));
  const std::shared_ptr<const Database> database = database_.lock();
  if (database == nullptr) {
    return Error{ErrorCode::kRetriable, fmt::format("{}: the task has gone", folder.string())};
  }
  std::error_code failed;
  fs::create_directory(directory, failed);
  if (failed) {
    return Error{ErrorCode::kStoreIo, fmt::format("{}: {}", directory.string(), failed.message())};
  }
  rocksdb::Status status = copy(database->db(), folder.string());
  if (!status.ok()) return database->failure("copying", status);
  std::string positions;
  status = read_positions(database->options(), folder.string(), positions);
  if (status.IsNotFound()) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: nothing is committed", folder.string())};
  }
  if (!status.ok()) {
    return Error{ErrorCode::kStoreIo,
                 fmt::format("{}: reading the copy: {}", folder.string(), status.ToString())};
  }
  return decode_positions(positions);
}

}  // namespace millrace
