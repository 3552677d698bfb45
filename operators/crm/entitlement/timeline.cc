#include "crm/entitlement/timeline.h"

#include <algorithm>
#include <tuple>

#include "crm/entitlement/sweep.h"

namespace millrace::crm {

const Segment* Timeline::at(int64_t ms) const {
  const auto after = std::ranges::upper_bound(
      segments, ms, {}, [](const Segment& segment) { return segment.time.from_ms; });
  if (after == segments.begin()) return nullptr;
  const Segment& segment = *std::prev(after);
  return segment.time.contains(ms) ? &segment : nullptr;
}

std::optional<int64_t> Timeline::next_change_after(int64_t ms) const {
  const auto next = std::ranges::upper_bound(
      segments, ms, {}, [](const Segment& segment) { return segment.time.to_ms; });
  if (next == segments.end()) return std::nullopt;
  if (next->time.from_ms > ms) return next->time.from_ms;
  if (next->time.to_ms == kOpenEnd) return std::nullopt;
  return next->time.to_ms;
}

std::vector<Boundary> boundaries_of(const std::vector<Grant>& grants) {
  std::vector<Boundary> boundaries;
  for (uint32_t rank = 0; rank < grants.size(); ++rank) {
    for (const Piece& piece : grants[rank].pieces) {
      boundaries.push_back({piece.time.from_ms, rank, true, &piece});
      if (piece.time.to_ms != kOpenEnd) {
        boundaries.push_back({piece.time.to_ms, rank, false, &piece});
      }
    }
  }
  std::ranges::sort(boundaries, [](const Boundary& a, const Boundary& b) {
    return std::tie(a.at_ms, a.is_start, a.rank) < std::tie(b.at_ms, b.is_start, b.rank);
  });
  return boundaries;
}

Timeline timeline_of(const FeatureGrants& feature) {
  Timeline timeline{
      .feature = feature.feature, .kind = feature.kind, .other_kind = feature.other_kind};
  switch (feature.kind) {
    case FeatureKind::QuantitySum:
    case FeatureKind::Metered:
    case FeatureKind::PerIncident:
      sweep_sum(feature, timeline);
      break;
    default:
      sweep_strongest(feature, timeline);
  }
  std::ranges::sort(timeline.shares, [](const Share& a, const Share& b) {
    return std::tie(a.time.from_ms, a.rank) < std::tie(b.time.from_ms, b.rank);
  });
  return timeline;
}

std::vector<Timeline> derive_entitlements(std::span<const SourceView> sources, const Zone& zone,
                                          const Catalogue& catalogue) {
  std::vector<Timeline> timelines;
  for (const FeatureGrants& feature : grants_of(sources, zone, catalogue)) {
    timelines.push_back(timeline_of(feature));
  }
  return timelines;
}

}  // namespace millrace::crm
