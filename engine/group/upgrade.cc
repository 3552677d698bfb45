#include "engine/group/upgrade.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::engine {

std::vector<std::string> inputs_by_number(std::span<const SubTopology> sub_topologies) {
  std::vector<std::string> inputs(sub_topologies.size());
  for (const SubTopology& sub_topology : sub_topologies) {
    std::vector<std::string_view> topics;
    for (const ResolvedInput& input : sub_topology.inputs) topics.push_back(input.topic);
    std::sort(topics.begin(), topics.end());
    inputs[static_cast<size_t>(sub_topology.index)] = fmt::format("{}", fmt::join(topics, ","));
  }
  return inputs;
}

Status check_same_numbers(const std::vector<std::string>& ours, const InstanceReport& theirs) {
  const size_t common = std::min(ours.size(), theirs.inputs.size());
  for (size_t i = 0; i < common; ++i) {
    if (ours[i] == theirs.inputs[i]) continue;
    return Error{
        ErrorCode::kConfig,
        fmt::format(
            "sub-topology {} reads '{}' here, and '{}' in the version that instance '{}' of "
            "this application runs or starts: the two would take each other's tasks for their "
            "own. Stop all instances of both versions, then start those of one version; one that "
            "was killed counts until session.timeout.ms is over",
            i, ours[i], theirs.inputs[i], theirs.instance)};
  }
  return {};
}

}  // namespace millrace::engine
