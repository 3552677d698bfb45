#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace millrace::apps::synthetic {

inline constexpr uint64_t kGoldenGamma = 0x9E3779B97F4A7C15;

/// A bijection of 64-bit numbers that leaves no pattern: a step of SplitMix64 (Steele, Lea and
/// Flood 2014).
constexpr uint64_t scrambled(uint64_t x) {
  x += kGoldenGamma;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// Random numbers that depend on the seed alone: SplitMix64, whose seeding costs nothing, and
/// distributions that, unlike those of the standard, are the same in every library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    const uint64_t number = scrambled(state_);
    state_ += kGoldenGamma;
    return number;
  }
  /// Of [0, n). REQUIRES: n > 0.
  uint64_t below(uint64_t n) { return next() % n; }
  /// Of [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }
  /// Of [0, 1).
  double unit() {
    constexpr double kScale = 0x1.0p-53;
    return static_cast<double>(next() >> 11) * kScale;
  }
  bool permille(uint64_t chance) { return below(1000) < chance; }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  uint64_t state_;
};

/// Ranks 1 … n with probabilities proportional to 1/rank, in constant memory: rejection-inversion
/// (Hörmann and Derflinger 1996) for the exponent 1.
class Zipf {
 public:
  /// REQUIRES: n > 0.
  explicit Zipf(uint64_t n) : n_(static_cast<double>(n)), high_(std::log(n_ + 0.5)) {}

  /// From 0: the most frequent.
  uint64_t draw(Random& random) const {
    while (true) {
      const double u = high_ + random.unit() * (kLow - high_);
      const double x = std::exp(u);
      double rank = std::floor(x + 0.5);
      rank = rank < 1 ? 1 : rank > n_ ? n_ : rank;
      if (rank - x <= kShift || u >= std::log(rank + 0.5) - 1 / rank) {
        return static_cast<uint64_t>(rank) - 1;
      }
    }
  }

 private:
  static constexpr double kLow = -0.5945348918918356;  // log(1.5) - 1
  /// 2 - exp(log(2.5) - 1/2): ranks so near to x are always taken.
  static constexpr double kShift = 0.4836733507184163;
  double n_;
  double high_;
};

}  // namespace millrace::apps::synthetic
