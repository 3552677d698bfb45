#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace millrace::engine {

/// Runs pieces of work side by side in an arena of its own and returns when all are done.
class Scheduler {
 public:
  /// 0: one thread per core; 1, or `MILLRACE_SERIAL=1` in the environment: one after the other on
  /// the caller's thread, in order.
  explicit Scheduler(int worker_threads);
  ~Scheduler();

  /// Calls `work(i)` for every i < count. `work` must not throw.
  void for_each(size_t count, const std::function<void(size_t)>& work);

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;  ///< null: serial
};

}  // namespace millrace::engine
