#pragma once

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"
#include "engine/kafka/client/library_version.h"

namespace millrace::engine::kafka {

/// Where `consumer` stands in its group now. Generation −1 when it is no member, or when a
/// librdkafka before 2.8.0 writes the metadata in a form we do not know.
GroupMetadata capture_group_metadata(rd_kafka_t* consumer);

#if !MILLRACE_RDKAFKA_TELLS_GENERATION
/// The generation in metadata that librdkafka encoded; −1 when it cannot be told.
int32_t generation_of(std::string_view encoded);
#endif

}  // namespace millrace::engine::kafka
