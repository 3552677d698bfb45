#include "engine/base/shallow_json.h"

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

/// Whether more than `depth_max` brackets are open at some place. Of a text that is no JSON, any
/// answer is right.
bool is_deeper(std::string_view text, int depth_max) {
  int depth = 0;
  bool is_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        is_string = false;
      }
    } else if (c == '"') {
      is_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

/// The library's own callback could watch the depth, but with one it searches the whole container
/// after each of its objects.
template <class AnyJson>
AnyJson parse_shallow(std::string_view text, int depth_max) {
  if (is_deeper(text, depth_max)) return AnyJson(AnyJson::value_t::discarded);
  return AnyJson::parse(text, nullptr, false);
}

}  // namespace

nlohmann::json parse_shallow_json(std::string_view text, int depth_max) {
  return parse_shallow<nlohmann::json>(text, depth_max);
}

nlohmann::ordered_json parse_shallow_ordered_json(std::string_view text, int depth_max) {
  return parse_shallow<nlohmann::ordered_json>(text, depth_max);
}

}  // namespace millrace::engine
