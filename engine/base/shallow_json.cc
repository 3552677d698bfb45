#include "engine/base/shallow_json.h"

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

template <class AnyJson>
AnyJson parse_shallow(std::string_view text, int depth_max) {
  bool is_deep = false;
  const auto watch_depth = [&](int depth, typename AnyJson::parse_event_t, AnyJson&) {
    is_deep = is_deep || depth > depth_max;
    return !is_deep;
  };
  AnyJson json = AnyJson::parse(text, watch_depth, false);
  return is_deep ? AnyJson(AnyJson::value_t::discarded) : json;
}

}  // namespace

nlohmann::json parse_shallow_json(std::string_view text, int depth_max) {
  return parse_shallow<nlohmann::json>(text, depth_max);
}

nlohmann::ordered_json parse_shallow_ordered_json(std::string_view text, int depth_max) {
  return parse_shallow<nlohmann::ordered_json>(text, depth_max);
}

}  // namespace millrace::engine
