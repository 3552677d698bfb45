#include "crm/values/time_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <system_error>

#include <date/date.h>

namespace millrace::crm {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kNsPerDay = kNsPerSecond * kSecondsPerDay;
constexpr int64_t kMsPerDay = 1'000 * kSecondsPerDay;
constexpr int64_t kUsPerDay = 1'000 * kMsPerDay;
/// The years 1 to 9999.
constexpr int64_t kDayMin = -719'162;
constexpr int64_t kDayMax = 2'932'896;
/// A moment so close to 1970 comes of a wrong unit.
constexpr int64_t kDoubtfulDays = 365;

/// Debezium's connectors for PostgreSQL send these for the infinities: numbers of ms or us, and of
/// days, which overflow there.
constexpr std::array<int64_t, 3> kInfinityNumbers{
    9'223'372'036'825'200'000, 9'223'371'331'200'000'000, std::numeric_limits<int64_t>::max()};
constexpr std::array<int64_t, 2> kMinusInfinityNumbers{-9'223'372'036'832'400'000,
                                                       std::numeric_limits<int64_t>::min()};
constexpr int64_t kInfinityDays = -622'191'234;
constexpr int64_t kMinusInfinityDays = 622'191'233;

/// A day and a time of it. Infinite if `infinity` is not 0.
struct TimePoint {
  int64_t day = 0;
  int64_t ns = 0;  ///< since midnight
  int infinity = 0;
};

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

std::optional<int64_t> day_of(int year, int month, int day) {
  const date::year_month_day date{date::year{year}, date::month{static_cast<unsigned>(month)},
                                  date::day{static_cast<unsigned>(day)}};
  if (year < 1 || !date.ok()) return std::nullopt;
  return date::sys_days(date).time_since_epoch().count();
}

/// `2024-05-31`, a day that there is.
std::optional<int64_t> take_day(Cursor& text) {
  const auto year = text.number(4);
  if (!year || !text.take('-')) return std::nullopt;
  const auto month = text.number(2);
  if (!month || !text.take('-')) return std::nullopt;
  const auto day = text.number(2);
  if (!day) return std::nullopt;
  return day_of(*year, *month, *day);
}

/// Hours and minutes of two digits each, a ':' between, in seconds.
std::optional<int64_t> take_minutes(Cursor& text, bool needs_colon) {
  const auto hours = text.number(2);
  const bool has_colon = hours && text.take(':');
  const auto minutes = hours && (has_colon || !needs_colon) ? text.number(2) : std::nullopt;
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return int64_t{*hours} * 3'600 + *minutes * 60;
}

/// `:30`, also with a fraction, in ns.
std::optional<int64_t> take_seconds(Cursor& text) {
  if (!text.take(':')) return std::nullopt;
  const auto seconds = text.number(2);
  if (!seconds || *seconds > 59) return std::nullopt;
  int64_t ns = *seconds * kNsPerSecond;
  if (!text.take('.')) return ns;
  int64_t unit = kNsPerSecond / 10;
  for (auto digit = text.digit(); digit; digit = text.digit(), unit /= 10) ns += *digit * unit;
  return ns;
}

/// `Z`, `+0000` or `-05:30`: how many seconds the text is ahead of UTC.
std::optional<int64_t> take_offset(Cursor& text) {
  if (text.take('Z')) return 0;
  const bool is_behind = text.take('-');
  if (!is_behind && !text.take('+')) return std::nullopt;
  const auto offset = take_minutes(text, false);
  if (!offset) return std::nullopt;
  return is_behind ? -*offset : *offset;
}

TimePoint moved(int64_t day, int64_t ns) {
  const int64_t days = ns >= 0 ? ns / kNsPerDay : -((kNsPerDay - 1 - ns) / kNsPerDay);
  return {day + days, ns - days * kNsPerDay, 0};
}

/// A date, and perhaps a time and an offset behind it. Without an offset `is_local` is set.
std::optional<TimePoint> written_point(std::string_view text, bool& has_time, bool& is_local) {
  Cursor cursor(text);
  const auto day = take_day(cursor);
  if (!day) return std::nullopt;
  has_time = cursor.take('T') || cursor.take(' ');
  int64_t ns = 0;
  if (has_time) {
    const auto minutes = take_minutes(cursor, true);
    const auto seconds = minutes ? take_seconds(cursor) : std::nullopt;
    if (!seconds) return std::nullopt;
    ns = *minutes * kNsPerSecond + *seconds;
    cursor.take(' ');
  }
  is_local = cursor.done();
  if (is_local) return TimePoint{*day, ns, 0};
  const auto offset = take_offset(cursor);
  if (!offset || !cursor.done()) return std::nullopt;
  // The offset of a date alone says in which zone it is a day, and moves nothing.
  return has_time ? moved(*day, ns - *offset * kNsPerSecond) : TimePoint{*day, 0, 0};
}

/// Whether the text begins like "-08-16", and ends there or at the time of day.
bool is_month_and_day(std::string_view text) {
  constexpr std::string_view kForm = "-00-00";
  if (text.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !is_digit : text[i] != '-') return false;
  }
  constexpr std::string_view kFollowing = "T tZz+";
  return text.size() == kForm.size() ||
         kFollowing.find(text[kForm.size()]) != std::string_view::npos;
}

