#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "millrace/engine/queries.h"

#include "feature_entitlement_generated.h"

namespace millrace::apps {

/// How a feature stands: kind, segment, time of the next change and sources; now, or at `as_of_ms`.
nlohmann::json entitlement_json(const crm::FeatureEntitlement& entitlement,
                                std::optional<int64_t> as_of_ms);

/// The entitlements of a root account, by feature: kind, segment, time of the next change and
/// sources; now, or at `as_of_ms`, past or future, by the timeline that is known now. Leaves out
/// features that it has at no time. Null when the program derives no entitlements. `partition` is
/// the root's. Errors: those of `Queries`.
Result<nlohmann::json> entitlements_json(const Queries& queries, const std::string& root,
                                         int32_t partition, std::optional<int64_t> as_of_ms);

}  // namespace millrace::apps
