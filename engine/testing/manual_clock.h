#pragma once

#include <atomic>

#include "millrace/core/clock.h"

namespace millrace::testing {

/// A clock that stands still until a test moves it. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t start_ms) : now_ms_(start_ms) {}
  int64_t now_ms() const override { return now_ms_; }
  int64_t steady_ns() const override { return (now_ms_ - stepped_ms_) * 1'000'000; }
  void advance(int64_t milliseconds) { now_ms_ += milliseconds; }
  /// The time of day is set, forwards or backwards; no time passes. REQUIRES: nobody reads it now.
  void step(int64_t milliseconds) {
    now_ms_ += milliseconds;
    stepped_ms_ += milliseconds;
  }

 private:
  std::atomic<int64_t> now_ms_;
  std::atomic<int64_t> stepped_ms_ = 0;
};

}  // namespace millrace::testing
