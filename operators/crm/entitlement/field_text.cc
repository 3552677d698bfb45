#include "crm/entitlement/field_text.h"

#include <charconv>
#include <chrono>

#include <date/date.h>

#include "crm/entitlement/source.h"

namespace millrace::crm {
namespace {

using Moment = date::sys_time<std::chrono::milliseconds>;

/// Takes what a text consists of from its front.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// A number of exactly so many digits.
  std::optional<int> number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const std::optional<int> next = digit();
      if (!next) return std::nullopt;
      value = value * 10 + *next;
    }
    return value;
  }
  std::optional<int> digit() {
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return std::nullopt;
    const int value = rest_.front() - '0';
    rest_.remove_prefix(1);
    return value;
  }

 private:
  std::string_view rest_;
};

/// `2024-05-31`, a day that there is.
std::optional<date::sys_days> take_day(Cursor& text) {
  const auto year = text.number(4);
  if (!year || !text.take('-')) return std::nullopt;
  const auto month = text.number(2);
  if (!month || !text.take('-')) return std::nullopt;
  const auto day = text.number(2);
  if (!day) return std::nullopt;
  const date::year_month_day date{date::year{*year}, date::month{static_cast<unsigned>(*month)},
                                  date::day{static_cast<unsigned>(*day)}};
  return date.ok() ? std::optional(date::sys_days(date)) : std::nullopt;
}

/// Hours and minutes of two digits each, a ':' between.
std::optional<std::chrono::minutes> take_minutes(Cursor& text, bool needs_colon) {
  const auto hours = text.number(2);
  const bool has_colon = hours && text.take(':');
  const auto minutes = hours && (has_colon || !needs_colon) ? text.number(2) : std::nullopt;
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
}

/// `:30`, also with a fraction, of which milliseconds count.
std::optional<std::chrono::milliseconds> take_seconds(Cursor& text) {
  if (!text.take(':')) return std::nullopt;
  const auto seconds = text.number(2);
  if (!seconds || *seconds > 59) return std::nullopt;
  std::chrono::milliseconds time = std::chrono::seconds(*seconds);
  if (!text.take('.')) return time;
  int unit_ms = 100;
  for (auto digit = text.digit(); digit; digit = text.digit(), unit_ms /= 10) {
    time += std::chrono::milliseconds(*digit * unit_ms);
  }
  return time;
}

/// `Z`, `+0000` or `-05:30`: what the text is ahead of UTC.
std::optional<std::chrono::minutes> take_offset(Cursor& text) {
  if (text.take('Z')) return std::chrono::minutes(0);
  const bool is_behind = text.take('-');
  if (!is_behind && !text.take('+')) return std::nullopt;
  const auto offset = take_minutes(text, false);
  if (!offset) return std::nullopt;
  return is_behind ? -*offset : *offset;
}

std::optional<Moment> moment_of(std::string_view text) {
  Cursor cursor(text);
  const auto day = take_day(cursor);
  if (!day || !cursor.take('T')) return std::nullopt;
  const auto minutes = take_minutes(cursor, true);
  const auto seconds = minutes ? take_seconds(cursor) : std::nullopt;
  const auto offset = seconds ? take_offset(cursor) : std::nullopt;
  if (!offset || !cursor.done()) return std::nullopt;
  return Moment(*day) + *minutes + *seconds - *offset;
}

}  // namespace

std::optional<std::string_view> FieldTexts::find(const char* name) const {
  if (row_.fields() == nullptr) return std::nullopt;
  const RowField* field = row_.fields()->LookupByKey(name);
  if (field == nullptr || field->value() == nullptr || field->value()->size() == 0) {
    return std::nullopt;
  }
  return field->value()->string_view();
}

std::optional<int64_t> whole_number_in(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

std::optional<int64_t> moment_in(std::string_view text) {
  if (const auto ms = whole_number_in(text)) return ms;
  const auto moment = moment_of(text);
  return moment ? std::optional<int64_t>(moment->time_since_epoch().count()) : std::nullopt;
}

std::optional<int32_t> day_in(std::string_view text) {
  Cursor cursor(text);
  const auto day = take_day(cursor);
  if (day && cursor.done()) return static_cast<int32_t>(day->time_since_epoch().count());
  const auto number = moment_in(text);
  if (!number) return std::nullopt;
  if (*number >= kDateMin && *number <= kDateMax) return static_cast<int32_t>(*number);
  if (*number < kMomentMsMin || *number > kMomentMsMax) return std::nullopt;
  const Moment moment{std::chrono::milliseconds(*number)};
  return static_cast<int32_t>(date::floor<date::days>(moment).time_since_epoch().count());
}

}  // namespace millrace::crm
