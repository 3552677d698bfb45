#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "millrace/engine/queries.h"

namespace millrace::apps {

/// What a root account may use, by feature: kind, what is current, when that changes next and from
/// which sources it comes. Features that it has at no time are left out. Null when the program
/// derives no entitlements. `partition` is the root's. Errors: those of `Queries`.
Result<nlohmann::json> entitlements_json(const Queries& queries, const std::string& root,
                                         int32_t partition);

}  // namespace millrace::apps
