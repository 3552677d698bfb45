#pragma once

#include <memory>

#include <librdkafka/rdkafka.h>

namespace millrace::engine::kafka {

/// Owners of librdkafka's objects, one deleter per C handle. Everything obtained from librdkafka is
/// held by one of these from its first line on: one leaked list or message makes
/// `rd_kafka_destroy` hang for ever.
template <auto kFree>
struct HandleDeleter {
  template <class T>
  void operator()(T* handle) const {
    kFree(handle);
  }
};

/// Ends a client without closing its group membership first: `Membership` closes on its own, within
/// a bounded time, and no other client joins a group.
inline void destroy_client(rd_kafka_t* client) {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

using Client = std::unique_ptr<rd_kafka_t, HandleDeleter<destroy_client>>;
using Conf = std::unique_ptr<rd_kafka_conf_t, HandleDeleter<rd_kafka_conf_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, HandleDeleter<rd_kafka_queue_destroy>>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, HandleDeleter<rd_kafka_topic_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, HandleDeleter<rd_kafka_message_destroy>>;
using Headers = std::unique_ptr<rd_kafka_headers_t, HandleDeleter<rd_kafka_headers_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, HandleDeleter<rd_kafka_error_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, HandleDeleter<rd_kafka_event_destroy>>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      HandleDeleter<rd_kafka_topic_partition_list_destroy>>;
using GroupMetadataHandle =
    std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                    HandleDeleter<rd_kafka_consumer_group_metadata_destroy>>;
using TopicMetadata =
    std::unique_ptr<const rd_kafka_metadata_t, HandleDeleter<rd_kafka_metadata_destroy>>;
using GroupList =
    std::unique_ptr<const rd_kafka_group_list, HandleDeleter<rd_kafka_group_list_destroy>>;
using AdminOptions =
    std::unique_ptr<rd_kafka_AdminOptions_t, HandleDeleter<rd_kafka_AdminOptions_destroy>>;
using NewTopicHandle =
    std::unique_ptr<rd_kafka_NewTopic_t, HandleDeleter<rd_kafka_NewTopic_destroy>>;
using ConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, HandleDeleter<rd_kafka_ConfigResource_destroy>>;
using DeleteRecords =
    std::unique_ptr<rd_kafka_DeleteRecords_t, HandleDeleter<rd_kafka_DeleteRecords_destroy>>;

}  // namespace millrace::engine::kafka
