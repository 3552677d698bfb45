#include "engine/base/scheduler.h"

#include <cstdlib>
#include <string_view>

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

namespace millrace::engine {
namespace {

bool is_forced_serial() {
  const char* const value = std::getenv("MILLRACE_SERIAL");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

struct Scheduler::Arena {
  explicit Arena(int threads) : arena(threads) {}
  oneapi::tbb::task_arena arena;
};

Scheduler::Scheduler(int worker_threads) {
  const int threads = worker_threads == 0 ? oneapi::tbb::task_arena::automatic : worker_threads;
  if (worker_threads != 1 && !is_forced_serial()) arena_ = std::make_unique<Arena>(threads);
}

Scheduler::~Scheduler() = default;

void Scheduler::for_each(size_t count, const std::function<void(size_t)>& work) {
  if (arena_ == nullptr || count < 2) {
    for (size_t i = 0; i < count; ++i) work(i);
    return;
  }
  arena_->arena.execute([&] {
    oneapi::tbb::parallel_for(size_t{0}, count, work, oneapi::tbb::simple_partitioner());
  });
}

}  // namespace millrace::engine
