#include "engine/run/readiness.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::engine {

std::string reason_against(const Engine& engine) {
  if (engine.is_drained()) return "drained";
  if (engine.state() != EngineState::kRunning) return "no plan of the group includes it yet";
  for (const TaskInfo& task : engine.queries().tasks()) {
    if (task.stage == TaskStage::kRestoring || task.stage == TaskStage::kSuspended) {
      return fmt::format("task {} is {}, {} records to go", task.position.task.to_string(),
                         to_string(task.stage), task.restore_remaining_records);
    }
  }
  return {};
}

std::string status_line(const Engine& engine) {
  size_t running = 0;
  size_t standbys = 0;
  size_t restoring = 0;
  int64_t lag_records = 0;
  int64_t freshness_ms = 0;
  for (const TaskInfo& task : engine.queries().tasks()) {
    if (task.stage == TaskStage::kStandby) {
      ++standbys;
      continue;
    }
    ++(task.stage == TaskStage::kRunning ? running : restoring);
    const bool is_known = lag_records >= 0 && task.lag_records >= 0;
    lag_records = is_known ? lag_records + task.lag_records : -1;
    const int64_t of_task_ms = task.position.freshness_ms;
    const bool is_fresh_known = freshness_ms >= 0 && of_task_ms >= 0;
    freshness_ms = is_fresh_known ? std::max(freshness_ms, of_task_ms) : -1;
  }
  return fmt::format("{}{}: tasks={} restoring={} standbys={} lag_records={} freshness_ms={}",
                     to_string(engine.state()), engine.is_paused() ? ", paused" : "", running,
                     restoring, standbys, lag_records, freshness_ms);
}

}  // namespace millrace::engine
