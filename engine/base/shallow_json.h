#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace millrace::engine {

/// Reads JSON that others wrote, in a time that grows with its size only. Discarded: it is none, or
/// has more than `depth_max` objects and arrays inside each other, so that writing it again could
/// exhaust the stack.
nlohmann::json parse_shallow_json(std::string_view text, int depth_max);
/// The same; members keep their order. Also discarded: an object has more than 4,096 of them.
nlohmann::ordered_json parse_shallow_ordered_json(std::string_view text, int depth_max);

}  // namespace millrace::engine
