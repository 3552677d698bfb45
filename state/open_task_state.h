#pragma once

#include <memory>
#include <span>

#include "millrace/state/task_state.h"

namespace rocksdb {
class Env;
}

namespace millrace {

/// `TaskState::open` over a file system that tests can make fail. Null: the machine's.
Result<std::unique_ptr<TaskState>> open_task_state(const TaskStateOptions& options,
                                                   std::span<const StoreSpec> stores,
                                                   rocksdb::Env* env);

}  // namespace millrace