/// 1 or -1 for the words, and for dates in years of more than four digits.
int infinity_in(std::string_view text) {
  const auto is_word = [](std::string_view word) {
    return std::ranges::equal(word, kInfinity, {}, [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
  };
  const bool is_minus = text.starts_with('-');
  if (is_minus || text.starts_with('+')) text.remove_prefix(1);
  const int sign = is_minus ? -1 : 1;
  if (is_word(text)) return sign;
  const size_t year = std::min(text.find('-'), text.size());
  const bool is_year =
      year > 4 && year < 10 && is_month_and_day(text.substr(year)) &&
      std::ranges::all_of(text.substr(0, year), [](char c) { return c >= '0' && c <= '9'; });
  return is_year ? sign : 0;
}

int64_t per_day(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return kSecondsPerDay;
    case TimeUnit::kMilliseconds:
      return kMsPerDay;
    case TimeUnit::kMicroseconds:
      return kUsPerDay;
    case TimeUnit::kNanoseconds:
      return kNsPerDay;
    case TimeUnit::kDays:
    case TimeUnit::kUnsaid:
      break;
  }
  return 1;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

std::optional<TimePoint> infinite_point(int64_t number, TimeUnit unit) {
  if (std::ranges::find(kInfinityNumbers, number) != kInfinityNumbers.end()) {
    return TimePoint{.infinity = 1};
  }
  if (std::ranges::find(kMinusInfinityNumbers, number) != kMinusInfinityNumbers.end()) {
    return TimePoint{.infinity = -1};
  }
  if (unit != TimeUnit::kDays && unit != TimeUnit::kUnsaid) return std::nullopt;
  const auto is_near = [number](int64_t day) { return number >= day - 1 && number <= day + 1; };
  if (is_near(kInfinityDays)) return TimePoint{.infinity = 1};
  if (is_near(kMinusInfinityDays)) return TimePoint{.infinity = -1};
  return std::nullopt;
}

std::optional<TimePoint> point_of_number(int64_t number, TimeNumbers numbers) {
  if (const auto infinite = infinite_point(number, numbers.unit)) return infinite;
  const int64_t units = per_day(numbers.unit);
  const int64_t rest = (number % units + units) % units;  // since midnight
  const int64_t day = number / units - (number % units < 0 ? 1 : 0);
  if (day < kDayMin || day > kDayMax) return std::nullopt;
  const bool is_doubtful = units > 1 && !numbers.is_certain && std::abs(day) < kDoubtfulDays;
  if (is_doubtful) return std::nullopt;
  return TimePoint{day, rest * (kNsPerDay / units), 0};
}

/// A number of which nobody said the unit.
std::optional<TimePoint> point_of_bare_number(std::string_view digits, int64_t number,
                                              bool is_date) {
  constexpr size_t kDaysMax = 7;
  constexpr size_t kCalendar = 8;
  constexpr size_t kMsMin = 12;
  constexpr size_t kMsMax = 14;
  if (const auto infinite = infinite_point(number, TimeUnit::kUnsaid)) return infinite;
  if (is_date && digits.size() <= kDaysMax) return point_of_number(number, {TimeUnit::kDays, true});
  if (is_date && digits.size() == kCalendar && number > 0) {
    const auto day = day_of(static_cast<int>(number / 10'000), static_cast<int>(number / 100 % 100),
                            static_cast<int>(number % 100));
    return day ? std::optional(TimePoint{*day, 0, 0}) : std::nullopt;
  }
  if (digits.size() < kMsMin || digits.size() > kMsMax) return std::nullopt;
  return point_of_number(number, {TimeUnit::kMilliseconds, true});
}

std::optional<TimePoint> point_in(std::string_view text, TimeNumbers numbers, bool is_date) {
  if (const int infinity = infinity_in(text); infinity != 0) {
    return TimePoint{.infinity = infinity};
  }
  if (const auto number = whole_number(text)) {
    if (numbers.unit != TimeUnit::kUnsaid) return point_of_number(*number, numbers);
    return point_of_bare_number(text.substr(text.starts_with('-') ? 1 : 0), *number, is_date);
  }
  bool has_time = false;
  bool is_local = false;
  const auto point = written_point(text, has_time, is_local);
  if (!point || point->day < kDayMin || point->day > kDayMax) return std::nullopt;
  if (!is_date && (!has_time || is_local)) return std::nullopt;
  return point;
}

void append_number(std::string& text, int64_t number, size_t digits) {
  const std::string written = std::to_string(number);
  text.append(digits - std::min(digits, written.size()), '0').append(written);
}

std::string written_day(int64_t day) {
  const date::year_month_day date{date::sys_days(date::days(day))};
  std::string text;
  append_number(text, static_cast<int>(date.year()), 4);
  append_number(text += '-', static_cast<unsigned>(date.month()), 2);
  append_number(text += '-', static_cast<unsigned>(date.day()), 2);
  return text;
}

std::string written_moment(const TimePoint& point) {
  std::string text = written_day(point.day);
  const int64_t seconds = point.ns / kNsPerSecond;
  append_number(text += 'T', seconds / 3'600, 2);
  append_number(text += ':', seconds / 60 % 60, 2);
  append_number(text += ':', seconds % 60, 2);
  if (const int64_t fraction = point.ns % kNsPerSecond; fraction != 0) {
    append_number(text += '.', fraction, 9);
    while (text.back() == '0') text.pop_back();
  }
  return text += 'Z';
}

std::string written_infinity(int infinity) {
  return std::string(infinity > 0 ? kInfinity : kMinusInfinity);
}

/// In units of which a day has `units`, rounded down.
std::optional<int64_t> moment_in_units(std::string_view text, int64_t units) {
  const auto point = point_in(text, {}, false);
  if (!point) return std::nullopt;
  if (point->infinity != 0) {
    return point->infinity > 0 ? kMomentInfinity : kMomentMinusInfinity;
  }
  return point->day * units + point->ns / (kNsPerDay / units);
}

}  // namespace

std::optional<std::string> canonical_date(std::string_view text, TimeNumbers numbers) {
  const auto point = point_in(text, numbers, true);
  if (!point) return std::nullopt;
  return point->infinity != 0 ? written_infinity(point->infinity) : written_day(point->day);
}

std::optional<std::string> canonical_moment(std::string_view text, TimeNumbers numbers) {
  const auto point = point_in(text, numbers, false);
  if (!point) return std::nullopt;
  return point->infinity != 0 ? written_infinity(point->infinity) : written_moment(*point);
}

std::optional<int32_t> day_in(std::string_view text) {
  const auto point = point_in(text, {}, true);
  if (!point) return std::nullopt;
  if (point->infinity != 0) return point->infinity > 0 ? kDayInfinity : kDayMinusInfinity;
  return static_cast<int32_t>(point->day);
}

std::optional<int64_t> moment_in(std::string_view text) {
  return moment_in_units(text, kMsPerDay);
}

std::optional<int64_t> moment_us_in(std::string_view text) {
  return moment_in_units(text, kUsPerDay);
}

}  // namespace millrace::crm
