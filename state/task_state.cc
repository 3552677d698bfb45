#include "millrace/state/task_state.h"

#include <utility>

#include "state/buffer/buffered_task_state.h"
#include "state/open_task_state.h"
#include "state/rocksdb/rocksdb_backend.h"

namespace millrace {

Result<std::unique_ptr<TaskState>> open_task_state(const TaskStateOptions& options,
                                                   std::span<const StoreSpec> stores,
                                                   rocksdb::Env* env) {
  std::vector<StoreSpec> disk_stores;
  for (const StoreSpec& spec : stores) {
    if (BufferedTaskState::on_disk(options, spec)) disk_stores.push_back(spec);
  }
  std::unique_ptr<Backend> disk;
  if (!disk_stores.empty()) {
    if (options.memory == nullptr) {
      return Error{ErrorCode::kInvalidArgument, "stores on disk need the shared memory"};
    }
    auto opened = RocksDbBackend::open(options, disk_stores, env);
    if (!opened.ok()) return opened.status();
    disk = std::move(*opened);
  }
  return std::unique_ptr<TaskState>(
      std::make_unique<BufferedTaskState>(options, stores, std::move(disk)));
}

Result<std::unique_ptr<TaskState>> TaskState::open(TaskStateOptions options,
                                                   std::span<const StoreSpec> stores) {
  return open_task_state(options, stores, nullptr);
}

}  // namespace millrace
