#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/loop/loop.h"

namespace millrace::engine {

Status Loop::follow_group() {
  if (coordinator_ == nullptr) return {};
  for (;;) {
    const Result<std::optional<OwnershipEvent>> polled = coordinator_->poll();
    if (!polled.ok()) {
      // Whoever took our place in the group owns our tasks: nothing of ours may be committed.
      lose();
      if (polled.code() == ErrorCode::kRetriable) return {};
      return Error{ErrorCode::kConfig, fmt::format("membership: {}", polled.status().message())};
    }
    if (!polled->has_value()) return {};
    did_something_ = true;
    switch ((*polled)->kind) {
      case OwnershipEvent::Kind::kGiven:
        take((*polled)->ownership);
        break;
      case OwnershipEvent::Kind::kRevoked:
        revoke();
        MILLRACE_RETURN_IF_ERROR(failure_);
        coordinator_->acknowledge_revoked();
        break;
      case OwnershipEvent::Kind::kLost:
        lose();
        coordinator_->acknowledge_revoked();
        break;
    }
  }
}

void Loop::take(const Ownership& ownership) {
  group_ = ownership.group;
  has_plan_ = true;
  dead_.insert(ownership.dead.begin(), ownership.dead.end());
  const auto is_ours = [&](TaskId id) {
    return std::binary_search(ownership.active.begin(), ownership.active.end(), id) ||
           std::binary_search(ownership.standby.begin(), ownership.standby.end(), id);
  };
  for (auto place = tasks_.begin(); place != tasks_.end();) {
    const auto next = std::next(place);
    if (!is_ours(place->first)) remove_task(place);
    place = next;
  }
  unopened_.clear();
  for (const TaskId id : ownership.active) take_task(id, false);
  for (const TaskId id : ownership.standby) take_task(id, true);
  cancel_downloads_of_others();
  metrics_.rebalances().Increment();
  spdlog::info("tasks given generation={} active={} standby={}", group_.generation,
               ownership.active.size(), ownership.standby.size());
}

void Loop::take_task(TaskId id, bool is_standby) {
  const auto place = tasks_.find(id);
  if (place == tasks_.end()) {
    unopened_[id] = {.is_standby = is_standby};
    return;
  }
  Owned& owned = place->second;
  const bool goes_on = owned.is_standby && is_standby && owned.stage == Stage::kFollowing;
  owned.is_standby = is_standby;
  if (!goes_on) owned.stage = Stage::kPreparing;
  publish(owned);
}

/// The barrier of a rebalance: what is processed gets committed, then nothing runs.
void Loop::revoke() {
  if (const Status status = commit_now(); !status.ok()) {
    if (!handle(status).ok()) return;
  }
  suspend_all(Stage::kSuspended);
  unopened_.clear();
  has_plan_ = false;
  report_state();
  spdlog::info("tasks revoked generation={} tasks={}", group_.generation, tasks_.size());
}

void Loop::lose() {
  spdlog::warn("assignment lost generation={} tasks={}", group_.generation, tasks_.size());
  // What Kafka committed before the loss is kept; what it refused is gone.
  if (const Status ended = finish_commit(); !ended.ok()) session_.recover_from(ended.error());
  suspend_all(Stage::kSuspended);
  unopened_.clear();
  has_plan_ = false;
  session_.recover_from(Error{ErrorCode::kAborted, "the assignment was lost"});
}

Status Loop::fence_dead() {
  if (!session_.is_transactional()) dead_.clear();
  while (!dead_.empty()) {
    const std::string& instance = *dead_.begin();
    Result<std::unique_ptr<Producer>> producer = clients_.producer(transactional_id(instance));
    if (!producer.ok()) return producer.status();
    MILLRACE_RETURN_IF_ERROR((*producer)->init_transactions());
    spdlog::info("fenced instance={}", instance);
    dead_.erase(dead_.begin());
  }
  return {};
}

void Loop::report_state() {
  coordinator_->report(state_report());
}

InstanceReport Loop::state_report() const {
  InstanceReport report;
  report.instance = directory_.instance();
  report.endpoint = endpoint_;
  report.has_snapshots = !snapshot_directory().empty();
  report.rack = options_.rack;
  report.capacity = options_.capacity;
  report.is_draining = is_draining_;
  for (const auto& [id, closed] : closed_) report.held[id] = closed.held;
  for (const auto& [id, owned] : tasks_) report.held[id] = held_of(*owned.task);
  std::erase_if(report.held, [](const auto& held) { return held.second < 0; });
  return report;
}

int64_t Loop::held_of(Task& task) {
  int64_t sum = -1;
  const auto& ends = task.state().positions().changelog_end;
  for (const ResolvedStore& store : task.sub_topology().stores) {
    const auto end = ends.find(store.spec->name);
    if (store.output >= 0 && end != ends.end()) sum = std::max<int64_t>(sum, 0) + end->second;
  }
  return sum;
}

/// Opens what earlier runs left, once, to know how far it is.
Status Loop::find_closed_state() {
  for (const TaskId id : directory_.tasks()) {
    const bool is_known = std::any_of(
        sub_topologies_.begin(), sub_topologies_.end(), [&](const SubTopology& sub_topology) {
          return sub_topology.index == id.sub_topology && id.partition < sub_topology.partitions;
        });
    if (!is_known) continue;
    Result<std::unique_ptr<Task>> task = make_task(id, false);
    if (!task.ok()) return task.status();
    const TaskPositions& positions = (*task)->state().positions();
    const bool is_empty = positions.changelog_end.empty() && positions.inputs.empty();
    closed_[id] = {held_of(**task), clock_.steady_ns()};
    MILLRACE_RETURN_IF_ERROR((*task)->state().close());
    if (!is_empty) continue;
    // A task without a directory may start from a snapshot.
    task->reset();
    MILLRACE_RETURN_IF_ERROR(directory_.remove_task(id));
    closed_.erase(id);
  }
  return {};
}

void Loop::remove_old_state() {
  const int64_t now_ns = clock_.steady_ns();
  for (auto place = closed_.begin(); place != closed_.end();) {
    const auto next = std::next(place);
    const bool is_in_use = snapshots_ && snapshots_->is_taking(place->first);
    if (has_plan_ && !is_in_use &&
        now_ns - place->second.since_ns > options_.state_cleanup_delay_ms * 1'000'000) {
      if (const Status removed = directory_.remove_task(place->first); removed.ok()) {
        spdlog::info("state removed, its task is elsewhere task={}", place->first.to_string());
      } else {
        spdlog::warn("{}", removed.message());
      }
      closed_.erase(place);
    }
    place = next;
  }
}

}  // namespace millrace::engine
