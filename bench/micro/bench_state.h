#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"
#include "millrace/state/task_state.h"

namespace millrace {

/// A task's state on disk, with these stores.
inline std::unique_ptr<TaskState> open_bench_state(const std::filesystem::path& directory,
                                                   size_t cache_bytes,
                                                   std::initializer_list<std::string_view> stores) {
  TaskStateOptions options;
  options.directory = directory;
  options.cache_bytes = cache_bytes;
  options.memory = make_shared_state_memory(64 << 20, 128 << 20);
  std::vector<StoreSpec> specs(stores.size());
  for (size_t i = 0; i < specs.size(); ++i) specs[i].name = stores.begin()[i];
  auto opened = TaskState::open(std::move(options), specs);
  MILLRACE_ASSERT(opened.ok(), "the state does not open");
  return std::move(*opened);
}

}  // namespace millrace
