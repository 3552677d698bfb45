#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/ids.h"

#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// Which topics the sub-topologies read, and which of these inputs lead to others: records of an
/// input may cause records in the topic of another, through an exchange or a sink.
class DataFlow {
 public:
  /// An input of a sub-topology's tasks, by their numbers.
  struct InputId {
    int32_t sub_topology = 0;
    size_t input = 0;

    friend auto operator<=>(const InputId&, const InputId&) = default;
  };
  struct Input {
    std::string topic;
    std::vector<InputId> before;  ///< those that lead to it
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
