#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "millrace/engine/options.h"

namespace millrace::engine {

/// When to commit: soon while live, for freshness; later and later while lagging, for throughput
/// (larger commits coalesce more rows); at once when uncommitted memory reaches its bound.
class CommitPacer {
 public:
  explicit CommitPacer(const EngineOptions& options)
      : options_(options), interval_ms_(options.commit_interval_ms) {}

  /// `is_lagging`: inputs are not read to their end, or not all that was read is processed.
  bool is_due(int64_t now_ns, size_t dirty_bytes, bool is_lagging) const {
    return dirty_bytes >= options_.commit_bytes_max || now_ns >= due_ns(is_lagging);
  }
  /// Whoever reaches the end of its inputs does not wait for the rest of a long interval.
  int64_t due_ns(bool is_lagging) const {
    return last_ns_ + (is_lagging ? interval_ms_ : options_.commit_interval_ms) * 1'000'000;
  }

  /// A commit is done.
  void committed(int64_t now_ns, bool is_lagging) {
    last_ns_ = now_ns;
    interval_ms_ = is_lagging ? std::min(interval_ms_ * 2, options_.commit_interval_max_ms)
                              : options_.commit_interval_ms;
  }
  /// Nothing is uncommitted: the interval begins with the next change.
  void idle(int64_t now_ns) { last_ns_ = now_ns; }

 private:
  const EngineOptions& options_;
  int64_t interval_ms_;
  int64_t last_ns_ = 0;
};

}  // namespace millrace::engine
