#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace millrace::engine {

/// An instance at one moment, as `History` needs it.
struct Reading {
  int64_t at_ms = 0;
  int64_t lag_records = -1;  ///< −1: unknown
  int64_t freshness_ms = -1;
  std::map<std::string, double, std::less<>> metrics{};  ///< as `sum_samples` gives them
  double resident_bytes = 0;
};

/// The last hour of an instance in samples: some 40 KiB. Thread-safe.
class History {
 public:
  static constexpr int64_t kIntervalMs = 10'000;
  static constexpr size_t kSamplesMax = 360;

  /// Adds what happened since the reading before; the first one only begins.
  void add(Reading reading);
  /// `{"interval_ms", "at_ms": […], "series": {name: […]}}`: a value for each moment, null where it
  /// is unknown.
  std::string json() const;

  static constexpr std::array<std::string_view, 13> kNames{
      "lag_records",     "freshness_ms",        "processed_per_second", "commits_per_second",
      "commit_ms.drain", "commit_ms.changelog", "commit_ms.offsets",    "commit_ms.transaction",
      "commit_ms.store", "cache_bytes",         "dirty_bytes",          "input_buffer_bytes",
      "resident_bytes"};

 private:
  struct Sample {
    int64_t at_ms = 0;
    std::array<double, kNames.size()> values{};  ///< NaN: unknown
  };
  static Sample between(const Reading& before, const Reading& now);

  mutable std::mutex mutex_;
  Reading last_;  ///< its moment 0: none yet
  std::deque<Sample> samples_;
};

/// Takes a reading each `History::kIntervalMs` on a thread of its own, from its beginning to its
/// end.
class Sampler {
 public:
  /// `read` is called on that thread.
  Sampler(History& history, std::function<Reading()> read);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses the others
};

/// Memory of this process that is in RAM; 0: unknown.
double resident_bytes();

}  // namespace millrace::engine
