#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

/// Sends records, each to its key's partition, and keeps to a rate. Reports its progress to stderr
/// every second.
class WorkloadSender {
 public:
  /// `rate`: records per second; 0: as fast as it goes.
  WorkloadSender(engine::Admin& admin, engine::Producer& producer, int64_t rate)
      : admin_(admin), producer_(producer), rate_(rate) {}

  /// `value` empty: a tombstone. Errors: those of `Admin::describe_topic` when the topic is new to
  /// this, and of `Producer::send`.
  Status send(std::string_view topic, std::string_view key, const std::optional<std::string>& value,
              int64_t timestamp_ms);

  int64_t records() const { return records_; }
  int64_t records_in(std::string_view topic) const;
  double seconds() const;

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Target {
    int32_t handle = 0;
    int32_t partitions = 0;
    int64_t records = 0;
  };
  Result<Target*> target_of(std::string_view topic);
  void keep_to_rate();

  engine::Admin& admin_;
  engine::Producer& producer_;
  const int64_t rate_;
  std::map<std::string, Target, std::less<>> targets_;
  const SteadyClock::time_point start_ = SteadyClock::now();
  SteadyClock::time_point next_report_ = start_ + std::chrono::seconds(1);
  int64_t records_ = 0;
};

}  // namespace millrace::apps
