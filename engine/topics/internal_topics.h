#pragma once

#include <string>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/options.h"

#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// Where dead letters go; empty when no policy asks for them.
std::string dead_letter_topic(const EngineOptions& options);

/// Resolves the topology with the partition counts of its topics, and makes sure that all its
/// topics exist and fit: creates changelogs (compacted), exchanges (kept until purged), the
/// group's topics and the dead-letter topic, and checks those that exist
/// (`internal_settings.h`).
///
/// Errors: `kConfig` naming all topics at fault and the way out: missing sources and sinks, sources
/// that are not co-partitioned, internal topics with another partition count or with settings that
/// lose records or their times, internal topics of this application that the topology does not use
/// (unless `allow_orphans`; topics of a longer application id that begins with ours do not count:
/// its control topic shows that it exists); those of `check_changelogs` and of `Admin`.
Result<ResolvedTopology> prepare_topics(Admin& admin, const Topology& topology,
                                        const EngineOptions& options);

}  // namespace millrace::engine
