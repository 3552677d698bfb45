#pragma once

#include <string>
#include <vector>

#include "engine/testing/memory_broker.h"

namespace millrace::apps {

/// The values of a file of the folder `data`: those of the topic of this name.
std::vector<std::string> values_of(const std::string& topic);
/// Creates a topic of `partitions` and writes values, one partition after another in turns. `key`
/// is that of all records.
void write_topic(testing::MemoryBroker& broker, const std::string& topic,
                 const std::vector<std::string>& values, int32_t partitions = 1,
                 const std::string& key = "");

}  // namespace millrace::apps
