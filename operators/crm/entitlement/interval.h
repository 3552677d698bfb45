#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace millrace::crm {

inline constexpr int64_t kOpenStart = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();

/// The moments from <= t < to, in ms since 1970-01-01 UTC.
struct Interval {
  int64_t from_ms = kOpenStart;
  int64_t to_ms = kOpenEnd;

  bool empty() const { return from_ms >= to_ms; }
  bool contains(int64_t ms) const { return from_ms <= ms && ms < to_ms; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

Interval intersection(Interval a, Interval b);

/// The parts of `whole` outside all `holes`, in order. `holes` may overlap; sorted by their starts.
std::vector<Interval> difference(Interval whole, const std::vector<Interval>& holes);

}  // namespace millrace::crm
