#include "millrace/state/task_state.h"

#include "buffered_task_state.h"

namespace millrace {

Result<std::unique_ptr<TaskState>> TaskState::open(TaskStateOptions options,
                                                   std::span<const StoreSpec> stores) {
  options.directory.clear();
  return std::unique_ptr<TaskState>(std::make_unique<BufferedTaskState>(options, stores, nullptr));
}

}  // namespace millrace
