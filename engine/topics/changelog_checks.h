#pragma once

#include <span>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// Checks that the changelogs hold all that local state and the group's offsets rely on.
///
/// `wanted` are the topics to create; for changelogs among them it makes the delete.retention.ms
/// as long as `state_max_age_ms` needs. Blocks on brokers. Errors, `kConfig` with the
/// way out:
/// - a changelog in `wanted` belongs to tasks of which the group has committed offsets: it was
///   deleted, and the tasks would start from nothing at those offsets;
/// - an existing one forgets deletions within `state_max_age_ms`: deleted rows would come back;
/// and those of `Admin`.
Status check_changelogs(Admin& admin, const ResolvedTopology& resolved,
                        const EngineOptions& options, std::vector<NewTopic>& wanted);

}  // namespace millrace::engine
