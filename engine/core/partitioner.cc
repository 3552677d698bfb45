#include "millrace/core/partitioner.h"

#include "millrace/core/assert.h"

namespace millrace {

int32_t murmur2(Bytes key) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  const uint8_t* data = key.bytes();
  size_t left = key.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; left -= 4, data += 4) {
    uint32_t word = static_cast<uint32_t>(data[0]) | static_cast<uint32_t>(data[1]) << 8 |
                    static_cast<uint32_t>(data[2]) << 16 | static_cast<uint32_t>(data[3]) << 24;
    word *= kMultiplier;
    word ^= word >> 24;
    word *= kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  if (left > 0) {
    for (size_t i = left; i-- > 0;) hash ^= static_cast<uint32_t>(data[i]) << (8 * i);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<int32_t>(hash);
}

int32_t partition_of(Bytes key, int32_t partitions) {
  MILLRACE_ASSERT(!key.is_null() && partitions > 0, "only keys of real topics have a partition");
  return (murmur2(key) & 0x7fffffff) % partitions;
}

}  // namespace millrace
