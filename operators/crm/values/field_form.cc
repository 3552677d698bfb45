#include "crm/values/field_form.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <nlohmann/json.hpp>

#include "crm/values/base64.h"
#include "crm/values/decimal_text.h"
#include "crm/values/name_table.h"

namespace millrace::crm {
namespace {

constexpr std::array<std::string_view, 5> kTrueWords{"true", "t", "1", "yes", "y"};
constexpr std::array<std::string_view, 5> kFalseWords{"false", "f", "0", "no", "n"};

Error refused(const char* why) {
  return {ErrorCode::kInvalidArgument, why};
}

bool is_one_of(std::span<const std::string_view> words, std::string_view text) {
  return std::ranges::any_of(words, [text](std::string_view word) {
    return std::ranges::equal(word, text, {}, {}, [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
  });
}

/// Bytes of a decimal whose scale nobody says look like this. Ids and words do, too.
bool may_be_bytes(std::string_view text) {
  constexpr size_t kTextMax = 36;  // of 26 bytes, and so of 64 digits
  return !text.empty() && text.size() <= kTextMax && from_base64(text).has_value();
}

Result<std::string> number(std::string_view text, bool is_integer) {
  std::optional<std::string> canonical = canonical_decimal(text);
  if (!canonical && may_be_bytes(text)) {
    return refused("is no number; if it is base64 of a decimal, the mapping has to name its scale");
  }
  if (!canonical) return refused(is_integer ? "is no integer" : "is no decimal number");
  if (is_integer && !is_whole(*canonical)) return refused("is no whole number");
  return *std::move(canonical);
}

Result<std::string> truth(std::string_view text) {
  if (is_one_of(kTrueWords, text)) return std::string("true");
  if (is_one_of(kFalseWords, text)) return std::string("false");
  return refused("is neither true nor false");
}

Result<std::string> time(std::optional<std::string> canonical, bool is_date) {
  if (canonical) return *std::move(canonical);
  return refused(is_date ? "is no plausible date" : "is no plausible moment");
}

/// JSON arrays as they are; of `a;b`, as multi-select lists are written, the parts.
Result<std::string> list(std::string_view text) {
  if (text.starts_with('[')) {
    if (!is_shallow(text)) return refused("is nested too deeply");
    const auto parsed = nlohmann::json::parse(text, nullptr, false);
    if (!parsed.is_array()) return refused("is no list");
    return parsed.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  nlohmann::json parts = nlohmann::json::array();
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(';'));
    if (!part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

bool is_shallow(std::string_view text) {
  size_t depth = 0;
  bool is_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_string && c == '\\') ++i;
    if (c == '"') is_string = !is_string;
    if (is_string) continue;
    if (c == '[' || c == '{') ++depth;
    if (depth > kListDepthMax) return false;
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return true;
}

FieldForm joined(const FieldForm& declared, const FieldForm& schema) {
  FieldForm form = schema;
  if (declared.type != FieldType::Undeclared) form.type = declared.type;
  if (schema.numbers.unit == TimeUnit::kUnsaid) form.numbers = declared.numbers;
  if (!schema.scale) form.scale = declared.scale;
  form.is_binary = schema.is_binary || declared.is_binary;
  return form;
}

Result<std::string> canonical_text(std::string_view text, const FieldForm& form) {
  std::string decoded;
  if (form.is_binary && form.scale) {
    std::optional<std::string> decimal = decimal_of_base64(text, *form.scale);
    if (!decimal) return refused("is no decimal in base64");
    decoded = *std::move(decimal);
    text = decoded;
  } else if (form.is_binary && form.type != FieldType::Text) {
    return refused("is binary");
  }
  switch (form.type) {
    case FieldType::Undeclared:
    case FieldType::Text:
      return std::string(text);
    case FieldType::Integer:
      return number(text, true);
    case FieldType::Decimal:
      return number(text, false);
    case FieldType::Boolean:
      return truth(text);
    case FieldType::Date:
      return time(canonical_date(text, form.numbers), true);
    case FieldType::Moment:
      return time(canonical_moment(text, form.numbers), false);
    case FieldType::List:
      return list(text);
  }
  return refused("has an unknown type");
}

std::string_view to_string(FieldType type) {
  return type == FieldType::Undeclared ? "undeclared" : name_in(kFieldTypeNames, type);
}

}  // namespace millrace::crm
