#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"

namespace millrace::engine::kafka {

/// librdkafka's list of these partitions; without offsets they are "none".
PartitionList to_list(std::span<const PartitionOffset> offsets);
PartitionList to_list(std::span<const TopicPartition> partitions);

/// The same for a commit, with stream times as the offsets' metadata.
PartitionList to_commit_list(std::span<const PartitionOffset> offsets);

/// A stream time as the metadata of a committed offset. Of other metadata, which other programs may
/// have written, the time is −1.
std::string stream_time_metadata(int64_t stream_time_ms);
int64_t stream_time_in(std::string_view metadata);

/// The partitions of a list, which may be null.
std::vector<TopicPartition> to_partitions(const rd_kafka_topic_partition_list_t* list);

/// First error that a list's elements carry, told with its partition; ok when there is none.
Status first_error(std::string_view context, const rd_kafka_topic_partition_list_t& list);

}  // namespace millrace::engine::kafka
