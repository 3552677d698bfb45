#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "millrace/engine/queries.h"

namespace millrace::engine {

/// A line of JSON. Bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& value);

nlohmann::json position_object(const StatePosition& position);

}  // namespace millrace::engine
