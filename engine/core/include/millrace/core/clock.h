#pragma once

#include <cstdint>

namespace millrace {

inline constexpr int64_t kNsPerMs = 1'000'000;

/// Source of wall-clock and steady time, so that tests move it by hand. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t now_ms() const = 0;     ///< since 1970-01-01 UTC; may step
  virtual int64_t steady_ns() const = 0;  ///< never steps; only differences mean anything
};

/// The machine's clock.
const Clock& system_clock();

}  // namespace millrace
