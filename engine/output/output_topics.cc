#include "engine/output/output_topics.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::engine {
namespace {

/// Kafka's default of max.message.bytes.
constexpr size_t kMessageBytesMaxDefault = 1'048'588;
/// Bytes that the batch of a single record adds at most: batch header, lengths, offsets, timestamp.
constexpr size_t kBatchOverheadBytes = 128;

size_t record_bytes_max(const TopicDescription& topic) {
  size_t limit = kMessageBytesMaxDefault;
  if (const auto found = topic.config.find("max.message.bytes"); found != topic.config.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), limit);
  }
  return limit - std::min(limit, kBatchOverheadBytes);
}

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
      topic.record_bytes_max = record_bytes_max(*described);
    } else if (described.code() == ErrorCode::kNotFound || described.code() == ErrorCode::kConfig) {
      missing.push_back(topic.name);
    } else {
      return described.status();
    }
  }
  if (missing.empty()) return {};
  return Error{ErrorCode::kConfig,
               fmt::format("output topics do not exist: '{}'. Create them first",
                           fmt::join(missing, "', '"))};
}

Status OutputTopics::bind(Producer& producer) {
  for (OutputTopic& topic : topics_) {
    Result<int32_t> handle = producer.topic_handle(topic.name);
    if (!handle.ok()) return handle.status();
    topic.handle = *handle;
  }
  return {};
}

}  // namespace millrace::engine
