#include "crm/entitlement/source_time.h"

#include <algorithm>

namespace millrace::crm {
namespace {

int64_t end_of_day_ms(int32_t day, const Zone& zone) {
  return zone.start_of_day_ms(day + 1);
}

}  // namespace

Interval interval_of(const PeriodView& period, const Zone& zone) {
  Interval days;
  if (period.start_date) days.from_ms = zone.start_of_day_ms(*period.start_date);
  if (period.end_date) days.to_ms = end_of_day_ms(*period.end_date, zone);
  return intersection(days,
                      {period.start_ms.value_or(kOpenStart), period.end_ms.value_or(kOpenEnd)});
}

SourceTime time_of(const SourceView& source, const Zone& zone) {
  SourceTime time;
  time.is_active = source.status == GrantSourceStatus::Active;
  time.period = interval_of(source.period, zone);
  time.terminated_ms = source.terminated_ms.value_or(kOpenEnd);
  if (source.terminated_date) {
    time.terminated_ms = std::min(time.terminated_ms, end_of_day_ms(*source.terminated_date, zone));
  }
  time.suspensions.reserve(source.suspensions.size());
  for (const PeriodView& suspension : source.suspensions) {
    time.suspensions.push_back(interval_of(suspension, zone));
  }
  std::ranges::sort(time.suspensions, {}, &Interval::from_ms);
  return time;
}

void narrow(SourceTime& time, const SourceTime& other) {
  time.is_active = time.is_active && other.is_active;
  time.period = intersection(time.period, other.period);
  time.terminated_ms = std::min(time.terminated_ms, other.terminated_ms);
  if (other.suspensions.empty()) return;
  time.suspensions.insert(time.suspensions.end(), other.suspensions.begin(),
                          other.suspensions.end());
  std::ranges::sort(time.suspensions, {}, &Interval::from_ms);
}

std::vector<Interval> active_times(const SourceTime& time) {
  if (!time.is_active) return {};
  const Interval until_terminated{kOpenStart, time.terminated_ms};
  return difference(intersection(time.period, until_terminated), time.suspensions);
}

std::vector<Interval> grace_times(const SourceTime& time, int32_t grace_days, const Zone& zone) {
  const int64_t end_ms = time.period.to_ms;
  if (!time.is_active || grace_days == 0 || time.period.empty() || end_ms == kOpenEnd) return {};
  const int32_t last_day = zone.day_of(end_ms - 1);
  const Interval grace{end_ms, end_of_day_ms(last_day + grace_days, zone)};
  return difference(intersection(grace, {kOpenStart, time.terminated_ms}), time.suspensions);
}

}  // namespace millrace::crm
