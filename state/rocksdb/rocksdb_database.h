#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include "millrace/core/result.h"

#include "state/rocksdb/rocksdb_settings.h"

namespace millrace {

/// An open database directory. The task holds it, and so does every reader of a query: the
/// database closes when the last of them lets go. A task that opens it again meanwhile takes over
/// the open database.
class Database {
 public:
  /// The result of opening.
  struct Opened {
    std::shared_ptr<Database> database;  ///< null: the directory is damaged, see `damage`
    bool shared = false;                 ///< it was open already, for queries
    std::string damage;
  };
  /// Opens the database under `path` for a task. Errors: `kConfig` when another process or task has
  /// it open, `kRetriable` when queries still hold one that failed, `kStoreIo`.
  static Result<Opened> open(const std::filesystem::path& path, const SharedStateMemory& memory,
                             rocksdb::Env* env);

  /// Those that this process has open, for a moment.
  static std::vector<std::shared_ptr<Database>> all_open();

  /// Exists beside a directory whose data proved to be damaged.
  static std::filesystem::path damaged_mark(const std::filesystem::path& path);

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  const rocksdb::Options& options() const { return options_; }

  /// The task lets go; another may take over.
  void release() { owned_.store(false); }

  /// A `kStoreIo` error that names the failed operation. Marks the directory when its data is
  /// damaged, so that the next opening rebuilds the state.
  Error failure(const char* what, const rocksdb::Status& status) const;

 private:
  Database(std::filesystem::path path, rocksdb::Options options, std::unique_ptr<rocksdb::DB> db);

  std::filesystem::path path_;
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<bool> owned_{true};
};

}  // namespace millrace
