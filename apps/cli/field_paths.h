#pragma once

#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace millrace::apps {

/// What JSON holds, by where it stands.
using FieldPaths = std::map<std::string, nlohmann::ordered_json, std::less<>>;

/// The scalars in `json`. Names are joined by dots; what stands in an array goes by its `name` or
/// `id` where all have another one, as in "fields.website.value", else by its number. Empty objects
/// and arrays count as scalars.
FieldPaths field_paths(const nlohmann::ordered_json& json);

/// Whether `name` is field `part`, or within it.
bool is_in_field(std::string_view name, std::string_view part);

}  // namespace millrace::apps
