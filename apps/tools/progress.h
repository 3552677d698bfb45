#pragma once

#include <chrono>
#include <cstdint>

namespace millrace::apps {

/// Decides when to report the progress of long work.
class Progress {
 public:
  /// Whether it is time for the next line: every two seconds. Call it once per step; a step takes
  /// far less than a second.
  bool is_due() {
    if (++steps_ % kStepsPerLook != 0 || Clock::now() < next_) return false;
    next_ = Clock::now() + kPause;
    return true;
  }
  int64_t steps() const { return steps_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int64_t kStepsPerLook = 64;
  static constexpr std::chrono::seconds kPause{2};
  Clock::time_point next_ = Clock::now() + kPause;
  int64_t steps_ = 0;
};

}  // namespace millrace::apps
