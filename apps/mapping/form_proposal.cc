#include <algorithm>
#include <cstdint>
#include <utility>

#include "apps/mapping/column_words.h"
#include "apps/mapping/names.h"
#include "apps/mapping/proposal.h"

namespace millrace::apps {
namespace {

using crm::FieldForm;
using crm::FieldType;
using crm::TimeUnit;

template <size_t N>
bool has_word(const std::vector<std::string>& words, const std::array<std::string_view, N>& list) {
  return std::ranges::any_of(words, [&list](const std::string& word) {
    return std::ranges::find(list, word) != list.end();
  });
}

bool is_within(const ColumnProfile& column, int64_t low, int64_t high) {
  return column.integer_min >= low && column.integer_max <= high;
}

FormProposal of_type(FieldType type, std::string note = {}) {
  return {.form = {.type = type}, .note = std::move(note)};
}

FormProposal of_unit(FieldType type, TimeUnit unit, std::string note) {
  return {.form = {.type = type, .numbers = {unit, false}}, .note = std::move(note)};
}

FormProposal of_schema(const FieldForm& schema) {
  FormProposal proposal{.form = schema, .note = "type from the schema"};
  // The mapping's own words; whether a unit is certain is the schema's to say.
  proposal.form.numbers.is_certain = false;
  proposal.form.is_binary = false;
  return proposal;
}

/// The unit that makes numbers moments of about our time; none: no unit does.
std::optional<TimeUnit> unit_of(const ColumnProfile& column) {
  constexpr int64_t kFrom = 100'000'000;  // 1973 in seconds
  constexpr int64_t kTo = 10'000'000'000;
  int64_t factor = 1;
  for (const TimeUnit unit : {TimeUnit::kSeconds, TimeUnit::kMilliseconds, TimeUnit::kMicroseconds,
                              TimeUnit::kNanoseconds}) {
    const bool is_last = unit == TimeUnit::kNanoseconds;
    if (is_within(column, kFrom * factor, is_last ? INT64_MAX : kTo * factor - 1)) return unit;
    factor *= 1'000;
  }
  return std::nullopt;
}

FormProposal of_integers(const std::vector<std::string>& words, const ColumnProfile& column) {
  constexpr int64_t kYearMin = 1500;
  constexpr int64_t kYearMax = 2100;
  constexpr int64_t kCalendarMin = 19000101;
  constexpr int64_t kCalendarMax = 99991231;
  constexpr int64_t kDaysMax = 150'000;
  const bool is_date = has_word(words, kDateWords);
  const bool is_time = has_word(words, kTimeWords);
  const bool is_flag = !words.empty() && (words.front() == "is" || words.front() == "has");
  if (is_flag && is_within(column, 0, 1)) return of_type(FieldType::Boolean, "numbers 0 and 1");
  if (is_date && is_within(column, kCalendarMin, kCalendarMax)) {
    return of_type(FieldType::Date, "check: numbers such as YYYYMMDD");
  }
  if (is_date && is_within(column, kYearMin, kYearMax)) {
    return of_type(FieldType::Integer, "check: years?");
  }
  if (is_date && is_within(column, -kDaysMax, kDaysMax)) {
    return of_unit(FieldType::Date, TimeUnit::kDays, "check: numbers that may count days");
  }
  if (const auto unit = unit_of(column); unit && (is_date || is_time)) {
    return of_unit(FieldType::Moment, *unit, "check: the unit, by the size of the numbers");
  }
  if (has_word(words, kCodeWords)) return {.note = "numbers that may be names: no type"};
  if (unit_of(column).value_or(TimeUnit::kSeconds) != TimeUnit::kSeconds) {
    return of_type(FieldType::Integer, "check: large numbers; a moment?");
  }
  return of_type(FieldType::Integer);
}

FormProposal of_digit_texts(const std::vector<std::string>& words, const ColumnProfile& column) {
  if (has_word(words, kDateWords) && column.calendar == column.texts()) {
    return of_type(FieldType::Date, "check: texts such as YYYYMMDD");
  }
  if (column.leading_zeros > 0)
    return of_type(FieldType::Text, "leading zeros: a code, kept as text");
  if (has_word(words, kCodeWords)) return {.note = "digits that may be a name: no type"};
  if (column.with_point > 0 || has_word(words, kAmountWords)) return of_type(FieldType::Decimal);
  return {.note = "check: digits in texts; declare integer or decimal if rules compare them"};
}

FormProposal of_texts(const std::vector<std::string>& words, const ColumnProfile& column) {
  const uint64_t texts = column.texts();
  if (texts == 0) return {.note = "only empty texts in the sample"};
  if (column.digits == texts) return of_digit_texts(words, column);
  const bool are_infinite = column.dates == texts && column.offset_moments == texts;
  if (are_infinite) return {.note = "check: only infinities; a date or a moment?"};
  if (column.offset_moments == texts) return of_type(FieldType::Moment);
  if (column.dates == texts) return of_type(FieldType::Date);
  if (column.documents > 0) return {.note = "check: JSON in a text, which may name persons"};
  if (column.local_moments > 0 && column.local_moments + column.dates == texts) {
    return {.note = "check: date and time without an offset; `date` keeps the day"};
  }
  if (column.truths == texts) return of_type(FieldType::Boolean);
  const bool is_base64 = column.base64 + column.digits == texts && column.base64 > 0;
  if (is_base64 && has_word(words, kAmountWords)) {
    return {.note =
                "left out: base64 of a decimal; name its scale, as in "
                "{\"name\": …, \"type\": \"decimal\", \"scale\": 2}",
            .is_readable = false};
  }
  return {};
}

}  // namespace

FormProposal propose_form(std::string_view field, const ColumnProfile& column) {
  const std::vector<std::string> words = words_of(field);
  const uint64_t values = column.values();
  if (column.schema.type == FieldType::Decimal && column.schema.is_binary && !column.schema.scale &&
      column.decimals == 0) {
    return {.note = "left out: bytes of a decimal; name its scale", .is_readable = false};
  }
  if (column.schema.type != FieldType::Undeclared) return of_schema(column.schema);
  if (column.schema.is_binary) return {.note = "left out: bytes", .is_readable = false};
  if (values == 0) return {.note = "no value in the sample: check the type"};
  if (column.lists == values) return of_type(FieldType::List);
  if (column.bools == values) return of_type(FieldType::Boolean);
  if (column.moments == values) return of_type(FieldType::Moment);
  if (column.integers == values) return of_integers(words, column);
  if (column.decimals + column.fractions + column.integers == values) {
    return of_type(FieldType::Decimal);
  }
  if (column.strings == values) return of_texts(words, column);
  if (column.lists > 0) return {.note = "left out: lists and single values", .is_readable = false};
  return {.note = "check: values of several kinds"};
}

}  // namespace millrace::apps
