#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace millrace::engine {

/// Reads JSON that others wrote. Discarded: it is none, or nested deeper than `depth_max`, so that
/// writing it again could exhaust the stack.
nlohmann::json parse_shallow_json(std::string_view text, int depth_max);
/// The same; members keep their order.
nlohmann::ordered_json parse_shallow_ordered_json(std::string_view text, int depth_max);

}  // namespace millrace::engine
