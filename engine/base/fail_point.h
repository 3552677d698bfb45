#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "millrace/core/result.h"
#include "millrace/engine/engine.h"

namespace millrace::engine {

/// Lets tests end the engine at a step of a commit: by a hook, or for a whole process by
/// `MILLRACE_FAIL_POINT=<step>:<n>`, which exits with 137 when it reaches the step the n-th time.
/// Thread-safe.
class FailPoint {
 public:
  /// Error: `kConfig` when the environment variable is malformed.
  static Result<FailPoint> create(std::function<Status(CommitStep)> hook);

  /// Error: the hook's; from then on every step returns it.
  Status reach(CommitStep step);
  /// Whether a hook ended the engine.
  bool has_fired() const { return has_fired_; }

  FailPoint(FailPoint&& other) noexcept
      : hook_(std::move(other.hook_)),
        step_(std::move(other.step_)),
        countdown_(other.countdown_) {}

 private:
  FailPoint() = default;
  std::mutex mutex_;
  std::function<Status(CommitStep)> hook_;
  std::string step_;
  int countdown_ = 0;
  Status fired_;
  std::atomic<bool> has_fired_ = false;
};

}  // namespace millrace::engine
