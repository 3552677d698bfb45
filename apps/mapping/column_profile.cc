#include "apps/mapping/column_profile.h"

#include <algorithm>
#include <array>
#include <limits>

#include "crm/model/ids.h"
#include "crm/values/base64.h"
#include "crm/values/decimal_text.h"
#include "crm/values/time_text.h"

namespace millrace::apps {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

bool is_decimal_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_email(std::string_view text) {
  const size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && text.find('.', at) != std::string_view::npos &&
         text.find(' ') == std::string_view::npos;
}

/// Digits with the marks that people put between them, and no date or negative number.
bool is_phone(std::string_view text) {
  if (crm::canonical_date(text) || (crm::canonical_decimal(text) && !text.starts_with('+'))) {
    return false;
  }
  constexpr std::string_view kMarks = "+()-/. ";
  const auto digits = std::ranges::count_if(text, is_decimal_digit);
  const bool has_mark = text.find_first_of("+()-/ ") != std::string_view::npos;
  return digits >= 7 && digits <= 15 && has_mark && std::ranges::all_of(text, [&](char c) {
           return is_decimal_digit(c) || kMarks.find(c) != std::string_view::npos;
         });
}

bool has_leading_zero(std::string_view number) {
  if (number.starts_with('-') || number.starts_with('+')) number.remove_prefix(1);
  return number.size() > 1 && number[0] == '0' && is_decimal_digit(number[1]);
}

bool is_truth(std::string_view text) {
  constexpr std::array<std::string_view, 4> kWords{"true", "false", "t", "f"};
  return std::ranges::find(kWords, text) != kWords.end();
}

enum class Wrapped : unsigned char { kNone, kDecimal, kMoment };

/// An object that stands for one value, as the decoders have it.
Wrapped wrapped_kind(object members) {
  int64_t scale = 0;
  std::string_view text;
  if (members.size() == 2 && members["scale"].get(scale) == simdjson::SUCCESS &&
      members["value"].get(text) == simdjson::SUCCESS) {
    return Wrapped::kDecimal;
  }
  if (members.size() != 1) return Wrapped::kNone;
  const std::string_view name = (*members.begin()).key;
  if (name == "$date") return Wrapped::kMoment;
  return name.starts_with("$number") ? Wrapped::kDecimal : Wrapped::kNone;
}

}  // namespace

void ColumnProfile::add(element value) {
  ++present;
  switch (value.type()) {
    case element_type::NULL_VALUE:
      ++nulls;
      return;
    case element_type::BOOL:
      ++bools;
      return;
    case element_type::INT64:
      return add_integer(value.get_int64().value_unsafe());
    case element_type::UINT64:
      return add_integer(std::numeric_limits<int64_t>::max());
    case element_type::DOUBLE:
      ++fractions;
      has_zero |= value.get_double().value_unsafe() == 0;
      return;
    case element_type::STRING:
      return add_text(value.get_string().value_unsafe());
    case element_type::ARRAY:
      ++lists;
      return;
    case element_type::OBJECT: {
      const Wrapped kind = wrapped_kind(value.get_object().value_unsafe());
      if (kind == Wrapped::kDecimal) ++decimals;
      if (kind == Wrapped::kMoment) ++moments;
      return;
    }
  }
}

void ColumnProfile::add_integer(int64_t number) {
  integer_min = integers == 0 ? number : std::min(integer_min, number);
  integer_max = integers == 0 ? number : std::max(integer_max, number);
  ++integers;
  ++ids;
  has_zero |= number == 0;
}

void ColumnProfile::add_text(std::string_view text) {
  ++strings;
  if (text.empty()) {
    ++empty;
    return;
  }
  if (crm::internal_id("x", text).ok()) ++ids;
  if (crm::canonical_salesforce_id(text).ok()) ++salesforce_ids;
  if (is_email(text)) ++emails;
  if (is_phone(text)) ++phones;
  if (is_truth(text)) ++truths;
  has_zero |= text == "0";
  if (crm::canonical_decimal(text)) {
    ++digits;
    if (text.find('.') != std::string_view::npos) ++with_point;
    if (has_leading_zero(text)) ++leading_zeros;
    if (text.size() == 8 && crm::canonical_date(text)) ++calendar;
    return;
  }
  if (text.starts_with('{')) ++documents;
  if (const auto moment = crm::canonical_moment(text)) {
    ++offset_moments;
    if (*moment == crm::kInfinity || *moment == crm::kMinusInfinity) ++dates;
  } else if (crm::canonical_date(text)) {
    ++(text.find(':') == std::string_view::npos ? dates : local_moments);
  } else if (crm::from_base64(text)) {
    ++base64;
  }
}

}  // namespace millrace::apps
