#include "engine/loop/task_record.h"

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

bool is_a_way(Stage from, Stage to) {
  switch (to) {
    case Stage::kUnopened:
    case Stage::kRestoring:
    case Stage::kFollowing:
      return from == Stage::kPreparing;
    case Stage::kRunning:
      return from == Stage::kRestoring;
    case Stage::kPreparing:
      return true;
    case Stage::kSuspended:
      return from != Stage::kUnopened && from != Stage::kFollowing;
  }
  return false;
}

TaskStage shown_stage(Stage stage, bool is_standby) {
  if (stage == Stage::kRunning) return TaskStage::kRunning;
  if (stage == Stage::kSuspended) return TaskStage::kSuspended;
  return is_standby ? TaskStage::kStandby : TaskStage::kRestoring;
}

}  // namespace

void TaskRecord::move_to(Stage stage) {
  MILLRACE_ASSERT(is_a_way(stage_, stage), "a task's stages follow each other");
  MILLRACE_ASSERT((task == nullptr) == (stage == Stage::kUnopened), "it has state unless unopened");
  stage_ = stage;
  question.reset();
  restored_records.reset();
  has_asked_again = false;
}

TaskInfo TaskRecord::info(const std::optional<RestoreStatus>& restore, bool is_caught_up) const {
  TaskInfo info;
  info.stage = shown_stage(stage_, is_standby);
  info.position.task = id;
  if (task == nullptr) return info;
  const TaskPositions& positions = task->state().positions();
  info.position.inputs = positions.inputs;
  for (const ResolvedStore& store : task->sub_topology().stores) {
    const auto end = positions.changelog_end.find(store.spec->name);
    if (end == positions.changelog_end.end()) continue;
    info.position.changelogs[{store.changelog_topic, id.partition}] = end->second;
  }
  info.position.committed_at_ms = positions.committed_at_ms;
  info.position.event_time_ms = task->committed_event_time_ms();
  info.is_caught_up = is_caught_up;
  info.lag_records = 0;
  for (const TaskInput& input : task->inputs()) {
    info.lag_records += static_cast<int64_t>(input.queue.size());
    if (!is_caught_up) continue;
    // Markers of transactions behind the last record are included too.
    int64_t& next = info.position.inputs[input.partition];
    next = std::max(next, input.committable());
  }
  if (!restore) return info;
  if (is_standby) {
    info.lag_records = restore->remaining_records;
    info.is_caught_up = restore->is_complete;
  }
  info.restore_records = restore->records;
  info.restore_bytes = restore->bytes;
  info.restore_remaining_records = restore->remaining_records;
  return info;
}

}  // namespace millrace::engine
