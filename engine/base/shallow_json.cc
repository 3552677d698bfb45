#include "engine/base/shallow_json.h"

#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

/// The ordered JSON compares each member of an object with all before it.
constexpr size_t kOrderedMembersMax = 4'096;

struct Bounds {
  size_t depth;
  size_t members;  ///< of an object
};

/// Whether the brackets that are open at some place, or the members of an object, are more. Of a
/// text that is no JSON, any answer is right.
bool exceeds(std::string_view text, const Bounds& bounds) {
  std::vector<size_t> members;  // of the open objects; of lists always 0
  std::vector<bool> is_object;
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
      if (members.size() >= bounds.depth) return true;
      members.push_back(0);
      is_object.push_back(c == '{');
    } else if ((c == ']' || c == '}') && !members.empty()) {
      members.pop_back();
      is_object.pop_back();
    } else if (c == ',' && !members.empty() && is_object.back()) {
      if (++members.back() >= bounds.members) return true;
    }
  }
  return false;
}

/// The library's own callback could watch the depth, but with one it searches the whole container
/// after each of its objects.
template <class AnyJson>
AnyJson parse_bounded(std::string_view text, const Bounds& bounds) {
  if (exceeds(text, bounds)) return AnyJson(AnyJson::value_t::discarded);
  return AnyJson::parse(text, nullptr, false);
}

}  // namespace

nlohmann::json parse_shallow_json(std::string_view text, int depth_max) {
  return parse_bounded<nlohmann::json>(
      text, {static_cast<size_t>(depth_max), std::numeric_limits<size_t>::max()});
}

nlohmann::ordered_json parse_shallow_ordered_json(std::string_view text, int depth_max) {
  return parse_bounded<nlohmann::ordered_json>(
      text, {static_cast<size_t>(depth_max), kOrderedMembersMax});
}

}  // namespace millrace::engine
