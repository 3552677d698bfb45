#pragma once

#include <cstdint>
#include <limits>

namespace millrace::crm {

/// Wide enough for sums of any number of amounts and for one product, so that the order of adding
/// never matters; the end result is brought into range once.
__extension__ typedef __int128 Wide;

inline int64_t saturated(Wide value) {
  constexpr Wide kMax = std::numeric_limits<int64_t>::max();
  constexpr Wide kMin = std::numeric_limits<int64_t>::min();
  if (value > kMax) return std::numeric_limits<int64_t>::max();
  if (value < kMin) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace millrace::crm
