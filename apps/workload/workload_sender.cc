#include "apps/workload/workload_sender.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "millrace/core/partitioner.h"

namespace millrace::apps {

Result<WorkloadSender::Target*> WorkloadSender::target_of(std::string_view topic) {
  const auto known = targets_.find(topic);
  if (known != targets_.end()) return &known->second;
  const std::string name(topic);
  const auto description = admin_.describe_topic(name);
  if (!description.ok()) return description.status();
  const auto handle = producer_.topic_handle(name);
  if (!handle.ok()) return handle.status();
  return &targets_.emplace(name, Target{*handle, description->partitions}).first->second;
}

Status WorkloadSender::send(std::string_view topic, std::string_view key,
                            const std::optional<std::string>& value, int64_t timestamp_ms) {
  const Result<Target*> target = target_of(topic);
  if (!target.ok()) return target.status();
  ++records_;
  ++(*target)->records;
  keep_to_rate();
  return producer_.send({.topic = (*target)->handle,
                         .partition = partition_of(Bytes(key), (*target)->partitions),
                         .key = Bytes(key),
                         .value = value ? Bytes(*value) : Bytes(),
                         .timestamp_ms = timestamp_ms,
                         .headers = {}});
}

int64_t WorkloadSender::records_in(std::string_view topic) const {
  const auto found = targets_.find(topic);
  return found == targets_.end() ? 0 : found->second.records;
}

double WorkloadSender::seconds() const {
  return std::chrono::duration<double>(SteadyClock::now() - start_).count();
}

void WorkloadSender::keep_to_rate() {
  if (rate_ > 0) {
    const auto due = start_ + std::chrono::microseconds(records_ * 1'000'000 / rate_);
    if (due > SteadyClock::now()) std::this_thread::sleep_until(due);
  }
  if (records_ % 256 != 0 || SteadyClock::now() < next_report_) return;
  next_report_ += std::chrono::seconds(1);
  fmt::print(stderr, "loading records={} records_per_second={:.0f}\n", records_,
             static_cast<double>(records_) / std::max(seconds(), 1e-3));
}

}  // namespace millrace::apps
