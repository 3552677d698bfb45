#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "millrace/engine/queries.h"

namespace millrace::apps {

/// The entitlements of a root account, by feature: kind, current segment, time of the next change
/// and sources. Leaves out features that it has at no time. Null when the program derives no
/// entitlements. `partition` is the root's. Errors: those of `Queries`.
Result<nlohmann::json> entitlements_json(const Queries& queries, const std::string& root,
                                         int32_t partition);

}  // namespace millrace::apps
