// Millrace's side of `compare.sh aggregate`: runs the aggregate once over the whole input and
// prints what it cost as one JSON line.

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
  int64_t records = 0;
};

/// From the first turn of a running engine to the return of the last commit.
class Measurement {
 public:
  Measurement(Engine& engine, const Settings& settings)
      : engine_(engine), settings_(settings), started_(Clock::now()) {}

  Status run() {
    MILLRACE_RETURN_IF_ERROR(
        turn_until([this] { return engine_.state() == EngineState::kRunning; }));
    running_ = Clock::now();
    MILLRACE_RETURN_IF_ERROR(turn_until([this] { return processed() >= settings_.records / 2; }));
    warm_cpu_seconds_ = -cpu_seconds();
    warm_records_ = settings_.records - processed();
    MILLRACE_RETURN_IF_ERROR(turn_until([this] { return processed() >= settings_.records; }));
    MILLRACE_RETURN_IF_ERROR(engine_.commit());
    MILLRACE_RETURN_IF_ERROR(turn_until([this] { return !engine_.has_uncommitted(); }));
    warm_cpu_seconds_ += cpu_seconds();
    seconds_ = std::chrono::duration<double>(Clock::now() - running_).count();
    return {};
  }

  /// The CPU time is the whole process's, its start included.
  std::string json() const {
    const auto records = static_cast<double>(settings_.records);
    const double cpu = cpu_seconds();
    const double warm_records = static_cast<double>(std::max<int64_t>(1, warm_records_));
    return fmt::format(
        R"({{"engine":"millrace","records":{},"seconds":{:.3f},"records_per_second":{:.0f},)"
        R"("cpu_seconds":{:.3f},"cpu_us_per_record":{:.3f},"warm_records":{},)"
        R"("warm_cpu_us_per_record":{:.3f},"peak_rss_mib":{:.1f}}})",
        settings_.records, seconds_, records / seconds_, cpu, cpu / records * 1e6, warm_records_,
        warm_cpu_seconds_ / warm_records * 1e6, peak_rss_mib());
  }

 private:
  int64_t processed() { return static_cast<int64_t>(engine_.metrics().processed(0).value()); }

  template <class Condition>
  Status turn_until(Condition condition) {
    while (!condition()) {
      MILLRACE_RETURN_IF_ERROR(engine_.run_once());
      if (Clock::now() - started_ > std::chrono::seconds(settings_.job.timeout_s)) {
        return Error{ErrorCode::kTimedOut, fmt::format("{} of {} records after {} s", processed(),
                                                       settings_.records, settings_.job.timeout_s)};
      }
    }
    return {};
  }

  Engine& engine_;
  const Settings& settings_;
  const Clock::time_point started_;
  Clock::time_point running_;
  double seconds_ = 0;
  double warm_cpu_seconds_ = 0;
  int64_t warm_records_ = 0;
};

Status run(const Settings& settings) {
  const auto clients = make_clients(settings.job.engine);
  if (!clients.ok()) return clients.status();
  auto engine = Engine::create(aggregate_topology(settings.job), settings.job.engine, **clients,
                               system_clock());
  if (!engine.ok()) return engine.status();
  Measurement measurement(**engine, settings);
  MILLRACE_RETURN_IF_ERROR(measurement.run());
  std::cout << measurement.json() << std::endl;
  return (*engine)->close();
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  Settings settings;
  CLI::App app{"Runs the aggregate over a topic once and prints what it cost.", "aggregate_job"};
  add_options(app, settings.job);
  app.add_option("--records", settings.records, "Records in the input.")->required();
  app.add_option("--commit-ms", settings.job.engine.commit_interval_max_ms, "While catching up.");
  return run_job(app, argc, argv, [&] { return run(settings); });
}
