#include "engine/task/task_timers.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

#include "millrace/core/assert.h"

#include "engine/task/task_processors.h"

namespace millrace::engine {

class TaskTimers::Queue final : public Timers {
 public:
  Queue(const TaskTimers& all, TaskScope& scope, const ResolvedStore& resolved)
      : all_(all),
        scope_(scope),
        resolved_(resolved),
        rows(scope.state->store(resolved.spec->name)) {}

  void set(Bytes key, uint8_t kind, int64_t time_ms) override {
    if (key.is_null()) throw std::invalid_argument("a timer needs a key that is not null");
    if (time_ms < 0) {
      throw std::invalid_argument(fmt::format("a timer's time {} ms is negative", time_ms));
    }
    rows.set(key, kind, time_ms, timestamp_ms());
  }
  bool cancel(Bytes key, uint8_t kind) override { return rows.cancel(key, kind, timestamp_ms()); }
  std::optional<int64_t> find(Bytes key, uint8_t kind) override { return rows.find(key, kind); }
  int64_t now_ms() const override { return all_.clock_ms(kind()); }

  TimeKind kind() const { return *resolved_.spec->timers; }
  std::string_view name() const { return resolved_.spec->name; }
  uint32_t node() const { return resolved_.timer_node; }
  /// Time of the rows: not the timer's own, since brokers refuse records of the future.
  int64_t timestamp_ms() const { return std::max<int64_t>(scope_.stream_time_ms, 0); }

 private:
  const TaskTimers& all_;
  TaskScope& scope_;
  const ResolvedStore& resolved_;

 public:
  TimerQueue rows;
};

TaskTimers::TaskTimers(TaskScope& scope) {
  for (const ResolvedStore& resolved : scope.sub_topology->stores) {
    if (!resolved.spec->timers) continue;
    queues_.push_back(std::make_unique<Queue>(*this, scope, resolved));
  }
  clocks_ms_[index(TimeKind::kStream)] = scope.stream_time_ms;
}

TaskTimers::~TaskTimers() = default;

Timers& TaskTimers::timers(std::string_view name) {
  for (const auto& queue : queues_) {
    if (queue->name() == name) return *queue;
  }
  MILLRACE_ASSERT(false, "the task has no store of timers of this name");
  std::abort();
}

void TaskTimers::set_clock(TimeKind kind, int64_t now_ms) {
  int64_t& clock_ms = clocks_ms_[index(kind)];
  clock_ms = kind == TimeKind::kStream ? std::max(clock_ms, now_ms) : now_ms;
}

void TaskTimers::show_clocks(int64_t stream_ms, int64_t wall_ms) {
  clocks_ms_[index(TimeKind::kStream)] = stream_ms;
  clocks_ms_[index(TimeKind::kWall)] = wall_ms;
}

bool TaskTimers::may_be_due(TimeKind kind, int64_t now_ms) const {
  return std::any_of(queues_.begin(), queues_.end(), [&](const auto& queue) {
    return queue->kind() == kind && queue->rows.next_due_ms() <= now_ms;
  });
}

bool TaskTimers::find_due() {
  due_ = nullptr;
  for (const auto& queue : queues_) {
    TimerQueue& rows = queue->rows;
    const int64_t now_ms = clock_ms(queue->kind());
    if (rows.next_due_ms() > now_ms) continue;
    rows.load();
    if (rows.next_due_ms() > now_ms) continue;
    if (due_ == nullptr || rows.next_due_ms() < due_->rows.next_due_ms()) due_ = queue.get();
  }
  return due_ != nullptr;
}

Timer TaskTimers::take_due() {
  MILLRACE_ASSERT(due_ != nullptr, "no timer was found due");
  due_->rows.load();
  due_->rows.take(taken_, due_->timestamp_ms());
  return {due_->name(), Bytes(taken_.key), taken_.kind, taken_.time_ms};
}

uint32_t TaskTimers::due_node() const {
  MILLRACE_ASSERT(due_ != nullptr, "no timer was found due");
  return due_->node();
}

void TaskTimers::begin_unit() {
  for (const auto& queue : queues_) queue->rows.begin_unit();
}

void TaskTimers::unit_undone() {
  for (const auto& queue : queues_) queue->rows.unit_undone();
}

}  // namespace millrace::engine
