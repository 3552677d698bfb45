#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/ids.h"

#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// Which topics the sub-topologies read, and which of them other sub-topologies write.
class DataFlow {
 public:
  struct Input {
    std::string topic;
    std::set<int32_t> writers;  ///< sub-topologies, by index
  };

  DataFlow() = default;
  explicit DataFlow(std::span<const SubTopology> sub_topologies);

  /// Whether any sub-topology reads this partition.
  bool is_input(const TopicPartition& partition) const;
  /// Those of the tasks of a sub-topology. REQUIRES: it exists.
  const std::vector<Input>& inputs_of(int32_t sub_topology) const;
  /// Number of its tasks. REQUIRES: it exists.
  int32_t partitions_of(int32_t sub_topology) const;

 private:
  struct Part {
    int32_t partitions = 0;
    std::vector<Input> inputs;
  };
  std::map<int32_t, Part> parts_;
};

}  // namespace millrace::engine
