#include <cstdlib>
#include <ctime>
#include <map>

#include "oracle.h"

namespace millrace::crm {
namespace {

constexpr int64_t kEarliestMs = 14 * 60 * kMinuteMs;  // no zone is further ahead of UTC

void use_zone(const std::string& zone) {
  static std::string current;
  if (current == zone) return;
  current = zone;
  ::setenv("TZ", (":" + zone).c_str(), 1);
  ::tzset();
}

}  // namespace

int32_t clock_day_of(const std::string& zone, int64_t ms) {
  use_zone(zone);
  const auto seconds = static_cast<time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  tm local{};
  ::localtime_r(&seconds, &local);
  local.tm_hour = local.tm_min = local.tm_sec = 0;
  return static_cast<int32_t>(::timegm(&local) * 1000 / kDayMs);
}

int64_t clock_start_of_day(const std::string& zone, int32_t day) {
  static std::map<std::pair<std::string, int32_t>, int64_t> known;
  const auto [it, is_new] = known.try_emplace({zone, day});
  if (!is_new) return it->second;
  int64_t ms = day * kDayMs - kEarliestMs;
  while (clock_day_of(zone, ms) < day) ms += kMinuteMs;
  return it->second = ms;
}

}  // namespace millrace::crm
