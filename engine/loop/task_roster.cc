#include "engine/loop/task_roster.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace millrace::engine {

TaskRoster::TaskRoster(Instance& instance, Parts parts)
    : instance_(instance),
      application_(parts.application),
      group_(parts.group),
      session_(parts.session),
      plane_(parts.plane),
      registry_(parts.registry),
      backoff_(parts.backoff),
      state_(std::move(parts.state)),
      snapshots_(std::move(parts.snapshots)),
      restorer_(std::move(parts.changelogs), instance.scheduler, instance.clock),
      starts_(instance, parts.application.admin(), parts.session) {}

void TaskRoster::take(const Ownership& ownership) {
  has_plan_ = true;
  starts_.add_dead(ownership.dead);
  const auto is_ours = [&](TaskId id) {
    return std::binary_search(ownership.active.begin(), ownership.active.end(), id) ||
           std::binary_search(ownership.standby.begin(), ownership.standby.end(), id);
  };
  for (auto place = records_.begin(); place != records_.end();) {
    place = is_ours(place->first) ? std::next(place) : remove(place);
  }
  for (const TaskId id : ownership.active) take_task(id, false);
  for (const TaskId id : ownership.standby) take_task(id, true);
  instance_.metrics.rebalances().add();
  spdlog::info("tasks given generation={} active={} standby={}", ownership.group.generation,
               ownership.active.size(), ownership.standby.size());
}

void TaskRoster::take_task(TaskId id, bool is_standby) {
  TaskRecord& record = records_.try_emplace(id, id, is_standby).first->second;
  const bool follows_on = record.is(Stage::kFollowing) && is_standby;
  record.is_standby = is_standby;
  if (!record.is(Stage::kUnopened) && !follows_on) record.move_to(Stage::kPreparing);
  show(record);
}

void TaskRoster::suspend() {
  reset_active(Stage::kSuspended);
  has_plan_ = false;
}

void TaskRoster::go_back() {
  reset_active(has_plan_ ? Stage::kPreparing : Stage::kSuspended);
}

void TaskRoster::reset_active(Stage stage) {
  for (auto& [id, record] : records_) {
    if (record.is_standby || record.is(Stage::kUnopened)) continue;
    if (record.is(Stage::kRunning)) plane_.remove(*record.task);
    if (record.is(Stage::kRestoring)) restorer_.cancel(id);
    record.task->reset();
    record.move_to(stage);
    show(record);
  }
}

TaskRoster::Records::iterator TaskRoster::remove(Records::iterator place) {
  auto& [id, record] = *place;
  if (record.is(Stage::kRunning)) plane_.remove(*record.task);
  restorer_.cancel(id);
  if (snapshots_) {
    snapshots_->forget(id);
    snapshots_->cancel_download(id);
  }
  registry_.remove(id);
  instance_.metrics.clear_restore(id);
  if (record.task != nullptr) state_.close(id, record.task->sub_topology(), record.task->state());
  return records_.erase(place);
}

void TaskRoster::close() {
  for (auto place = records_.begin(); place != records_.end();) place = remove(place);
  snapshots_.reset();
}

void TaskRoster::show_committed(std::span<Task* const> tasks) {
  for (Task* const task : tasks) show(records_.at(task->id()));
}

void TaskRoster::show_caught_up() {
  // Commits are too early to know that a task has caught up, and too late that it no longer has.
  for (auto& [id, record] : records_) {
    if (!record.is(Stage::kRunning)) continue;
    if (plane_.is_caught_up(*record.task) != record.shown_as_caught_up) show(record);
  }
}

void TaskRoster::show(TaskRecord& record) {
  record.shown_as_caught_up = record.is(Stage::kRunning) && plane_.is_caught_up(*record.task);
  registry_.set_info(record.info(restorer_.status(record.id), record.shown_as_caught_up));
}

void TaskRoster::do_chores() {
  if (snapshots_) snapshots_->take_due(plane_.tasks());
  if (has_plan_) state_.remove_old(snapshots_.get());
}

std::map<TaskId, int64_t> TaskRoster::held() const {
  std::map<TaskId, int64_t> held = state_.held();
  for (const auto& [id, record] : records_) {
    if (record.task == nullptr) continue;
    held[id] = held_of(record.task->sub_topology(), record.task->state().positions());
  }
  std::erase_if(held, [](const auto& entry) { return entry.second < 0; });
  return held;
}

bool TaskRoster::any_at(Stage stage) const {
  return std::any_of(records_.begin(), records_.end(),
                     [&](const auto& entry) { return entry.second.is(stage); });
}

bool TaskRoster::is_starting() const {
  return any_at(Stage::kUnopened) || any_at(Stage::kPreparing) || any_at(Stage::kRestoring);
}

}  // namespace millrace::engine
