#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/queries.h"

#include "engine/task_plan.h"

namespace millrace::engine {

/// What the loop tells the threads that answer queries. Publishing copies; a query holds the lock
/// only while it looks up a reader.
class QueryRegistry final : public Queries {
 public:
  explicit QueryRegistry(const Clock& clock) : clock_(clock) {}

  // From the loop's thread.
  void define_stores(std::span<const TaskPlan> plans);
  using Readers = std::map<std::string, std::shared_ptr<const StoreReader>, std::less<>>;
  /// A task is here; its stores can be read while its stage is kRunning.
  void add(TaskId task, Readers readers);
  void set_info(TaskInfo info);
  void remove(TaskId task);

  Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes partition_key) const override;
  Result<std::vector<StatePosition>> scan(std::string_view store, Bytes from, Bytes to,
                                          const RowVisitor& visit) const override;
  Result<StatePosition> scan_partition(std::string_view store, int32_t partition, Bytes from,
                                       Bytes to, const RowVisitor& visit) const override;
  std::vector<TaskInfo> tasks() const override;

 private:
  struct StorePlace {
    int32_t sub_topology = 0;
    int32_t partitions = 0;
  };
  struct Entry {
    Readers readers;
    TaskInfo info;
  };
  struct Found {
    std::shared_ptr<const StoreReader> reader;
    StatePosition position;
  };
  Result<StorePlace> place_of(std::string_view store) const;
  Result<Found> find(std::string_view store, TaskId task) const;
  void set_freshness(TaskInfo& info) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, StorePlace, std::less<>> stores_;
  std::map<TaskId, Entry> tasks_;
};

}  // namespace millrace::engine
