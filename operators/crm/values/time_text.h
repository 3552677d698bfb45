#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::crm {

/// The unit of a number that stands for a day or a moment, counted from 1970-01-01 UTC.
enum class TimeUnit : unsigned char {
  kUnsaid,
  kDays,
  kSeconds,
  kMilliseconds,
  kMicroseconds,
  kNanoseconds,
};

/// A number's unit, and whether a schema says it: then every time in it is plausible. Otherwise a
/// moment within a year of 1970 is not: it is a number of another unit.
struct TimeNumbers {
  TimeUnit unit = TimeUnit::kUnsaid;
  bool is_certain = false;
};

inline constexpr std::string_view kInfinity = "infinity";
inline constexpr std::string_view kMinusInfinity = "-infinity";

/// `text` as the one text of its day: `2025-11-25`, or one of the infinities. Takes
///
/// - `2025-11-25`, also with an offset (`2025-11-25Z`); a moment, whose UTC day counts; a date with
///   a time and no offset, whose written day counts;
/// - `infinity`, `-infinity`, and years of more than four digits, which stand for them;
/// - a number in the unit. If none is said: up to seven digits are days, eight digits YYYYMMDD, 12
///   to 14 digits ms; a number of another length is refused.
///
/// nullopt for all else, and for days outside the years 1 to 9999.
std::optional<std::string> canonical_date(std::string_view text, TimeNumbers numbers = {});

/// The same for moments: `2025-11-25T10:00:00.25Z`. A text needs an offset. A number without a unit
/// has 12 to 14 digits and counts ms.
std::optional<std::string> canonical_moment(std::string_view text, TimeNumbers numbers = {});

/// Days since 1970 of a text that `canonical_date` takes; infinities are the ends of the type.
std::optional<int32_t> day_in(std::string_view text);
/// Ms since 1970 of a text that `canonical_moment` takes, rounded down; infinities likewise.
std::optional<int64_t> moment_in(std::string_view text);
/// The same in microseconds.
std::optional<int64_t> moment_us_in(std::string_view text);

inline constexpr int32_t kDayInfinity = std::numeric_limits<int32_t>::max();
inline constexpr int32_t kDayMinusInfinity = std::numeric_limits<int32_t>::min();
inline constexpr int64_t kMomentInfinity = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kMomentMinusInfinity = std::numeric_limits<int64_t>::min();

}  // namespace millrace::crm
