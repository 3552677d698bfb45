#pragma once

#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/core/resolved_topology.h"
#include "engine/plan/plan.h"

namespace millrace::engine {

/// See `InstanceReport::inputs`.
std::vector<std::string> inputs_by_number(std::span<const SubTopology> sub_topologies);

/// Whether the versions of the topology that two instances run can share its tasks. They number
/// sub-topologies, so a number has to mean the same inputs to both; one may have more of them.
/// Error: `kConfig`, for the instance of `ours`.
Status check_same_numbers(const std::vector<std::string>& ours, const InstanceReport& theirs);

}  // namespace millrace::engine
