#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

namespace millrace {

/// A partition of a topic.
struct TopicPartition {
  std::string topic;
  int32_t partition = 0;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  std::string to_string() const;  ///< "topic/3"
};

/// Where a record came from; offset −1 for records no topic has (punctuation).
struct RecordPosition {
  std::string_view topic;  ///< lives as long as the topology
  int32_t partition = -1;
  int64_t offset = -1;

  std::string to_string() const;  ///< "topic/3@42"
};

/// One sub-topology × one partition: the unit of parallelism, ownership and failover.
struct TaskId {
  int32_t sub_topology = 0;
  int32_t partition = 0;

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
  std::string to_string() const;  ///< "1_3"; also the name of the task's state directory
  /// Error: `kInvalidArgument` when `text` is not of the form "1_3".
  static Result<TaskId> parse(std::string_view text);
};

}  // namespace millrace
