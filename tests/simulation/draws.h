#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace millrace::simulation {

/// Random numbers from a seed, the same on every machine.
class Draws {
 public:
  explicit Draws(uint64_t seed) : engine_(seed) {}

  /// From 0 to `count` − 1. REQUIRES: `count` > 0.
  uint64_t below(uint64_t count) { return engine_() % count; }
  int64_t between(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(below(static_cast<uint64_t>(last - first + 1)));
  }
  bool one_in(uint64_t count) { return below(count) == 0; }
  uint64_t salt() { return engine_(); }
  template <class Container>
  const auto& one_of(const Container& container) {
    return container[static_cast<size_t>(below(std::size(container)))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace millrace::simulation
