#pragma once

#define XXH_INLINE_ALL
#include <cstdint>
#include <random>

#include <xxhash.h>

#include "millrace/core/bytes.h"

namespace millrace {

/// Keys come from outside; a seed of its own keeps a table's from being chosen to collide.
inline uint64_t random_hash_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

inline uint32_t row_hash(Bytes key, uint64_t seed) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(key.data(), key.size(), seed));
}

}  // namespace millrace
