#include "engine/output/output_topics.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

/// Below it batches are so small that sending is noticeably slower.
constexpr size_t kSmallBatchBytes = 65'536;

}  // namespace

OutputTopics::OutputTopics(const std::vector<std::string>& names) {
  topics_.reserve(names.size());
  for (const std::string& name : names) topics_.emplace_back().name = name;
}

int32_t OutputTopics::add(const std::string& name) {
  const auto found = std::find_if(topics_.begin(), topics_.end(),
                                  [&](const OutputTopic& topic) { return topic.name == name; });
  if (found != topics_.end()) return static_cast<int32_t>(found - topics_.begin());
  topics_.emplace_back().name = name;
  return static_cast<int32_t>(topics_.size() - 1);
}

Status OutputTopics::describe(Admin& admin) {
  std::vector<std::string> missing;
  for (OutputTopic& topic : topics_) {
    const Result<TopicDescription> described = admin.describe_topic(topic.name);
    if (described.ok()) {
      topic.partitions = described->partitions;
      topic.limits = limits_of(described->config);
    } else if (described.code() == ErrorCode::kNotFound || described.code() == ErrorCode::kConfig) {
      missing.push_back(topic.name);
    } else {
      return described.status();
    }
  }
  if (missing.empty()) {
    warn_of_small_batches();
    return {};
  }
  return Error{ErrorCode::kConfig,
               fmt::format("output topics do not exist: '{}'. Create them first",
                           fmt::join(missing, "', '"))};
}

void OutputTopics::warn_of_small_batches() const {
  for (const OutputTopic& topic : topics_) {
    if (topic.limits.batch_bytes_max >= kSmallBatchBytes) continue;
    spdlog::warn(
        "topic '{}' takes batches of {} bytes only, so this instance sends no larger ones to any "
        "topic: raise its max.message.bytes for throughput",
        topic.name, topic.limits.batch_bytes_max);
  }
}

ProducerLimits OutputTopics::producer_limits() const {
  ProducerLimits limits;
  for (const OutputTopic& topic : topics_) {
    limits.record_bytes_max = std::max(limits.record_bytes_max, topic.limits.batch_bytes_max);
    limits.batch_bytes_max = std::min(limits.batch_bytes_max, topic.limits.batch_bytes_max);
  }
  return limits;
}

Result<std::vector<int32_t>> OutputTopics::handles_of(Producer& producer) const {
  std::vector<int32_t> handles;
  for (const OutputTopic& topic : topics_) {
    const Result<int32_t> handle = producer.topic_handle(topic.name);
    if (!handle.ok()) return handle.status();
    handles.push_back(*handle);
  }
  return handles;
}

void OutputTopics::bind(std::span<const int32_t> handles) {
  MILLRACE_ASSERT(handles.size() == topics_.size(), "a handle for every topic");
  for (size_t i = 0; i < handles.size(); ++i) topics_[i].handle = handles[i];
}

}  // namespace millrace::engine
