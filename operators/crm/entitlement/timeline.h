#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "crm/entitlement/grant.h"

namespace millrace::crm {

/// A time in which nothing about a feature changes.
struct Segment {
  Interval time{};
  EntitlementStatus status = EntitlementStatus::Active;
  int64_t amount = 0;
  std::string_view text{};

  friend bool operator==(const Segment&, const Segment&) = default;
};

/// Provenance. The shares of a segment are those with its status whose time covers it.
struct Share {
  Interval time{};
  EntitlementStatus status = EntitlementStatus::Active;
  int64_t amount = 0;
  uint32_t rank = 0;  ///< of its grant among all of the feature, 0 is the strongest
  Precedence precedence = Precedence::Contract;
  std::string_view source;
  std::string_view via;

  friend bool operator==(const Share&, const Share&) = default;
};

/// An account's entitlement to one feature, over all time. Lives as long as the views in its
/// grants.
struct Timeline {
  std::string_view feature;
  FeatureKind kind = FeatureKind::Boolean;
  std::vector<Segment> segments{};  ///< disjoint, in order; touching ones differ, in provenance too
  std::vector<Share> shares{};      ///< by start, then rank
  int64_t uncovered = 0;            ///< used incidents that no grant covered
  size_t other_kind = 0;            ///< as in `FeatureGrants`

  /// The segment that `ms` lies in, or null.
  const Segment* at(int64_t ms) const;
  /// The first moment after `ms` at which the segment changes.
  std::optional<int64_t> next_change_after(int64_t ms) const;
};

/// Sweeps once over the boundaries of all grants. Grants in grace count only while none is active.
///
/// Boolean, QuantityMax, Tier, Config: one grant decides, the strongest of those with the largest
/// amount (Config: the strongest), and only that grant has shares. A Boolean grant of amount 0 does
/// not count. QuantitySum, Metered: amounts add up. PerIncident: remaining amounts add up. Each use
/// takes from the grants in effect at its moment, the one that ends first coming first, then the
/// stronger one; a use stays taken through suspensions and into grace. Sums stop at the largest
/// int64.
///
/// Cost for p pieces and u uses: O((p + u) log p) time, O(p + u) segments and shares.
Timeline timeline_of(const FeatureGrants& feature);

/// The timelines of all features that `sources` give, by name. See `grants_of` and `timeline_of`.
std::vector<Timeline> derive_entitlements(std::span<const SourceView> sources, const Zone& zone,
                                          const Catalogue& catalogue);

}  // namespace millrace::crm
