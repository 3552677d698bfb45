#include "crm/decode/json_fields.h"

#include <charconv>

#include "crm/decode/field_limits.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr size_t kNumberBytesMax = 32;

template <class Number>
std::string_view number_text(Number number, TextArena& texts) {
  char buffer[kNumberBytesMax];
  const auto written = std::to_chars(buffer, buffer + kNumberBytesMax, number);
  return texts.keep(std::string(buffer, written.ptr));
}

/// Without an exponent while there is room, so that 1e8 is what 100000000 is.
std::string_view number_text(double number, TextArena& texts) {
  char buffer[kNumberBytesMax];
  const auto written =
      std::to_chars(buffer, buffer + kNumberBytesMax, number, std::chars_format::fixed);
  if (written.ec != std::errc()) return number_text<double>(number, texts);
  return texts.keep(std::string(buffer, written.ptr));
}

class Flattener {
 public:
  Flattener(const JsonDocument& document, TextArena& texts, std::vector<JsonLeaf>& leaves)
      : document_(document), texts_(texts), leaves_(leaves) {}

  Status add(const JsonPlace& place, std::string_view name, element value, size_t depth) {
    if (!is_field_name(name)) {
      return document_.fault(place,
                             "a field name must have 1 to 255 bytes without control characters");
    }
    object inner;
    if (value.get(inner) == simdjson::SUCCESS) return add_members(place, name, inner, depth);
    if (leaves_.size() >= kFieldsMax) return document_.fault(place, "too many fields");
    leaves_.push_back({name, leaf_text(value, texts_)});
    return {};
  }

  Status add_members(const JsonPlace& place, std::string_view prefix, object members,
                     size_t depth) {
    if (depth >= kFieldDepthMax) return document_.fault(place, "a field is nested too deeply");
    for (const auto [key, value] : members) {
      std::string_view name = key;
      if (!prefix.empty()) {
        std::string dotted;
        dotted.reserve(prefix.size() + 1 + key.size());
        dotted.append(prefix).append(1, '.').append(key);
        name = texts_.keep(std::move(dotted));
      }
      MILLRACE_RETURN_IF_ERROR(add(place.member(key), name, value, depth + 1));
    }
    return {};
  }

 private:
  const JsonDocument& document_;
  TextArena& texts_;
  std::vector<JsonLeaf>& leaves_;
};

}  // namespace

std::optional<std::string_view> leaf_text(element value, TextArena& texts) {
  switch (value.type()) {
    case element_type::STRING:
      return value.get_string().value_unsafe();
    case element_type::BOOL:
      return value.get_bool().value_unsafe() ? "true" : "false";
    case element_type::INT64:
      return number_text(value.get_int64().value_unsafe(), texts);
    case element_type::UINT64:
      return number_text(value.get_uint64().value_unsafe(), texts);
    case element_type::DOUBLE:
      return number_text(value.get_double().value_unsafe(), texts);
    case element_type::NULL_VALUE:
      return std::nullopt;
    case element_type::ARRAY:
    case element_type::OBJECT:
      break;
  }
  return texts.keep(simdjson::minify(value));
}

Status flatten(const JsonDocument& document, const JsonPlace& place, object members,
               TextArena& texts, std::vector<JsonLeaf>& leaves) {
  return Flattener(document, texts, leaves).add_members(place, {}, members, 0);
}

Status flatten_member(const JsonDocument& document, const JsonPlace& place, std::string_view name,
                      element value, TextArena& texts, std::vector<JsonLeaf>& leaves) {
  return Flattener(document, texts, leaves).add(place, name, value, 0);
}

}  // namespace millrace::crm
