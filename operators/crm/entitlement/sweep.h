#pragma once

#include <cstdint>
#include <vector>

#include "crm/entitlement/timeline.h"

namespace millrace::crm {

/// A piece of a grant begins or ends.
struct Boundary {
  int64_t at_ms = 0;
  uint32_t rank = 0;  ///< of the grant
  bool is_start = false;
  const Piece* piece = nullptr;
};

/// All boundaries but open ends, by moment; at one moment ends come first.
std::vector<Boundary> boundaries_of(const std::vector<Grant>& grants);

/// The two ways to combine grants. Both fill `timeline.segments` and `timeline.shares`; the latter
/// in no order.
void sweep_strongest(const FeatureGrants& feature, Timeline& timeline);
void sweep_sum(const FeatureGrants& feature, Timeline& timeline);

}  // namespace millrace::crm
