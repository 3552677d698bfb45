#pragma once

#define XXH_INLINE_ALL
#include <cstdint>
#include <random>

#include <xxhash.h>

#include "millrace/core/bytes.h"

namespace millrace {

/// Sizes of the tables of rows: open addressing, linear probing.
inline constexpr size_t kFirstSlots = 64;
// Tables grow at three quarters: a look-up stays at two slots, mostly in one cache line.
inline constexpr size_t kLoadNumerator = 3;
inline constexpr size_t kLoadDenominator = 4;

/// Keys come from outside; with a random seed nobody can choose them to collide.
inline uint64_t random_hash_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

inline uint32_t row_hash(Bytes key, uint64_t seed) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(key.data(), key.size(), seed));
}

}  // namespace millrace
