#include "engine/loop/task_roster.h"

#include <algorithm>
#include <set>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

/// Tasks that a warning names.
constexpr size_t kUnknownTasksNamed = 10;

/// Changes whenever one of the inputs grows.
int64_t end_of_inputs(Task& task) {
  int64_t sum = 0;
  for (const TaskInput& input : task.inputs()) sum += input.committable();
  return sum;
}

}  // namespace

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
      ends_(instance.clients, parts.application.admin(), instance.clock),
      restorer_(std::move(parts.changelogs), ends_, instance.scheduler, instance.clock,
                instance.options.state_max_age_ms),
      starts_(instance, parts.application.admin(), parts.session,
              [this] {
                restorer_.fetcher().wake();
                plane_.wake();
              }),
      standstill_(instance.clock, instance.options.session_timeout_ms) {}

void TaskRoster::take(const Ownership& ownership) {
  has_plan_ = true;
  starts_.add_dead(ownership.dead);
  const std::vector<TaskId> active = known_of(ownership.active);
  const std::vector<TaskId> standby = known_of(ownership.standby);
  warn_of_unknown(ownership);
  const auto is_ours = [&](TaskId id) {
    return std::binary_search(active.begin(), active.end(), id) ||
           std::binary_search(standby.begin(), standby.end(), id);
  };
  for (auto place = records_.begin(); place != records_.end();) {
    place = is_ours(place->first) ? std::next(place) : remove(place);
  }
  for (const TaskId id : active) {
    take_task(id, false);
    const auto dead = ownership.dead_owners.find(id);
    records_.at(id).dead_owners =
        dead == ownership.dead_owners.end() ? std::vector<std::string>() : dead->second;
  }
  for (const TaskId id : standby) take_task(id, true);
  divide_cache();
  instance_.metrics.rebalances().add();
  spdlog::info("tasks given generation={} active={} standby={}", ownership.group.generation,
               active.size(), standby.size());
}

std::vector<TaskId> TaskRoster::known_of(std::span<const TaskId> tasks) const {
  std::vector<TaskId> known(tasks.begin(), tasks.end());
  std::erase_if(known, [&](TaskId id) { return !application_.has_task(id); });
  return known;
}

void TaskRoster::warn_of_unknown(const Ownership& ownership) const {
  std::vector<std::string> unknown;
  for (const auto* const tasks : {&ownership.active, &ownership.standby}) {
    for (const TaskId id : *tasks) {
      if (!application_.has_task(id)) unknown.push_back(id.to_string());
    }
  }
  if (unknown.empty()) return;
  const size_t count = unknown.size();
  unknown.resize(std::min(count, kUnknownTasksNamed));
  spdlog::warn(
      "the plan gives this instance tasks that its topology does not have generation={} tasks={} "
      "first={}: it leaves them to instances that know them. While a topology is upgraded this "
      "ends when this instance is; else somebody else writes to the application's topics",
      ownership.group.generation, count, fmt::join(unknown, ","));
}

void TaskRoster::take_task(TaskId id, bool is_standby) {
  const Backoff backoff(instance_.clock, instance_.options.retry_backoff_max_ms);
  TaskRecord& record = records_.try_emplace(id, id, is_standby, backoff).first->second;
  const bool follows_on = record.is(Stage::kFollowing) && is_standby;
  record.is_standby = is_standby;
  if (!record.is(Stage::kUnopened) && !follows_on) record.move_to(Stage::kPreparing);
  show(record);
}

void TaskRoster::divide_cache() {
  const size_t share = state_.cache_share(records_.size());
  for (auto& [id, record] : records_) {
    if (record.task != nullptr) record.task->state().limit_cache(share);
  }
}

size_t TaskRoster::cached_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, record] : records_) {
    if (record.task != nullptr) bytes += record.task->state().cached_bytes();
  }
  return bytes;
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
    if (record.is(Stage::kRunning)) {
      plane_.remove(*record.task);
      instance_.changes.close(id);
      record.current_ms = standstill_.member_until_ms();
    }
    restorer_.cancel(id);  // also one that it began as a standby
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
  instance_.changes.close(id);
  instance_.metrics.clear_restore(id);
  if (record.task != nullptr) state_.close(id, record.task->sub_topology(), record.task->state());
  return records_.erase(place);
}

void TaskRoster::close() {
  ends_.stop();
  for (auto place = records_.begin(); place != records_.end();) place = remove(place);
  snapshots_.reset();
}

void TaskRoster::show_committed(std::span<Task* const> tasks) {
  for (Task* const task : tasks) show(records_.at(task->id()));
  instance_.changes.notify();
}

void TaskRoster::show_caught_up() {
  // Commits are too early to know that a task has caught up, and too late that it no longer has.
  for (auto& [id, record] : records_) {
    if (!record.is(Stage::kRunning)) continue;
    const bool is_caught_up = plane_.is_caught_up(*record.task);
    const bool has_moved = is_caught_up && end_of_inputs(*record.task) != record.shown_end;
    if (is_caught_up != record.shown_as_caught_up || has_moved) show(record);
  }
}

void TaskRoster::show(TaskRecord& record) {
  record.shown_as_caught_up = record.is(Stage::kRunning) && plane_.is_caught_up(*record.task);
  if (record.shown_as_caught_up) record.shown_end = end_of_inputs(*record.task);
  const std::optional<RestoreStatus> restore = restorer_.status(record.id);
  registry_.set_info(record.info(restore, record.shown_as_caught_up),
                     restore ? restore->end_known_ns : std::nullopt);
}

void TaskRoster::do_chores() {
  if (snapshots_) snapshots_->take_due(plane_.tasks());
  if (!has_plan_) return;
  std::set<TaskId> ours;
  for (const auto& [id, record] : records_) ours.insert(id);
  state_.remove_old(ours, snapshots_.get());
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
