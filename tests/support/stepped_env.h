#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/support/faulty_env.h"

namespace millrace {

/// A `FaultyEnv` whose background work repeats in every run: flushes begin at once on one thread,
/// compactions wait for `finish_all`, or until nothing has moved for seconds: somebody may wait for
/// one. Who calls `finish_flushes` before it does anything else with a database has no work beside
/// its own.
class SteppedEnv final : public FaultyEnv {
 public:
  explicit SteppedEnv(std::shared_ptr<FaultyFileSystem> system) : FaultyEnv(std::move(system)) {}
  ~SteppedEnv() override;  ///< REQUIRES: no database is open.

  void finish_flushes();
  /// Makes the compactions that wait now, too.
  void finish_all();

  void Schedule(void (*work)(void*), void* argument, Priority priority, void* tag,
                void (*unschedule)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;
  unsigned int GetThreadPoolQueueLen(Priority) const override { return 0; }
  void SetBackgroundThreads(int, Priority) override {}
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  int GetBackgroundThreads(Priority) override { return 1; }

 private:
  struct Job {
    void (*work)(void*) = nullptr;
    void* argument = nullptr;
    void* tag = nullptr;
    void (*unschedule)(void*) = nullptr;
  };
  using Jobs = std::deque<Job>;
  Jobs& queue_of(Priority priority) { return priority == HIGH ? flushes_ : compactions_; }
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  Jobs flushes_;
  Jobs compactions_;
  size_t may_compact_ = 0;  ///< so many of them
  bool is_busy_ = false;
  bool is_stopping_ = false;
  std::thread thread_;  ///< from the first job on
};

}  // namespace millrace
