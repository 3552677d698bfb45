#pragma once

#include <cstdint>

namespace millrace {

inline constexpr uint64_t kSplitMixStep = 0x9e3779b97f4a7c15;

/// SplitMix64 (Steele, Lea, Flood 2014) of a state: the same numbers everywhere.
inline uint64_t split_mix(uint64_t state) {
  uint64_t n = state + kSplitMixStep;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
  n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
  return n ^ (n >> 31);
}

}  // namespace millrace
