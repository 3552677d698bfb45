#include <algorithm>
#include <utility>

#include "millrace/core/assert.h"

#include "engine/task/task.h"

namespace millrace::engine {

void Task::freeze() {
  MILLRACE_ASSERT(scope_.deferred.empty(), "deferred work belongs to its records' commit");
  if (!broadcasts_->empty()) {
    state_->begin_unit();
    broadcasts_->freeze();
    state_->end_unit();
  }
  for (TaskInput& input : inputs_) {
    // Never goes back over control records that a commit passed: a purge may have followed it.
    input.frozen_position = std::max(input.frozen_position, input.committable());
  }
  frozen_event_time_ms_ = scope_.stream_time_ms;
  state_->freeze();
  scope_.commit_requested = false;
  dirty_units_ = 0;
}

Status Task::send_frozen(Producer& producer) {
  MILLRACE_RETURN_IF_ERROR(collector_.flush(producer));
  MILLRACE_RETURN_IF_ERROR(rows_.send_frozen(
      producer, [this](const ResolvedNode& sink, const ChangelogRecord& row, const Error& error) {
        return handle_unsent(sink, row, error);
      }));
  MILLRACE_RETURN_IF_ERROR(collector_.flush(producer));  // dead letters about rows
  frozen_bytes_ = dirty_bytes();
  return {};
}

void Task::take_delivered_ends(Producer& producer) {
  frozen_positions_ = state_->positions();
  for (const ResolvedStore& store : sub_topology_.stores) {
    if (store.output < 0) continue;
    const int64_t end =
        producer.delivered_end((*environment_.outputs)[store.output].handle, scope_.task.partition);
    if (end >= 0) frozen_positions_.changelog_end[store.spec->name] = end;
  }
}

void Task::expect_delivered(Producer& producer) {
  for (TaskInput& input : inputs_) {
    if (input.resolved->output < 0) continue;
    const int32_t handle = (*environment_.outputs)[input.resolved->output].handle;
    const int64_t end = producer.delivered_end(handle, input.partition.partition);
    if (end > input.end_offset) input.is_at_end = false;
  }
}

Status Task::apply_frozen() {
  for (const TaskInput& input : inputs_) {
    frozen_positions_.inputs[input.partition] = input.frozen_position;
  }
  frozen_positions_.committed_at_ms = environment_.clock->now_ms();
  committed_event_time_ms_ = frozen_event_time_ms_;
  ChangeRings::Changes changes = watched_changes();
  MILLRACE_RETURN_IF_ERROR(state_->apply_frozen(frozen_positions_));
  if (environment_.changes != nullptr) {
    environment_.changes->publish(scope_.task, std::move(changes));
  }
  frozen_bytes_ = 0;
  broadcasts_->apply_frozen();
  return {};
}

ChangeRings::Changes Task::watched_changes() const {
  ChangeRings::Changes changes;
  if (environment_.changes == nullptr) return changes;
  environment_.changes->list_watched(scope_.task, changes);
  if (changes.empty()) return changes;
  ChangeRings::Changes known;
  for (const ResolvedStore& store : sub_topology_.stores) {
    if (!changes.contains(store.spec->name)) continue;
    std::vector<std::string>& keys = known[store.spec->name];
    state_->for_each_frozen(
        store.spec->name, [&](const ChangelogRecord& row) { keys.push_back(row.key.to_string()); });
  }
  return known;
}

TaskCounts Task::take_counts() {
  for (const auto& [reason, count] : scope_.dropped) counts_.dropped[reason] += count;
  scope_.dropped.clear();
  for (const auto& [node, late] : scope_.late) {
    counts_.late[node].records += late.records;
    counts_.late[node].ms += late.ms;
  }
  scope_.late.clear();
  counts_.sent = collector_.take_sent();
  return std::exchange(counts_, TaskCounts{});
}

}  // namespace millrace::engine
