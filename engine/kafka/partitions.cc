#include "engine/kafka/partitions.h"

#include <fmt/format.h>

#include "engine/kafka/errors.h"

namespace millrace::engine::kafka {
namespace {

std::span<const rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<size_t>(list.cnt)};
}

}  // namespace

PartitionList to_list(std::span<const PartitionOffset> offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = offset;
  }
  return list;
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
