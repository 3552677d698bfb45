#include "bench/job.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <utility>

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "millrace/operators.h"

#include "engine/kafka/kafka_clients.h"

namespace millrace::bench {
namespace {

constexpr size_t kValueBytes = 200;
constexpr size_t kTailBytes = 192;

/// Totals over one account's records.
struct Totals {
  int64_t count = 0;
  int64_t amount_sum = 0;
  int64_t last_event_ms = 0;
  std::array<char, kTailBytes> tail{};  ///< last bytes of the latest record's value
};
static_assert(sizeof(Totals) == 216);
static_assert(std::endian::native == std::endian::little, "the row's integers are little-endian");

int64_t int64_at(Bytes bytes, size_t offset) {
  int64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void add_record(Bytes value, const Maybe<RawBytes>& current, std::string& out) {
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

double seconds_of(timeval time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void add_options(CLI::App& app, JobOptions& options) {
  app.add_option("--bootstrap", options.engine.bootstrap_servers)->required();
  app.add_option("--application-id", options.engine.application_id)->required();
  app.add_option("--input", options.input)->required();
  app.add_option("--output", options.output, "Exists, with the input's partitions.")->required();
  app.add_option_function<std::string>(
         "--state-dir",
         [&options](const std::string& folder) { options.engine.state_dir = folder; })
      ->required();
  app.add_option("--threads", options.engine.worker_threads);
  app.add_option("--timeout-s", options.timeout_s);
}

int run_job(CLI::App& app, int argc, char** argv, const std::function<Status()>& job) {
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(spdlog::stderr_color_mt(app.get_name()));
  spdlog::set_level(spdlog::level::warn);
  const Status status = job();
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}

Result<Topology> aggregate_topology(const JobOptions& options,
                                    std::function<void(Bytes key)> observer) {
  const Topic<RawBytes, RawBytes> input{options.input};
  const Topic<RawBytes, RawBytes> output{options.output};
  TopologyBuilder builder{"aggregate"};
  const auto add = [observer = std::move(observer)](Bytes key, Bytes value, Maybe<RawBytes> current,
                                                    std::string& out) {
    if (observer) observer(key);
    add_record(value, current, out);
  };
  builder.stream(input).aggregate<RawBytes>(kStore, add).to(output);
  return std::move(builder).build();
}

Result<std::unique_ptr<engine::ClientFactory>> make_clients(const EngineOptions& options) {
  engine::KafkaOptions kafka;
  kafka.bootstrap_servers = options.bootstrap_servers;
  kafka.application_id = options.application_id;
  kafka.client_id = options.application_id;
  kafka.instance_id = options.instance_id;
  kafka.session_timeout_ms = options.session_timeout_ms;
  kafka.transaction_timeout_ms = options.transaction_timeout_ms;
  kafka.prefetch_bytes = options.input_buffer_bytes;
  return engine::make_kafka_clients(kafka);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double peak_rss_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace millrace::bench
