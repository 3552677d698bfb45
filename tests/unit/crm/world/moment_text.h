#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/format.h>

namespace millrace::crm {

/// A moment of whole seconds in the form that rows keep: "2023-11-14T22:13:20Z".
inline std::string moment_text(int64_t seconds) {
  const std::chrono::sys_seconds moment{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int{date.year()},
                     unsigned{date.month()}, unsigned{date.day()}, time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

/// The other way round, in seconds; 0 for a text of another form.
inline int64_t seconds_of(const std::string& moment_text) {
  int parts[6] = {};
  if (std::sscanf(moment_text.c_str(), "%d-%d-%dT%d:%d:%dZ", &parts[0], &parts[1], &parts[2],
                  &parts[3], &parts[4], &parts[5]) != 6) {
    return 0;
  }
  const std::chrono::sys_days day = std::chrono::year(parts[0]) / parts[1] / parts[2];
  const int64_t midnight = std::chrono::sys_seconds(day).time_since_epoch().count();
  return midnight + (parts[3] * 60 + parts[4]) * 60 + parts[5];
}

}  // namespace millrace::crm
