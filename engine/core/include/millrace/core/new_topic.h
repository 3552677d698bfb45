#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace millrace {

/// A topic to be created, with the cluster's default number of replicas.
struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  std::map<std::string, std::string> config;  ///< Kafka's topic settings, e.g. `cleanup.policy`
};

}  // namespace millrace
