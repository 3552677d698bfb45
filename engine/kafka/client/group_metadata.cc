#include "engine/kafka/client/group_metadata.h"

#include <cstring>

namespace millrace::engine::kafka {

#if !MILLRACE_RDKAFKA_TELLS_GENERATION
namespace {

/// librdkafka's form: this mark, the generation as a native int32, then group and member ids.
constexpr std::string_view kMark = "CGMDv2:";

}  // namespace

int32_t generation_of(std::string_view encoded) {
  int32_t generation = -1;
  if (encoded.starts_with(kMark) && encoded.size() >= kMark.size() + sizeof generation) {
    std::memcpy(&generation, encoded.data() + kMark.size(), sizeof generation);
  }
  return generation;
}
#endif

GroupMetadata capture_group_metadata(rd_kafka_t* consumer) {
  GroupMetadata group;
  const GroupMetadataHandle metadata(rd_kafka_consumer_group_metadata(consumer));
  if (metadata == nullptr) return group;
  void* buffer = nullptr;
  size_t size = 0;
  const KafkaError error(rd_kafka_consumer_group_metadata_write(metadata.get(), &buffer, &size));
  if (error != nullptr) return group;
  group.encoded.assign(static_cast<const char*>(buffer), size);
  rd_kafka_mem_free(nullptr, buffer);
#if MILLRACE_RDKAFKA_TELLS_GENERATION
  group.generation = rd_kafka_consumer_group_metadata_generation_id(metadata.get());
#else
  group.generation = generation_of(group.encoded);
#endif
  return group;
}

}  // namespace millrace::engine::kafka
