#include "crm/territory/rules/field_value.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>

#include "millrace/core/assert.h"

#include "crm/values/decimal_text.h"
#include "crm/values/field_form.h"
#include "crm/values/time_text.h"

namespace millrace::crm::territory {
namespace {

constexpr std::array<std::string_view, 3> kPostalSuffixes{"postalcode", "postal_code", "zipcode"};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; });
}

char lower(char c) {
  constexpr char kOffset = 'a' - 'A';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + kOffset) : c;
}

void fold(std::string_view raw, std::string& folded) {
  folded.clear();
  if (is_ascii(raw)) {
    folded.resize(raw.size());
    std::ranges::transform(raw, folded.begin(), lower);
    return;
  }
  icu::StringByteSink<std::string> sink(&folded);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(0, icu::StringPiece(raw.data(), static_cast<int32_t>(raw.size())), sink,
                         nullptr, status);
  MILLRACE_ASSERT(U_SUCCESS(status) != 0, "folding fails only for want of memory");
}

/// As numbers the infinities have their place.
void read_day(std::string_view raw, FieldValue& value) {
  const auto text = canonical_date(raw);
  if (!text) return fold(raw, value.text);
  value.text = *text;
  value.is_number = true;
  value.number = *day_in(*text);
}

void read_moment(std::string_view raw, FieldValue& value) {
  const auto text = canonical_moment(raw);
  if (!text) return fold(raw, value.text);
  value.text = *text;
  value.is_number = true;
  value.number = static_cast<double>(*moment_us_in(*text));
}

/// REQUIRES: the text is a canonical decimal.
void set_number(FieldValue& value) {
  const char* const end = value.text.data() + value.text.size();
  value.is_number = true;
  std::from_chars(value.text.data(), end, value.number, std::chars_format::fixed);
}

void read_list(std::string_view raw, FieldValue& value) {
  if (!is_shallow(raw)) return fold(raw, value.text);
  const auto list = nlohmann::json::parse(raw, nullptr, false);
  if (!list.is_array()) return fold(raw, value.text);
  std::string parts;
  for (const auto& element : list) {
    if (!parts.empty()) parts += ';';
    parts += element.is_string() ? element.get<std::string>() : element.dump();
  }
  fold(parts, value.text);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes a quoted entry and what white space follows from the front of `list`; nothing if the quote
/// does not end or something else follows.
bool take_quoted(std::string_view& list, std::string& entry) {
  list.remove_prefix(1);
  while (!list.empty()) {
    const char c = list.front();
    list.remove_prefix(1);
    if (c != '"') {
      entry += c;
    } else if (list.starts_with('"')) {
      entry += c;
      list.remove_prefix(1);
    } else {
      while (!list.empty() && is_space(list.front())) list.remove_prefix(1);
      return list.empty() || list.front() == ',';
    }
  }
  return false;
}

}  // namespace

void read_value(std::string_view raw, FieldType type, FieldValue& value) {
  value.number = 0;
  value.is_number = false;
  switch (type) {
    case FieldType::Date:
      return read_day(raw, value);
    case FieldType::Moment:
      return read_moment(raw, value);
    case FieldType::List:
      return read_list(raw, value);
    case FieldType::Boolean: {
      const Result<std::string> truth = canonical_text(raw, {.type = type});
      return fold(truth.ok() ? std::string_view(*truth) : raw, value.text);
    }
    case FieldType::Integer:
    case FieldType::Decimal:
      if (const auto number = canonical_decimal(raw)) {
        value.text = *number;
        return set_number(value);
      }
      return fold(raw, value.text);
    case FieldType::Text:
      return fold(raw, value.text);
    case FieldType::Undeclared:
      break;
  }
  fold(raw, value.text);
  if (is_canonical_decimal(value.text)) set_number(value);
}

bool has_order_of_numbers(FieldType type) {
  return type == FieldType::Integer || type == FieldType::Decimal || type == FieldType::Date ||
         type == FieldType::Moment;
}

std::partial_ordering compare(const FieldValue& a, const FieldValue& b, FieldType type) {
  if (a.is_number != b.is_number) return std::partial_ordering::unordered;
  if (!a.is_number) {
    if (has_order_of_numbers(type)) return std::partial_ordering::unordered;
    return a.text <=> b.text;
  }
  if (a.number != b.number) return a.number <=> b.number;
  if (type == FieldType::Date || type == FieldType::Moment) return a.text <=> b.text;
  return compare_decimals(a.text, b.text);
}

Result<std::vector<std::string>> split_list(std::string_view list) {
  std::vector<std::string> entries;
  while (true) {
    list = trimmed(list);
    std::string entry;
    if (list.starts_with('"')) {
      if (!take_quoted(list, entry)) {
        return Error{ErrorCode::kInvalidRecord, "a quoted value has no closing quote"};
      }
    } else {
      const std::string_view text = list.substr(0, list.find(','));
      entry = trimmed(text);
      list.remove_prefix(text.size());
    }
    if (!entry.empty()) entries.push_back(std::move(entry));
    if (list.empty()) return entries;
    list.remove_prefix(1);
  }
}

FieldType FieldTypes::of(std::string_view field) const {
  if (const auto it = types_.find(field); it != types_.end()) return it->second;
  std::string folded(field);
  std::ranges::transform(folded, folded.begin(), lower);
  const bool is_postal = std::ranges::any_of(
      kPostalSuffixes, [&folded](std::string_view suffix) { return folded.ends_with(suffix); });
  return is_postal ? FieldType::Text : FieldType::Undeclared;
}

std::string FieldTypes::fingerprint() const {
  std::vector<std::string> lines;
  for (const auto& [field, type] : types_) {
    lines.push_back(field + '=' + std::string(to_string(type)) + '\n');
  }
  std::ranges::sort(lines);
  std::string all;
  for (const std::string& line : lines) all += line;
  return all;
}

}  // namespace millrace::crm::territory
