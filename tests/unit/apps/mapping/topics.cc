#include "topics.h"

#include <fstream>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::apps {

std::vector<std::string> values_of(const std::string& topic) {
  std::ifstream file(std::string(MILLRACE_MAPPING_DATA "/") + topic + ".jsonl");
  MILLRACE_ASSERT(file.is_open(), "no such file");
  std::vector<std::string> values;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) values.push_back(std::move(line));
  }
  return values;
}

void write_topic(testing::MemoryBroker& broker, const std::string& topic,
                 const std::vector<std::string>& values, int32_t partitions,
                 const std::string& key) {
  broker.create_topic(topic, partitions);
  int32_t partition = 0;
  for (const std::string& value : values) {
    testing::StoredRecord record;
    if (!key.empty()) record.key = key;
    record.value = value;
    record.timestamp_ms = 1'000;
    broker.append({topic, partition}, std::move(record));
    partition = (partition + 1) % partitions;
  }
}

}  // namespace millrace::apps
