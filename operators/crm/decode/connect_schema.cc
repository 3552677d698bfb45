#include "crm/decode/connect_schema.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::crm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kConnectDecimal = "org.apache.kafka.connect.data.Decimal";

constexpr FieldForm time_form(FieldType type, TimeUnit unit) {
  return {.type = type, .numbers = {unit, true}};
}

/// The names of schemas. Source: "Temporal types" of the connectors in Debezium's documentation,
/// and Kafka Connect's `org.apache.kafka.connect.data`.
const std::array<std::pair<std::string_view, FieldForm>, 11>& named_forms() {
  static const std::array<std::pair<std::string_view, FieldForm>, 11> forms{{
      {"io.debezium.data.VariableScaleDecimal", {.type = FieldType::Decimal}},
      {"io.debezium.time.Date", time_form(FieldType::Date, TimeUnit::kDays)},
      {"org.apache.kafka.connect.data.Date", time_form(FieldType::Date, TimeUnit::kDays)},
      {"io.debezium.time.IsoDate", time_form(FieldType::Date, TimeUnit::kUnsaid)},
      {"io.debezium.time.Timestamp", time_form(FieldType::Moment, TimeUnit::kMilliseconds)},
      {"org.apache.kafka.connect.data.Timestamp",
       time_form(FieldType::Moment, TimeUnit::kMilliseconds)},
      {"io.debezium.time.MicroTimestamp", time_form(FieldType::Moment, TimeUnit::kMicroseconds)},
      {"io.debezium.time.NanoTimestamp", time_form(FieldType::Moment, TimeUnit::kNanoseconds)},
      {"io.debezium.time.ZonedTimestamp", time_form(FieldType::Moment, TimeUnit::kUnsaid)},
      {"io.debezium.time.IsoTimestamp", time_form(FieldType::Moment, TimeUnit::kUnsaid)},
      {"io.debezium.data.EnumSet", {}},
  }};
  return forms;
}

constexpr std::array<std::pair<std::string_view, FieldType>, 8> kPlainTypes{
    {{"int8", FieldType::Integer},
     {"int16", FieldType::Integer},
     {"int32", FieldType::Integer},
     {"int64", FieldType::Integer},
     {"float", FieldType::Decimal},
     {"double", FieldType::Decimal},
     {"boolean", FieldType::Boolean},
     {"array", FieldType::List}}};

std::string_view string_in(object members, std::string_view name) {
  std::string_view text;
  return members[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::optional<int32_t> scale_of(object field) {
  object parameters;
  if (field["parameters"].get(parameters) != simdjson::SUCCESS) return std::nullopt;
  const std::string_view text = string_in(parameters, "scale");
  int32_t scale = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scale);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return scale;
}

FieldForm form_of_field(object field) {
  const std::string_view name = string_in(field, "name");
  for (const auto& [known, form] : named_forms()) {
    if (known == name) return form;
  }
  const std::string_view type = string_in(field, "type");
  if (type == "bytes") {
    FieldForm form{.is_binary = true};
    if (name != kConnectDecimal) return form;
    form.type = FieldType::Decimal;
    form.scale = scale_of(field);
    return form;
  }
  for (const auto& [known, plain] : kPlainTypes) {
    if (known == type) return {.type = plain};
  }
  return {};
}

/// The fields of a struct; nullopt for another schema.
std::optional<array> fields_of(element schema) {
  object members;
  array fields;
  if (schema.get(members) != simdjson::SUCCESS ||
      members["fields"].get(fields) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return fields;
}

}  // namespace

void ConnectSchema::read(element schema, std::string_view member) {
  forms_.clear();
  const std::optional<array> fields = fields_of(schema);
  if (!fields) return;
  for (const element field : *fields) {
    object members;
    if (field.get(members) != simdjson::SUCCESS) continue;
    const std::string_view name = string_in(members, "field");
    if (member.empty()) {
      forms_.emplace_back(name, form_of_field(members));
    } else if (name == member) {
      return read(field, {});
    }
  }
  std::ranges::stable_sort(forms_, {}, [](const auto& form) { return form.first; });
}

FieldForm ConnectSchema::form_of(std::string_view column) const {
  const auto found =
      std::ranges::lower_bound(forms_, column, {}, [](const auto& form) { return form.first; });
  return found != forms_.end() && found->first == column ? found->second : FieldForm{};
}

}  // namespace millrace::crm
