#include "engine/kafka/client/partitions.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/numbers.h"
#include "engine/kafka/client/errors.h"

namespace millrace::engine::kafka {
namespace {

constexpr std::string_view kStreamTimeName = "stream_time_ms=";

std::span<const rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<size_t>(list.cnt)};
}

}  // namespace

PartitionList to_list(std::span<const PartitionOffset> offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const PartitionOffset& at : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), at.partition.topic.c_str(),
                                      at.partition.partition)
        ->offset = at.offset;
  }
  return list;
}

PartitionList to_commit_list(std::span<const PartitionOffset> offsets) {
  PartitionList list = to_list(offsets);
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i].stream_time_ms < 0) continue;
    const std::string metadata = stream_time_metadata(offsets[i].stream_time_ms);
    rd_kafka_topic_partition_t& element = list->elems[i];
    element.metadata = strdup(metadata.c_str());  // the list frees it
    element.metadata_size = metadata.size();
  }
  return list;
}

std::string stream_time_metadata(int64_t stream_time_ms) {
  return std::string(kStreamTimeName).append(std::to_string(stream_time_ms));
}

int64_t stream_time_in(std::string_view metadata) {
  int64_t stream_time_ms = -1;
  if (!metadata.starts_with(kStreamTimeName)) return -1;
  metadata.remove_prefix(kStreamTimeName.size());
  if (!read_number(metadata, stream_time_ms) || stream_time_ms < 0) return -1;
  return std::min(stream_time_ms, kEventTimeMaxMs);
}

PartitionList to_list(std::span<const TopicPartition> partitions) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto& [topic, partition] : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  }
  return list;
}

std::vector<TopicPartition> to_partitions(const rd_kafka_topic_partition_list_t* list) {
  std::vector<TopicPartition> partitions;
  if (list == nullptr) return partitions;
  partitions.reserve(static_cast<size_t>(list->cnt));
  for (const auto& element : elements(*list)) {
    partitions.push_back({element.topic, element.partition});
  }
  return partitions;
}

Status first_error(std::string_view context, const rd_kafka_topic_partition_list_t& list) {
  for (const auto& element : elements(list)) {
    if (element.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return make_error(fmt::format("{} of {}/{}", context, element.topic, element.partition),
                      element.err);
  }
  return {};
}

}  // namespace millrace::engine::kafka
