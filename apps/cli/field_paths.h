#pragma once

#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace millrace::apps {

/// The scalars of a JSON value, by their paths.
using FieldPaths = std::map<std::string, nlohmann::ordered_json, std::less<>>;

/// The scalars in `json`. Dots join names. The name of an array's element is its `name` or `id` if
/// these differ between all elements, as in "fields.website.value", else its number. Empty objects
/// and arrays count as scalars.
FieldPaths field_paths(const nlohmann::ordered_json& json);

/// Whether `name` is field `part`, or within it.
bool is_in_field(std::string_view name, std::string_view part);

}  // namespace millrace::apps
