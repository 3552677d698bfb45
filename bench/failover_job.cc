// Millrace's side of `compare.sh failover`: one of two instances. Reports when it is ready; then,
// when the other is killed, how long it took to take over that one's tasks, as one JSON line.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "millrace/core/clock.h"
#include "millrace/core/partitioner.h"

#include "bench/job.h"

namespace millrace::bench {
namespace {

constexpr size_t kTasks = 4;
constexpr size_t kOwnTasks = kTasks / 2;
constexpr int64_t kCaughtUpRecords = 10'000;
/// How long this instance must have run its share before it counts as settled.
constexpr int64_t kSettledNs = 2'000'000'000;
constexpr std::chrono::milliseconds kLookInterval{1};

int64_t epoch_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// State that the tasks' threads share with the watching one.
struct Watch {
  std::atomic<bool> is_ready = false;
  std::atomic<bool> is_over = false;
  std::atomic<int64_t> noticed_ns = 0;  ///< the first task was taken away, or a rebalance began
  std::array<std::atomic<int64_t>, kTasks> first_ns{};  ///< record since then, by partition

  void saw(Bytes key) {
    if (noticed_ns.load(std::memory_order_relaxed) == 0) return;
    auto& first = first_ns[static_cast<size_t>(partition_of(key, kTasks))];
    if (first.load(std::memory_order_relaxed) == 0) first = system_clock().steady_ns();
  }
};

size_t running_tasks(const Engine& engine) {
  const std::vector<TaskInfo> tasks = engine.queries().tasks();
  return static_cast<size_t>(std::count_if(tasks.begin(), tasks.end(), [](const TaskInfo& task) {
    return task.stage == TaskStage::kRunning;
  }));
}

/// Waits for the engine to notice, which a turn of it may hide: it can lose its tasks and get the
/// next in one.
void watch_engine(const Engine& engine, Watch& watch) {
  while (!watch.is_over && watch.noticed_ns == 0) {
    std::this_thread::sleep_for(kLookInterval);
    if (!watch.is_ready) continue;
    if (running_tasks(engine) != kOwnTasks) watch.noticed_ns = system_clock().steady_ns();
  }
}

class Survivor {
 public:
  Survivor(Engine& engine, Watch& watch, const JobOptions& options)
      : engine_(engine),
        watch_(watch),
        standbys_(static_cast<size_t>(options.engine.standby_replicas)),
        end_ns_(system_clock().steady_ns() + options.timeout_s * 1'000'000'000) {}

  Status run() {
    MILLRACE_RETURN_IF_ERROR(turn_until([this] { return has_settled(); }));
    for (const TaskInfo& task : engine_.queries().tasks()) {
      if (task.stage != TaskStage::kRunning) continue;
      own_[static_cast<size_t>(task.position.task.partition)] = true;
    }
    watch_.is_ready = true;
    std::cout << R"({"ready":true})" << std::endl;
    return turn_until([this] { return resumed_ns() > 0; });
  }
  std::string json() const {
    const int64_t ago_ms = (system_clock().steady_ns() - resumed_ns()) / 1'000'000;
    const auto took_ms = static_cast<double>(resumed_ns() - watch_.noticed_ns) / 1e6;
    return fmt::format(R"({{"engine":"millrace","notice_to_processing_ms":{:.1f},)"
                       R"("processing_at_ms":{}}})",
                       took_ms, epoch_ms() - ago_ms);
  }

 private:
  bool has_settled() {
    const std::vector<TaskInfo> tasks = engine_.queries().tasks();
    const auto followed = std::count_if(tasks.begin(), tasks.end(), [](const TaskInfo& task) {
      return task.stage == TaskStage::kStandby && task.position.lag_records < kCaughtUpRecords;
    });
    const bool is_share = running_tasks(engine_) == kOwnTasks &&
                          static_cast<size_t>(followed) == kOwnTasks * standbys_;
    const int64_t now_ns = system_clock().steady_ns();
    if (!is_share) settling_ns_ = now_ns;
    return now_ns - settling_ns_ > kSettledNs;
  }

  /// When the last of the other's tasks was gone on with; 0: not yet.
  int64_t resumed_ns() const {
    int64_t last_ns = 0;
    for (size_t partition = 0; partition < kTasks; ++partition) {
      if (own_[partition]) continue;
      const int64_t first_ns = watch_.first_ns[partition];
      if (first_ns == 0) return 0;
      last_ns = std::max(last_ns, first_ns);
    }
    return last_ns;
  }

  template <class Condition>
  Status turn_until(Condition condition) {
    while (!condition()) {
      MILLRACE_RETURN_IF_ERROR(engine_.run_once());
      if (system_clock().steady_ns() > end_ns_) return Error{ErrorCode::kTimedOut, "out of time"};
    }
    return {};
  }

  Engine& engine_;
  Watch& watch_;
  const size_t standbys_;
  const int64_t end_ns_;
  int64_t settling_ns_ = system_clock().steady_ns();
  std::array<bool, kTasks> own_{};
};

Status run(const JobOptions& options) {
  Watch watch;
  const auto clients = make_clients(options.engine);
  if (!clients.ok()) return clients.status();
  auto engine = Engine::create(aggregate_topology(options, [&watch](Bytes key) { watch.saw(key); }),
                               options.engine, **clients, system_clock());
  if (!engine.ok()) return engine.status();
  std::thread watcher([&] { watch_engine(**engine, watch); });
  Survivor survivor(**engine, watch, options);
  Status status = survivor.run();
  watch.is_over = true;
  watcher.join();
  MILLRACE_RETURN_IF_ERROR(status);
  std::cout << survivor.json() << std::endl;
  return (*engine)->close();
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  JobOptions options;
  CLI::App app{"One of two instances; tells how it takes over from the other.", "failover_job"};
  add_options(app, options);
  app.add_option("--standbys", options.engine.standby_replicas);
  return run_job(app, argc, argv, [&] { return run(options); });
}
