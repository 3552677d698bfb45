#pragma once

#include "engine/clients/clients.h"
#include "engine/kafka/handles.h"

namespace millrace::engine::kafka {

/// Where `consumer` stands in its group now. Generation −1 when it is no member, or when this
/// librdkafka writes the metadata in a form we do not know.
GroupMetadata capture_group_metadata(rd_kafka_t* consumer);

/// The generation in metadata that librdkafka encoded; −1 when it cannot be told.
int32_t generation_of(std::string_view encoded);

}  // namespace millrace::engine::kafka
