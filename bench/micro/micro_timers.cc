// Cost of durable timers in a task's state: setting one, starting on many, firing one. CPU time
// is that of the whole process, so RocksDB's flushes and compactions count.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/state/task_state.h"
#include "millrace/state/timer_queue.h"

#include "bench_state.h"
#include "split_mix.h"
#include "tests/unit/temp_directory.h"

namespace millrace {
namespace {

constexpr size_t kCommit = 50'000;
constexpr int64_t kSpanMs = 30LL * 24 * 3600 * 1000;
constexpr size_t kCacheBytes = 64 << 20;

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

double peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(line.find(':') + 1)) * 1024;
  }
  return 0;
}

/// A task's state with timers in it, committed as a task would.
class TimedState {
 public:
  explicit TimedState(const std::filesystem::path& directory)
      : state_(open_bench_state(directory, kCacheBytes, {"timers"})) {
    queue_ = std::make_unique<TimerQueue>(state_->store("timers"));
  }

  TimerQueue& queue() { return *queue_; }
  template <class Work>
  void unit(Work&& work) {
    state_->begin_unit();
    queue_->begin_unit();
    work();
    state_->end_unit();
    if (++units_ % kCommit == 0) commit();
  }
  void commit() {
    TaskPositions positions;
    positions.changelog_end["timers"] = static_cast<int64_t>(units_);
    positions.committed_at_ms = 1;
    state_->freeze();
    MILLRACE_ASSERT(state_->apply_frozen(positions).ok(), "a commit failed");
  }
  void close() {
    commit();
    MILLRACE_ASSERT(state_->close().ok(), "closing failed");
  }

 private:
  std::unique_ptr<TaskState> state_;
  std::unique_ptr<TimerQueue> queue_;
  size_t units_ = 0;
};

void set_all(TimedState& state, size_t pending) {
  for (size_t i = 0; i < pending; ++i) {
    const std::string key = fmt::format("account-{:010}", i);
    const auto time_ms = static_cast<int64_t>(split_mix(i) % kSpanMs);
    state.unit([&] { state.queue().set(Bytes(key), 0, time_ms, 1); });
  }
}

/// How many fire before `end_ms`; −1 when they come out of order.
int64_t fire_until(TimedState& state, int64_t end_ms) {
  int64_t fired = 0;
  int64_t last_ms = 0;
  TimerQueue::Taken taken;
  for (state.queue().load(); state.queue().next_due_ms() < end_ms; state.queue().load()) {
    state.unit([&] { state.queue().take(taken, 1); });
    if (taken.time_ms < last_ms) return -1;
    last_ms = taken.time_ms;
    ++fired;
  }
  return fired;
}

/// range(0): timers pending at random times. One pass through the phases; each has its counter.
void timers(benchmark::State& run) {
  const auto pending = static_cast<size_t>(run.range(0));
  const auto per_timer = [&](double seconds) { return seconds / static_cast<double>(pending); };
  for (auto _ : run) {
    const TempDirectory directory;
    reset_peak_memory();
    const double before_set = cpu_seconds();
    {
      TimedState state(directory.path());
      set_all(state, pending);
      state.close();
    }
    run.counters["cpu s/set"] = per_timer(cpu_seconds() - before_set);

    const double before_start = cpu_seconds();
    TimedState state(directory.path());
    state.queue().load();
    run.counters["cpu s/start"] = cpu_seconds() - before_start;

    const double before_fire = cpu_seconds();
    const int64_t early = fire_until(state, kSpanMs / 2);
    state.close();
    int64_t late = 0;
    {
      TimedState again(directory.path());
      late = fire_until(again, kSpanMs);
      again.close();
    }
    run.counters["cpu s/fired"] = per_timer(cpu_seconds() - before_fire);
    run.counters["peak bytes"] = peak_memory_bytes();
    if (early < 0 || late < 0 || early + late != static_cast<int64_t>(pending)) {
      run.SkipWithError("not every timer fired once and in order");
    }
  }
}
BENCHMARK(timers)
    ->ArgNames({"pending"})
    ->Arg(20'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace millrace
