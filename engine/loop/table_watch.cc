#include "engine/loop/table_watch.h"

#include <fmt/format.h>

namespace millrace::engine {
namespace {

constexpr int64_t kIntervalNs = 30'000 * kNsPerMs;

}  // namespace

Error table_has_grown(const std::string& topic, int32_t partitions, int32_t read) {
  return {ErrorCode::kConfig,
          fmt::format("broadcast topic '{}' has {} partitions now, but this instance reads {}: "
                      "rows in the new ones would be missed. Start all instances of the "
                      "application again",
                      topic, partitions, read)};
}

TableWatch::TableWatch(const Instance& instance, Admin& admin,
                       std::vector<std::pair<std::string, int32_t>> partitions)
    : clock_(instance.clock),
      admin_(admin),
      partitions_(std::move(partitions)),
      due_ns_(clock_.steady_ns() + kIntervalNs),
      errands_(partitions_.empty() || instance.clients.answers_at_once() ? 0 : 1) {}

Status TableWatch::check() {
  if (answer_ != nullptr) {
    if (!answer_->is_there()) return {};
    return std::exchange(answer_, nullptr)->answer();
  }
  if (partitions_.empty() || clock_.steady_ns() < due_ns_) return {};
  due_ns_ = clock_.steady_ns() + kIntervalNs;
  answer_ = errands_.ask([this] { return look(); }, [] {});
  return {};
}

Status TableWatch::look() const {
  for (const auto& [topic, partitions] : partitions_) {
    if (errands_.is_stopping()) return {};  // each may take as long as brokers that are away
    const Result<TopicDescription> now = admin_.describe_topic(topic);
    if (!now.ok() || now->partitions <= partitions) continue;
    return table_has_grown(topic, now->partitions, partitions);
  }
  return {};
}

}  // namespace millrace::engine
