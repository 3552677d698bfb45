#pragma once

#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topology.h"

#include "state/backend/backend.h"
#include "state/derived/derived_changes.h"
#include "state/indexes/index_changes.h"

namespace millrace {

/// Committed rows in memory: for stores that need no disk, and for tests.
class MemoryBackend final : public Backend {
 public:
  explicit MemoryBackend(std::span<const StoreSpec> stores);

  const TaskPositions& positions() const override { return positions_; }
  Result<FoundRows> read(size_t store, std::span<const Bytes> keys) override;
  std::unique_ptr<StoreIterator> range(size_t store, Bytes from, Bytes to, Status& status) override;
  Status commit(std::span<const StoreChanges> changes, const TaskPositions& positions) override;
  std::shared_ptr<const StoreReader> reader(size_t store) const override;
  std::shared_ptr<const StoreReader> index_reader(size_t store,
                                                  std::string_view name) const override;
  Status restore(size_t store, std::span<const ChangelogRecord> records,
                 int64_t end_offset) override;
  Status finish_restore() override { return {}; }
  Status close() override { return {}; }

  /// Scans share values: under the lock they copy the pointers, not the bytes.
  struct OwnedValue {
    std::shared_ptr<const std::vector<uint64_t>> words;
    size_t size = 0;
    int64_t timestamp_ms = 0;

    Row row() const {
      return {Bytes(reinterpret_cast<const char*>(words->data()), size), timestamp_ms};
    }
  };
  using Rows = std::map<std::string, OwnedValue, std::less<>>;
  struct Index {
    IndexChanges changes;
    std::set<std::string, std::less<>> entries;
  };
  /// The task writes under the lock and reads without it.
  struct Table {
    mutable std::shared_mutex mutex;
    explicit Table(const StoreSpec& store);

    Rows rows;
    std::vector<Index> indexes;
    DerivedChanges derived;  ///< the task's
  };

 private:
  std::vector<std::string> names_;
  std::vector<std::shared_ptr<Table>> tables_;
  TaskPositions positions_;
  std::vector<Row> found_;  ///< of the latest read
};

}  // namespace millrace
