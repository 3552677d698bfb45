#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/engine/http_route.h"

namespace millrace::engine {

/// Decodes %XX; in a query string also '+' as a space. nullopt: a '%' without two hex digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);
/// Encodes everything but unreserved characters, so that the result is one segment or value.
std::string percent_encoded(std::string_view text);
/// The parts between separators; one empty part for an empty text.
std::vector<std::string_view> split_at(std::string_view text, char separator);

/// Reads the query string into `request.parameters`, and checks these and `request.arguments`
/// against the parameters that the route declares. Returns the fault for the caller; empty: none.
std::string read_parameters(const HttpRoute& route, std::string_view query, HttpRequest& request);

}  // namespace millrace::engine
