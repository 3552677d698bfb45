// Millrace's side of `compare.sh aggregate`: runs the aggregate once over the whole input and
// prints what it cost as one JSON line. README.md has the bytes of keys, values and rows.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "millrace/core/clock.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/operators.h"

#include "engine/kafka/kafka_clients.h"

namespace mr = millrace;

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kValueBytes = 200;
constexpr size_t kTailBytes = 192;

/// What is counted over one account's records.
struct Totals {
  int64_t count = 0;
  int64_t amount_sum = 0;
  int64_t last_event_ms = 0;
  std::array<char, kTailBytes> tail{};  ///< last bytes of the latest record's value
};
static_assert(sizeof(Totals) == 216);
static_assert(std::endian::native == std::endian::little, "the row's integers are little-endian");

struct Settings {
  mr::EngineOptions engine;
  std::string input;
  std::string output;
  int64_t records = 0;
  int64_t timeout_s = 600;
};

int64_t int64_at(mr::Bytes bytes, size_t offset) {
  int64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void add_record(mr::Bytes value, mr::Maybe<mr::RawBytes> current, std::string& out) {
  if (value.size() != kValueBytes) throw std::invalid_argument("not a value of 200 bytes");
  Totals totals;
  const int64_t event_ms = int64_at(value, 8);
  totals.last_event_ms = event_ms;
  if (current) std::memcpy(&totals, (*current).data(), sizeof totals);
  totals.count += 1;
  totals.amount_sum += int64_at(value, 0);
  totals.last_event_ms = std::max(totals.last_event_ms, event_ms);
  std::memcpy(totals.tail.data(), value.data() + kValueBytes - kTailBytes, kTailBytes);
  out.append(reinterpret_cast<const char*>(&totals), sizeof totals);
}

mr::Result<mr::Topology> topology(const Settings& settings) {
  const mr::Topic<std::string, mr::RawBytes> input{settings.input};
  const mr::Topic<std::string, mr::RawBytes> output{settings.output};
  mr::TopologyBuilder builder{"aggregate"};
  builder.stream(input).aggregate<mr::RawBytes>("totals", add_record).to(output);
  return std::move(builder).build();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Largest resident set so far (VmHWM).
double peak_rss_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

/// From the first turn of a running engine to the return of the last commit.
class Measurement {
 public:
  Measurement(mr::Engine& engine, const Settings& settings)
      : engine_(engine), settings_(settings), started_(Clock::now()) {}

  mr::Status run() {
    MILLRACE_RETURN_IF_ERROR(
        turn_until([this] { return engine_.state() == mr::EngineState::kRunning; }));
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
  int64_t processed() { return static_cast<int64_t>(engine_.metrics().processed(0).Value()); }

  template <class Condition>
  mr::Status turn_until(Condition condition) {
    while (!condition()) {
      MILLRACE_RETURN_IF_ERROR(engine_.run_once());
      if (Clock::now() - started_ > std::chrono::seconds(settings_.timeout_s)) {
        return mr::Error{mr::ErrorCode::kTimedOut,
                         fmt::format("{} of {} records after {} s", processed(), settings_.records,
                                     settings_.timeout_s)};
      }
    }
    return {};
  }

  mr::Engine& engine_;
  const Settings& settings_;
  const Clock::time_point started_;
  Clock::time_point running_;
  double seconds_ = 0;
  double warm_cpu_seconds_ = 0;
  int64_t warm_records_ = 0;
};

mr::Status run(const Settings& settings) {
  mr::engine::KafkaOptions kafka;
  kafka.bootstrap_servers = settings.engine.bootstrap_servers;
  kafka.application_id = settings.engine.application_id;
  kafka.client_id = settings.engine.application_id;
  kafka.session_timeout_ms = settings.engine.session_timeout_ms;
  kafka.transaction_timeout_ms = settings.engine.transaction_timeout_ms;
  kafka.prefetch_bytes = settings.engine.input_buffer_bytes;
  auto clients = mr::engine::make_kafka_clients(kafka);
  if (!clients.ok()) return clients.status();
  auto engine =
      mr::Engine::create(topology(settings), settings.engine, **clients, mr::system_clock());
  if (!engine.ok()) return engine.status();
  Measurement measurement(**engine, settings);
  MILLRACE_RETURN_IF_ERROR(measurement.run());
  std::cout << measurement.json() << std::endl;
  return (*engine)->close();
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::string state_dir;
  CLI::App app{"Runs the aggregate over a topic once and prints what it cost."};
  app.add_option("--bootstrap", settings.engine.bootstrap_servers)->required();
  app.add_option("--application-id", settings.engine.application_id)->required();
  app.add_option("--input", settings.input)->required();
  app.add_option("--output", settings.output, "Exists, with the input's partitions.")->required();
  app.add_option("--records", settings.records, "What the input holds.")->required();
  app.add_option("--state-dir", state_dir, "Empty or new.")->required();
  app.add_option("--commit-ms", settings.engine.commit_interval_max_ms, "While catching up.");
  app.add_option("--threads", settings.engine.worker_threads);
  app.add_option("--timeout-s", settings.timeout_s);
  CLI11_PARSE(app, argc, argv);
  settings.engine.state_dir = state_dir;

  spdlog::set_default_logger(spdlog::stderr_color_mt("aggregate_job"));
  spdlog::set_level(spdlog::level::warn);
  const mr::Status status = run(settings);
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}
