#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include "millrace/state/task_state.h"

#include "state/rocksdb/rocksdb_database.h"

namespace millrace {

/// Copies a database while its task runs. The copy needs no agreement with the task: rows and
/// their positions share a write batch, and memtables reach the files in order.
class RocksDbCheckpointer final : public StateCheckpointer {
 public:
  explicit RocksDbCheckpointer(std::weak_ptr<const Database> database)
      : database_(std::move(database)) {}

  Result<TaskPositions> checkpoint(const std::filesystem::path& directory) const override;

 private:
  std::weak_ptr<const Database> database_;
};

}  // namespace millrace
