#include "crm/entitlement/interval.h"

#include <algorithm>

namespace millrace::crm {

Interval intersection(Interval a, Interval b) {
  return {std::max(a.from_ms, b.from_ms), std::min(a.to_ms, b.to_ms)};
}

std::vector<Interval> difference(Interval whole, const std::vector<Interval>& holes) {
  std::vector<Interval> parts;
  Interval rest = whole;
  for (const Interval& hole : holes) {
    if (hole.empty()) continue;
    const Interval before{rest.from_ms, std::min(rest.to_ms, hole.from_ms)};
    if (!before.empty()) parts.push_back(before);
    rest.from_ms = std::max(rest.from_ms, hole.to_ms);
  }
  if (!rest.empty()) parts.push_back(rest);
  return parts;
}

}  // namespace millrace::crm
