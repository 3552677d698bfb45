#pragma once

#include <algorithm>
#include <cstdint>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// Whether an instance can resume from its last commit after an error of this kind.
inline bool is_passing(ErrorCode code) {
  return code == ErrorCode::kRetriable || code == ErrorCode::kTimedOut ||
         code == ErrorCode::kAborted || code == ErrorCode::kFenced;
}

/// When to retry after a failure: at once, then after 50 ms, doubling up to a limit.
class Backoff {
 public:
  Backoff(const Clock& clock, int64_t delay_ms_max) : clock_(clock), delay_ms_max_(delay_ms_max) {}

  bool is_due() const { return clock_.steady_ns() >= next_ns_; }
  int64_t due_ns() const { return next_ns_; }  ///< on the steady clock
  int64_t attempts() const { return attempts_; }
  /// Whether this failure deserves a log line: the first, then about one every ten seconds.
  bool record_failure() {
    const int64_t now_ns = clock_.steady_ns();
    const int64_t delay_ms = attempts_ == 0 ? 0 : std::min(delay_ms_max_, kFirstMs << shift());
    next_ns_ = now_ns + delay_ms * 1'000'000;
    const bool is_loud = attempts_ == 0 || now_ns - logged_ns_ > kLogIntervalNs;
    if (is_loud) logged_ns_ = now_ns;
    ++attempts_;
    return is_loud;
  }
  void record_success() { attempts_ = 0; }

 private:
  static constexpr int64_t kFirstMs = 50;
  static constexpr int64_t kLogIntervalNs = 10'000'000'000;
  int64_t shift() const { return std::min<int64_t>(attempts_ - 1, 16); }

  const Clock& clock_;
  int64_t delay_ms_max_;
  int64_t attempts_ = 0;
  int64_t next_ns_ = 0;
  int64_t logged_ns_ = 0;
};

}  // namespace millrace::engine
