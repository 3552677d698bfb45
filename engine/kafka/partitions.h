#pragma once

#include <span>

#include "engine/clients/clients.h"
#include "engine/kafka/handles.h"

namespace millrace::engine::kafka {

/// librdkafka's list of these partitions; without offsets they are "none".
PartitionList to_list(std::span<const PartitionOffset> offsets);
PartitionList to_list(std::span<const TopicPartition> partitions);

/// The partitions of a list, which may be null.
std::vector<TopicPartition> to_partitions(const rd_kafka_topic_partition_list_t* list);

/// First error that a list's elements carry, told with its partition; ok when there is none.
Status first_error(std::string_view context, const rd_kafka_topic_partition_list_t& list);

}  // namespace millrace::engine::kafka
