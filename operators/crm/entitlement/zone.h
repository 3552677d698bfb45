#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace date {
class time_zone;  // NOLINT(readability-identifier-naming): theirs
}  // namespace date

namespace millrace::crm {

/// A time zone, by the rules of the system's tzdata; UTC unless found by name. Cheap to copy.
///
/// Days count from 1970-01-01. A day begins at the first moment at which local clocks show it, as
/// in Java's `LocalDate.atStartOfDay(zone)`: if clocks skip midnight, after the gap; if midnight
/// comes twice, at the first. From 2038 on the rules of winter 2037 hold for ever, since tzdata's
/// files list transitions until then.
class Zone {
 public:
  Zone() = default;  ///< UTC
  /// "Europe/Berlin"; nullopt when tzdata has no such zone. Looked up among the names that tzdata
  /// lists, so no name opens any other file. Reads the zone's file at its first use in the process.
  static std::optional<Zone> find(std::string_view name);

  /// REQUIRES: a day of the years 1 to 10,020.
  int64_t start_of_day_ms(int32_t day) const;
  int32_t day_of(int64_t ms) const;

 private:
  explicit Zone(const date::time_zone* rules) : rules_(rules) {}
  const date::time_zone* rules_ = nullptr;  // lives as long as the process
};

}  // namespace millrace::crm
