#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"

#include "tests/peer/case.h"

namespace millrace::peer {

/// A topic that the case writes.
struct Output {
  size_t node = 0;
  std::string topic;
  bool is_windowed = false;  ///< its keys are windows of keys
};

struct Plan {
  Result<Topology> topology;
  std::vector<Output> outputs;
};

std::string input_topic(size_t node);

/// Builds the topology of a case. Throws `std::invalid_argument` when its text makes no sense.
Plan make_plan(const Case& of);

}  // namespace millrace::peer
