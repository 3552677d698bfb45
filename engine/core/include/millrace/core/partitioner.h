#pragma once

#include <cstdint>

#include "millrace/core/bytes.h"

namespace millrace {

/// 32-bit MurmurHash2 with the seed of the Java client (`Utils.murmur2`), as a signed value.
/// Source: Austin Appleby's MurmurHash2 (public domain), seed 0x9747b28c.
int32_t murmur2(Bytes key);

/// Partition of a non-null key, equal to the Java client's default partitioner:
/// `(murmur2(key) & 0x7fffffff) % partitions`.
int32_t partition_of(Bytes key, int32_t partitions);

}  // namespace millrace
