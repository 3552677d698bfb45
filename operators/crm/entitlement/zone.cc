#include "crm/entitlement/zone.h"

#include <stdexcept>
#include <string>

#include <date/tz.h>

namespace millrace::crm {
namespace {

using Milliseconds = std::chrono::milliseconds;

int64_t to_ms(date::sys_seconds moment) {
  return Milliseconds(moment.time_since_epoch()).count();
}

}  // namespace

std::optional<Zone> Zone::find(std::string_view name) {
  try {
    return Zone(date::locate_zone(name));
  } catch (const std::runtime_error&) {
    return std::nullopt;  // no such zone, or no tzdata at all
  }
}

int64_t Zone::start_of_day_ms(int32_t day) const {
  const date::local_days midnight{date::days(day)};
  if (rules_ == nullptr) return Milliseconds(midnight.time_since_epoch()).count();
  const date::local_info info = rules_->get_info(midnight);
  if (info.result == date::local_info::nonexistent) return to_ms(info.first.end);
  const std::chrono::seconds local = midnight.time_since_epoch();
  return to_ms(date::sys_seconds(local - info.first.offset));
}

int32_t Zone::day_of(int64_t ms) const {
  const date::sys_time<Milliseconds> moment{Milliseconds(ms)};
  if (rules_ == nullptr) return date::floor<date::days>(moment).time_since_epoch().count();
  return date::floor<date::days>(rules_->to_local(moment)).time_since_epoch().count();
}

}  // namespace millrace::crm
