#include "engine/console/history.h"

#include <chrono>
#include <exception>
#include <fstream>
#include <limits>
#include <stop_token>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double value_of(const Reading& reading, std::string_view name) {
  const auto found = reading.metrics.find(name);
  return found == reading.metrics.end() ? 0 : found->second;
}

double growth(const Reading& before, const Reading& now, const std::string& name) {
  return value_of(now, name) - value_of(before, name);
}

/// Mean time of a phase over the commits between two readings.
double phase_ms(const Reading& before, const Reading& now, std::string_view phase) {
  const std::string suffix = "/" + std::string(phase);
  const double count = growth(before, now, "millrace_commit_phase_seconds_count" + suffix);
  if (count <= 0) return kUnknown;
  return growth(before, now, "millrace_commit_phase_seconds_sum" + suffix) / count * 1'000;
}

double known_or_nan(int64_t value) {
  return value < 0 ? kUnknown : static_cast<double>(value);
}

}  // namespace

History::Sample History::between(const Reading& before, const Reading& now) {
  const double seconds = static_cast<double>(now.at_ms - before.at_ms) / 1'000;
  const auto per_second = [&](const std::string& name) {
    return seconds > 0 ? growth(before, now, name) / seconds : kUnknown;
  };
  return {now.at_ms,
          {known_or_nan(now.lag_records), known_or_nan(now.freshness_ms),
           per_second("millrace_records_processed_total"), per_second("millrace_commits_total"),
           phase_ms(before, now, "drain"), phase_ms(before, now, "changelog"),
           phase_ms(before, now, "offsets"), phase_ms(before, now, "transaction"),
           phase_ms(before, now, "store"), value_of(now, "millrace_store_cache_bytes"),
           value_of(now, "millrace_store_dirty_bytes"),
           value_of(now, "millrace_input_buffer_bytes"), now.resident_bytes}};
}

void History::add(Reading reading) {
  const std::lock_guard lock(mutex_);
  if (last_.at_ms != 0) {
    samples_.push_back(between(last_, reading));
    if (samples_.size() > kSamplesMax) samples_.pop_front();
  }
  last_ = std::move(reading);
}

std::string History::json() const {
  nlohmann::ordered_json moments = nlohmann::ordered_json::array();
  nlohmann::ordered_json series = nlohmann::ordered_json::object();
  const std::lock_guard lock(mutex_);
  for (const Sample& sample : samples_) moments.push_back(sample.at_ms);
  for (size_t i = 0; i < kNames.size(); ++i) {
    nlohmann::ordered_json values = nlohmann::ordered_json::array();
    for (const Sample& sample : samples_) values.push_back(sample.values[i]);  // NaN: null
    series[std::string(kNames[i])] = std::move(values);
  }
  const nlohmann::ordered_json body{
      {"interval_ms", kIntervalMs}, {"at_ms", std::move(moments)}, {"series", std::move(series)}};
  return body.dump() + "\n";
}

Sampler::Sampler(History& history, std::function<Reading()> read)
    : thread_([this, &history, read = std::move(read)](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          try {
            history.add(read());
          } catch (const std::exception& error) {
            spdlog::warn("no sample for the console error=\"{}\"", error.what());
          }
          std::unique_lock lock(mutex_);
          wake_.wait_for(lock, stop, std::chrono::milliseconds(History::kIntervalMs),
                         [] { return false; });
        }
      }) {}

Sampler::~Sampler() {
  thread_.request_stop();
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  if (!(file >> all >> resident)) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace millrace::engine
