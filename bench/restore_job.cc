// Millrace's side of `compare.sh restore`: starts an instance, waits until all its tasks run, and
// prints the cost and the store's contents as one JSON line. With --take-snapshots it runs until
// there is a snapshot of each task.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "millrace/core/clock.h"
#include "millrace/engine/metrics.h"

#include "bench/job.h"

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  JobOptions job;
  size_t tasks = 0;
  bool takes_snapshots = false;
};

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// From the engine's creation until every task runs.
class Measurement {
 public:
  Measurement(Engine& engine, const Settings& settings, Clock::time_point started)
      : engine_(engine), settings_(settings), started_(started) {}

  Status run() {
    while (!all_run()) {
      MILLRACE_RETURN_IF_ERROR(engine_.run_once());
      if (Clock::now() - started_ > std::chrono::seconds(settings_.job.timeout_s)) {
        return Error{ErrorCode::kTimedOut,
                     fmt::format("the tasks do not run after {} s", settings_.job.timeout_s)};
      }
    }
    running_ = Clock::now();
    cpu_seconds_ = cpu_seconds();
    peak_rss_mib_ = peak_rss_mib();
    return {};
  }

  Result<std::string> json() const {
    int64_t keys = 0;
    uint64_t digest = 0;
    const auto positions = engine_.queries().scan(kStore, {}, [&](TaskId, Bytes key, Row row) {
      ++keys;
      digest += fnv1a(fnv1a(0xcbf29ce484222325, key), row.value);
      return true;
    });
    if (!positions.ok()) return positions.status();
    return fmt::format(
        R"({{"engine":"millrace","records":{},"restore_seconds":{:.3f},"running_seconds":{:.3f},)"
        R"("cpu_seconds":{:.3f},"peak_rss_mib":{:.1f},"keys":{},"digest":"{:016x}"}})",
        end_ - begin_, seconds_between(restoring_, running_), seconds_between(started_, running_),
        cpu_seconds_, peak_rss_mib_, keys, digest);
  }

 private:
  static uint64_t fnv1a(uint64_t hash, Bytes bytes) {
    for (const char byte : bytes.view()) {
      hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    }
    return hash;
  }

  /// Notes in passing when the restore began, and from where. Nobody writes the changelog
  /// meanwhile, and not in transactions: its offsets count records.
  bool all_run() {
    const std::vector<TaskInfo> tasks = engine_.queries().tasks();
    if (tasks.size() < settings_.tasks) return false;
    int64_t sum = 0;
    bool is_running = true;
    for (const TaskInfo& task : tasks) {
      for (const auto& [changelog, end] : task.position.changelogs) sum += end;
      is_running = is_running && task.stage == TaskStage::kRunning;
    }
    if (begin_ < 0) {
      begin_ = sum;
      restoring_ = Clock::now();
    }
    end_ = sum;
    return is_running;
  }

  Engine& engine_;
  const Settings& settings_;
  const Clock::time_point started_;
  Clock::time_point restoring_;
  Clock::time_point running_;
  int64_t begin_ = -1;  ///< of all changelogs together
  int64_t end_ = -1;
  double cpu_seconds_ = 0;
  double peak_rss_mib_ = 0;
};

Status take_snapshots(Engine& engine, const Settings& settings) {
  const auto started = Clock::now();
  while (engine.metrics().snapshots_taken().value() < static_cast<double>(settings.tasks)) {
    MILLRACE_RETURN_IF_ERROR(engine.run_once());
    if (Clock::now() - started > std::chrono::seconds(settings.job.timeout_s)) {
      return Error{ErrorCode::kTimedOut,
                   fmt::format("no snapshots after {} s", settings.job.timeout_s)};
    }
  }
  return {};
}

Status run(const Settings& settings) {
  const auto started = Clock::now();
  const auto clients = make_clients(settings.job.engine);
  if (!clients.ok()) return clients.status();
  auto engine = Engine::create(aggregate_topology(settings.job), settings.job.engine, **clients,
                               system_clock());
  if (!engine.ok()) return engine.status();
  Measurement measurement(**engine, settings, started);
  MILLRACE_RETURN_IF_ERROR(measurement.run());
  const Result<std::string> json = measurement.json();
  if (!json.ok()) return json.status();
  std::cout << *json << std::endl;
  if (settings.takes_snapshots) MILLRACE_RETURN_IF_ERROR(take_snapshots(**engine, settings));
  return (*engine)->close();
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  Settings settings;
  settings.job.engine.snapshot_interval_ms = 1;
  CLI::App app{"Starts an instance and prints what it took until all tasks ran.", "restore_job"};
  add_options(app, settings.job);
  app.add_option("--tasks", settings.tasks, "How many there are.")->required();
  app.add_option("--snapshot-dir", settings.job.engine.snapshot_dir,
                 "Where snapshots are taken and looked for; else there are none.");
  app.add_flag("--take-snapshots", settings.takes_snapshots,
               "Go on until there is one of each task.");
  return run_job(app, argc, argv, [&] { return run(settings); });
}
