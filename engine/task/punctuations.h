#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>

#include "millrace/core/clock.h"
#include "millrace/core/processor.h"

namespace millrace::engine {

/// The periodic calls that a task's processors asked for.
class Punctuations {
 public:
  using Callback = std::function<void(int64_t now_ms)>;

  /// The clock that drives `kWall`: the steady one, so that setting the time of day changes no
  /// interval.
  static int64_t elapsed_ms(const Clock& clock) { return clock.steady_ns() / kNsPerMs; }

  /// As `ProcessorContext::schedule`; `elapsed_ms`: the present one.
  ScheduleId add(TimeKind kind, int64_t interval_ms, int64_t elapsed_ms, Callback callback);

  void cancel(ScheduleId id);

  /// Earliest time at which something is due; the largest int64 when nothing is.
  int64_t next_due_ms(TimeKind kind) const { return next_due_ms_[index(kind)]; }
  /// Runs `unit(callback)` for each that is due and sets its next time: one call, however many
  /// intervals have passed.
  void run_due(TimeKind kind, int64_t now_ms, const std::function<void(const Callback&)>& unit);

 private:
  struct Entry {
    TimeKind kind = TimeKind::kStream;
    int64_t interval_ms = 0;
    int64_t due_ms = 0;
    Callback callback;
  };
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  /// A sum that ends at `kNever`.
  static int64_t after(int64_t time_ms, int64_t interval_ms);
  static size_t index(TimeKind kind) { return static_cast<size_t>(kind); }
  void find_next(TimeKind kind);

  std::map<ScheduleId, Entry> entries_;
  uint64_t last_id_ = 0;
  int64_t next_due_ms_[2] = {kNever, kNever};
};

}  // namespace millrace::engine
