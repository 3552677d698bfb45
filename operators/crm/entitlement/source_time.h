#pragma once

#include <cstdint>
#include <vector>

#include "crm/entitlement/interval.h"
#include "crm/entitlement/source.h"
#include "crm/entitlement/zone.h"

namespace millrace::crm {

/// The time in which a source is in effect.
struct SourceTime {
  bool is_active = true;  ///< false: never, whatever the other fields are
  Interval period{};
  int64_t terminated_ms = kOpenEnd;     ///< nothing is in effect from here on, not even grace
  std::vector<Interval> suspensions{};  ///< may overlap
};

/// A last day ends where the next day begins.
Interval interval_of(const PeriodView& period, const Zone& zone);
SourceTime time_of(const SourceView& source, const Zone& zone);
/// Narrows `time` to its common part with `other`.
void narrow(SourceTime& time, const SourceTime& other);

/// The times in effect, in order. REQUIRES: suspensions are sorted by their starts.
std::vector<Interval> active_times(const SourceTime& time);
/// The rest of the last day in effect and `grace_days` more, without suspensions.
std::vector<Interval> grace_times(const SourceTime& time, int32_t grace_days, const Zone& zone);

}  // namespace millrace::crm
