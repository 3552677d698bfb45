#include "millrace/core/ids.h"

#include <charconv>

#include <fmt/format.h>

namespace millrace {

std::string TopicPartition::to_string() const {
  return fmt::format("{}/{}", topic, partition);
}

std::string RecordPosition::to_string() const {
  return fmt::format("{}/{}@{}", topic, partition, offset);
}

std::string TaskId::to_string() const {
  return fmt::format("{}_{}", sub_topology, partition);
}

Result<TaskId> TaskId::parse(std::string_view text) {
  TaskId id;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, id.sub_topology);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '_') {
    const auto second = std::from_chars(first.ptr + 1, end, id.partition);
    if (second.ec == std::errc() && second.ptr == end && id.sub_topology >= 0 &&
        id.partition >= 0) {
      return id;
    }
  }
  return Error{ErrorCode::kInvalidArgument, fmt::format("'{}' is not a task id like 1_3", text)};
}

}  // namespace millrace
