#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "millrace/core/timers.h"
#include "millrace/state/timer_queue.h"

namespace millrace::engine {

struct TaskScope;

/// The timers of a task's processors, one queue per store, and where their clocks stand.
class TaskTimers {
 public:
  /// `scope` must outlive this. Event time continues from its stream time.
  explicit TaskTimers(TaskScope& scope);
  ~TaskTimers();
  TaskTimers(const TaskTimers&) = delete;
  TaskTimers& operator=(const TaskTimers&) = delete;

  bool empty() const { return queues_.empty(); }
  /// REQUIRES: there is a store of timers called `name`.
  Timers& timers(std::string_view name);

  /// A clock of `kStream` never goes back.
  void set_clock(TimeKind kind, int64_t now_ms);
  /// Puts both clocks where they stood, or will stand again.
  void show_clocks(int64_t stream_ms, int64_t wall_ms);
  int64_t clock_ms(TimeKind kind) const { return clocks_ms_[index(kind)]; }
  /// Whether a timer may be due at `now_ms` of that clock.
  bool may_be_due(TimeKind kind, int64_t now_ms) const;

  /// Finds the earliest timer that is due by the present clocks; false: there is none.
  bool find_due();
  /// Removes the timer that `find_due` found. The views live until the next call.
  Timer take_due();
  /// The node whose timer `find_due` found.
  uint32_t due_node() const;

  void begin_unit();
  void unit_undone();

 private:
  class Queue;
  static size_t index(TimeKind kind) { return static_cast<size_t>(kind); }

  std::vector<std::unique_ptr<Queue>> queues_;
  Queue* due_ = nullptr;
  TimerQueue::Taken taken_;
  int64_t clocks_ms_[2] = {-1, -1};
};

}  // namespace millrace::engine
