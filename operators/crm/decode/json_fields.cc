#include "crm/decode/json_fields.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "crm/mapping/field_limits.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr size_t kNumberBytesMax = 32;

template <class Number>
std::string_view number_text(Number number, KeptTexts& texts) {
  char buffer[kNumberBytesMax];
  const auto written = std::to_chars(buffer, buffer + kNumberBytesMax, number);
  return texts.keep(std::string(buffer, written.ptr));
}

/// Without an exponent while there is room, so that 1e8 is what 100000000 is.
std::string_view number_text(double number, KeptTexts& texts) {
  char buffer[kNumberBytesMax];
  const auto written =
      std::to_chars(buffer, buffer + kNumberBytesMax, number, std::chars_format::fixed);
  if (written.ec != std::errc()) return number_text<double>(number, texts);
  return texts.keep(std::string(buffer, written.ptr));
}

/// A value that comes as an object.
struct Wrapped {
  element value{};
  FieldForm form{};
};

/// Debezium's VariableScaleDecimal, `{"scale": 2, "value": "AfQ="}`.
std::optional<Wrapped> variable_scale_decimal(object members) {
  int64_t scale = 0;
  element value;
  if (members.size() != 2 || members["scale"].get(scale) != simdjson::SUCCESS ||
      members["value"].get(value) != simdjson::SUCCESS || !value.is_string()) {
    return std::nullopt;
  }
  // A scale beyond the type is beyond all bounds of decimals as well.
  const auto bounded = std::clamp<int64_t>(scale, std::numeric_limits<int32_t>::min(),
                                           std::numeric_limits<int32_t>::max());
  return Wrapped{
      value,
      {.type = FieldType::Decimal, .scale = static_cast<int32_t>(bounded), .is_binary = true}};
}

/// MongoDB's extended JSON: `{"$numberLong": "5"}`, `{"$date": 1735689600000}`.
std::optional<Wrapped> extended_json(object members) {
  if (members.size() != 1) return std::nullopt;
  const auto member = *members.begin();
  const std::string_view name = member.key;
  Wrapped wrapped{.value = member.value};
  if (name == "$date") {
    wrapped.form = {.type = FieldType::Moment, .numbers = {TimeUnit::kMilliseconds, true}};
    object inner;
    if (wrapped.value.get(inner) != simdjson::SUCCESS) return wrapped;
    const auto number = extended_json(inner);
    if (!number) return std::nullopt;
    wrapped.value = number->value;
    return wrapped;
  }
  if (name == "$numberLong" || name == "$numberInt") {
    wrapped.form.type = FieldType::Integer;
  } else if (name == "$numberDecimal" || name == "$numberDouble") {
    wrapped.form.type = FieldType::Decimal;
  } else if (name != "$oid") {
    return std::nullopt;
  }
  if (wrapped.value.is_object() || wrapped.value.is_array()) return std::nullopt;
  return wrapped;
}

bool is_scalar_type(FieldType type) {
  return type != FieldType::Undeclared && type != FieldType::List;
}

}  // namespace

