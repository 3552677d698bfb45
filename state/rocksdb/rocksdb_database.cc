#include "state/rocksdb/rocksdb_database.h"

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "state/rocksdb/rocksdb_log.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDamagedSuffix = ".damaged";
constexpr std::chrono::seconds kCloseWait{10};

/// Databases of this process, so that a task finds the one that queries still hold. An entry goes
/// only after its database has closed and its directory is free.
struct OpenDatabases {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::string, std::weak_ptr<Database>> by_path;
};

OpenDatabases& open_databases() {
  static OpenDatabases databases;
  return databases;
}

bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("While lock file") != std::string::npos ||
                                text.find("lock hold by current process") != std::string::npos);
}

bool is_damage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound() ||
         status.IsInvalidArgument() || status.IsNotSupported();
}

bool has_failed(rocksdb::DB& db) {
  uint64_t errors = 0;
  return !db.GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors) || errors > 0;
}

}  // namespace

Database::Database(fs::path path, rocksdb::Options options, std::unique_ptr<rocksdb::DB> db)
    : path_(std::move(path)), options_(std::move(options)), db_(std::move(db)) {}

Database::~Database() {
  db_.reset();
  OpenDatabases& databases = open_databases();
  const std::lock_guard lock(databases.mutex);
  databases.by_path.erase(path_.string());
  databases.closed.notify_all();
}

std::vector<std::shared_ptr<Database>> Database::all_open() {
  OpenDatabases& databases = open_databases();
  std::vector<std::shared_ptr<Database>> all;
  const std::lock_guard lock(databases.mutex);
  for (const auto& [path, database] : databases.by_path) {
    if (auto held = database.lock()) all.push_back(std::move(held));
  }
  return all;
}

fs::path Database::damaged_mark(const fs::path& path) {
  fs::path mark = path;
  mark += kDamagedSuffix;
  return mark;
}

Result<Database::Opened> Database::open(const fs::path& path, const SharedStateMemory& memory,
                                        rocksdb::Env* env) {
  OpenDatabases& databases = open_databases();
  std::shared_ptr<Database> database;  // dropped after the lock, which its end takes
  std::unique_lock lock(databases.mutex);
  if (const auto found = databases.by_path.find(path.string()); found != databases.by_path.end()) {
    database = found->second.lock();
    if (database != nullptr) {
      if (database->owned_.exchange(true)) {
        return Error{ErrorCode::kConfig,
                     fmt::format("{}: another task has this state open", path.string())};
      }
      if (has_failed(database->db())) {
        database->release();
        return Error{ErrorCode::kRetriable,
                     fmt::format("{}: queries still hold a database that failed", path.string())};
      }
      return Opened{std::move(database), true, {}};
    }
    if (!databases.closed.wait_for(lock, kCloseWait,
                                   [&] { return !databases.by_path.contains(path.string()); })) {
      return Error{ErrorCode::kRetriable, fmt::format("{}: is still closing", path.string())};
    }
  }
  std::error_code ignored;
  if (fs::exists(damaged_mark(path), ignored)) return Opened{nullptr, false, "marked as damaged"};

  rocksdb::Options options = database_options(memory, env);
  options.info_log = database_log(path);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, path.string(), &db);
  if (status.ok()) {
    database.reset(new Database(path, std::move(options), std::unique_ptr<rocksdb::DB>(db)));
    databases.by_path[path.string()] = database;
    return Opened{std::move(database), false, {}};
  }
  if (is_locked(status)) {
    return Error{ErrorCode::kConfig, fmt::format("{}: another process has this state open: {}",
                                                 path.string(), status.ToString())};
  }
  if (is_damage(status)) return Opened{nullptr, false, status.ToString()};
  return Error{ErrorCode::kStoreIo,
               fmt::format("{}: opening: {}", path.string(), status.ToString())};
}

Error Database::failure(const char* what, const rocksdb::Status& status) const {
  if (status.IsCorruption()) std::ofstream(damaged_mark(path_)) << status.ToString() << '\n';
  return Error{ErrorCode::kStoreIo,
               fmt::format("{}: {}: {}", path_.string(), what, status.ToString())};
}

}  // namespace millrace
