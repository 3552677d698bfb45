#include "crm/territory/field_value.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringpiece.h>

#include "millrace/core/assert.h"

namespace millrace::crm::territory {
namespace {

constexpr size_t kDigitsMax = 15;
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

bool parse_number(std::string_view text, double& number) {
  const std::string_view unsigned_text = text.starts_with('-') ? text.substr(1) : text;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto digits = static_cast<size_t>(std::ranges::count_if(unsigned_text, is_digit));
  if (digits == 0 || digits > kDigitsMax || unsigned_text.size() - digits > 1) return false;
  if (!is_digit(unsigned_text.front()) || !is_digit(unsigned_text.back())) return false;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  return parsed.ec == std::errc() && parsed.ptr == end;
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
  fold(raw, value.text);
  value.number = 0;
  value.is_number = type != FieldType::kText && parse_number(value.text, value.number);
}

std::partial_ordering compare(const FieldValue& a, const FieldValue& b, FieldType type) {
  if (a.is_number && b.is_number) return a.number <=> b.number;
  if (type == FieldType::kNumber) return std::partial_ordering::unordered;
  return a.text <=> b.text;
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
  return is_postal ? FieldType::kText : FieldType::kUndeclared;
}

}  // namespace millrace::crm::territory