std::optional<std::string_view> leaf_text(element value, KeptTexts& texts) {
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

Status LeafReader::read(const JsonPlace& place, std::string_view name, element value,
                        std::vector<JsonLeaf>& leaves, size_t depth) {
  if (!is_field_name(name)) {
    return document_.fault(place,
                           "a field name must have 1 to 255 bytes without control characters");
  }
  const FieldMapping* mapped = entity_->find(name);
  if (mapped != nullptr && mapped->dropped) return {};
  FieldForm schema = depth == 0 ? schema_->form_of(name) : FieldForm{};
  object members;
  if (value.get(members) == simdjson::SUCCESS) {
    std::optional<Wrapped> wrapped = extended_json(members);
    const bool is_number = mapped != nullptr || is_scalar_type(schema.type);
    if (!wrapped && is_number) wrapped = variable_scale_decimal(members);
    if (!wrapped && (mapped == nullptr || entity_->compounds.contains(name))) {
      return read_parts(place, name, members, leaves, depth);
    }
    if (wrapped) {
      value = wrapped->value;
      schema = wrapped->form;
    }
  }
  if (leaves.size() >= kFieldsMax) return document_.fault(place, "too many fields");
  leaves.push_back(leaf_of(name, value, mapped, schema));
  return {};
}

Status LeafReader::read_parts(const JsonPlace& place, std::string_view prefix, object members,
                              std::vector<JsonLeaf>& leaves, size_t depth) {
  if (depth >= kFieldDepthMax) return document_.fault(place, "a field is nested too deeply");
  for (const auto [key, value] : members) {
    std::string dotted;
    dotted.reserve(prefix.size() + 1 + key.size());
    dotted.append(prefix).append(1, '.').append(key);
    const std::string_view name = texts_.keep(std::move(dotted));
    MILLRACE_RETURN_IF_ERROR(read(place.member(key), name, value, leaves, depth + 1));
  }
  return {};
}

FieldForm LeafReader::form_of(std::string_view name, const FieldMapping* mapped,
                              const FieldForm& schema) const {
  FieldForm declared = mapped == nullptr ? FieldForm{} : mapped->form;
  const bool is_reference = mapped != nullptr && mapped->reference;
  if (declared.type == FieldType::Undeclared && !is_reference) {
    declared.type = implied_type(entity_->kind, mapped == nullptr ? name : mapped->name);
  }
  return joined(declared, schema);
}

JsonLeaf LeafReader::leaf_of(std::string_view name, element value, const FieldMapping* mapped,
                             FieldForm schema) {
  JsonLeaf leaf{.name = name};
  if (value.is_null()) return leaf;
  if (value.is_object()) {
    leaf.fault = "is an object, not one value";
    return leaf;
  }
  const std::string_view text = *leaf_text(value, texts_);
  const bool is_mapped = mapped != nullptr;
  if (is_mapped && std::ranges::find(mapped->null_values, text) != mapped->null_values.end()) {
    return leaf;
  }
  FieldForm form = form_of(name, mapped, schema);
  // JSON holds bytes as strings: `decimal.format=NUMERIC` writes a number where the schema says
  // bytes.
  form.is_binary = value.is_string() && (form.is_binary || form.scale.has_value());
  const bool is_declared = is_mapped && mapped->form.type != FieldType::Undeclared;
  if (text.empty() && !is_declared && is_scalar_type(form.type)) return leaf;
  if (value.is_array() &&
      (is_scalar_type(form.type) || (is_mapped && form.type == FieldType::Undeclared))) {
    leaf.fault = "is a list, not one value";
    return leaf;
  }
  // Bytes of a column that nobody asked for stay as they are.
  if (form.type == FieldType::Undeclared && !is_mapped) form.is_binary = false;
  leaf.type = form.type;
  if (!form.is_binary && !is_scalar_type(form.type) && form.type != FieldType::List) {
    leaf.value = text;
    return leaf;
  }
  Result<std::string> canonical = canonical_text(text, form);
  if (canonical.ok()) {
    leaf.value = texts_.keep(*std::move(canonical));
  } else {
    leaf.fault = texts_.keep(std::string(canonical.message()));
  }
  return leaf;
}

std::optional<std::string_view> LeafReader::id_text(std::string_view column, element value) {
  FieldForm form = schema_->form_of(column);
  object members;
  if (value.get(members) == simdjson::SUCCESS) {
    std::optional<Wrapped> wrapped = extended_json(members);
    if (!wrapped) wrapped = variable_scale_decimal(members);
    if (!wrapped) return std::nullopt;
    value = wrapped->value;
    form = wrapped->form;
  }
  if (value.is_object() || value.is_array()) return std::nullopt;
  const std::optional<std::string_view> text = leaf_text(value, texts_);
  if (!text || !value.is_string() || !form.is_binary || !form.scale) return text;
  Result<std::string> canonical = canonical_text(*text, form);
  if (!canonical.ok()) return std::nullopt;
  return texts_.keep(*std::move(canonical));
}

}  // namespace millrace::crm
