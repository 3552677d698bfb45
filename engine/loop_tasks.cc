#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

#include "engine/loop.h"
#include "engine/ownership.h"

namespace millrace::engine {
namespace {

constexpr size_t kRestoreRunBytesMin = 8 << 20;

}  // namespace

Status Loop::follow_membership() {
  if (membership_ == nullptr) return {};
  for (;;) {
    Result<std::optional<MembershipEvent>> polled = membership_->poll();
    if (!polled.ok()) {
      // Whoever took our place in the group owns our tasks: nothing of ours may be committed.
      lose();
      if (polled.code() == ErrorCode::kRetriable) return {};
      return Error{ErrorCode::kConfig, fmt::format("membership lost: {}", polled.message())};
    }
    if (!polled->has_value()) return {};
    did_something_ = true;
    const MembershipEvent& event = **polled;
    switch (event.kind) {
      case MembershipEvent::Kind::kAssigned:
        MILLRACE_RETURN_IF_ERROR(assign(event));
        break;
      case MembershipEvent::Kind::kRevoked:
        revoke();
        MILLRACE_RETURN_IF_ERROR(failure_);
        membership_->acknowledge_revoked();
        break;
      case MembershipEvent::Kind::kLost:
        lose();
        membership_->acknowledge_revoked();
        break;
    }
  }
}

Status Loop::assign(const MembershipEvent& event) {
  const std::vector<TaskId> given = tasks_of_assignment(plans_, event.partitions);
  for (auto place = tasks_.begin(); place != tasks_.end();) {
    const auto next = std::next(place);
    if (!std::binary_search(given.begin(), given.end(), place->first)) remove_task(place);
    place = next;
  }
  for (const TaskId id : given) {
    Owned& owned = tasks_[id];
    if (owned.task == nullptr) {
      Result<std::unique_ptr<Task>> made = make_task(id, given.size());
      if (!made.ok()) {
        tasks_.erase(id);
        return made.status();
      }
      owned.task = std::move(*made);
    }
    owned.stage = Stage::kPreparing;
    publish(owned);
  }
  group_ = event.group;
  is_assigned_ = true;
  metrics_.rebalances().Increment();
  spdlog::info("tasks assigned generation={} tasks={}", group_.generation, given.size());
  return {};
}

/// The barrier of a rebalance: what is processed gets committed, then nothing runs.
void Loop::revoke() {
  if (const Status status = commit_now(); !status.ok()) {
    if (!handle(status).ok()) return;
  }
  suspend_all(Stage::kSuspended);
  is_assigned_ = false;
  spdlog::info("tasks revoked generation={} tasks={}", group_.generation, tasks_.size());
}

void Loop::lose() {
  // What Kafka committed before the loss is kept; what it refused is gone.
  if (const Status ended = finish_commit(); !ended.ok()) session_.recover_from(ended.error());
  spdlog::warn("assignment lost generation={} tasks={}", group_.generation, tasks_.size());
  suspend_all(Stage::kSuspended);
  is_assigned_ = false;
  session_.recover_from(Error{ErrorCode::kAborted, "the assignment was lost"});
}

void Loop::suspend_all(Stage stage) {
  for (auto& [id, owned] : tasks_) {
    if (owned.stage == Stage::kRunning) pump_->remove(*owned.task);
    if (owned.stage == Stage::kRestoring) restorer_->cancel(id);
    owned.task->reset();
    owned.stage = stage;
    publish(owned);
  }
}

/// I4: whatever is uncommitted in any task goes; all tasks go on from what Kafka has.
void Loop::recover(const Error& failure) {
  if (backoff_.record_failure()) {
    spdlog::warn("going back to the last commit code={} attempt={} {}", to_string(failure.code),
                 backoff_.attempts(), failure.message);
  }
  metrics_.aborts().Increment();
  session_.recover_from(failure);
  if (membership_ != nullptr) suspend_all(is_assigned_ ? Stage::kPreparing : Stage::kSuspended);
}

Status Loop::prepare_tasks() {
  std::vector<Owned*> wanted;
  for (auto& [id, owned] : tasks_) {
    if (owned.stage == Stage::kPreparing) wanted.push_back(&owned);
  }
  if (wanted.empty() || !backoff_.is_due()) return {};
  Status status = prepare(wanted);
  if (status.ok() || !is_passing(status.code())) return status;
  // Running tasks, if any, are not concerned: only these wait.
  if (backoff_.record_failure()) {
    spdlog::warn("tasks wait to start tasks={} {}", wanted.size(), status.message());
  }
  return {};
}

Status Loop::prepare(std::vector<Owned*>& wanted) {
  MILLRACE_RETURN_IF_ERROR(session_.open());
  std::vector<TopicPartition> partitions;
  for (const Owned* const owned : wanted) {
    for (const TaskInput& input : owned->task->inputs()) partitions.push_back(input.partition);
  }
  const Result<std::vector<PartitionOffset>> committed = admin_->committed(partitions);
  if (!committed.ok()) return committed.status();
  MILLRACE_ASSERT(committed->size() == partitions.size(), "an offset for every partition asked");
  size_t next = 0;
  for (Owned* const owned : wanted) {
    owned->offsets.clear();
    owned->has_offsets = false;
    for (const TaskInput& input : owned->task->inputs()) {
      int64_t offset = (*committed)[next++].offset;
      if (offset >= 0) {
        owned->has_offsets = true;
      } else {
        const Result<Admin::Watermarks> marks = admin_->watermarks(input.partition);
        if (!marks.ok()) return marks.status();
        offset = marks->low;
      }
      owned->offsets.push_back(offset);
    }
    MILLRACE_RETURN_IF_ERROR(begin_restore(*owned));
  }
  backoff_.record_success();
  did_something_ = true;
  return {};
}

Status Loop::begin_restore(Owned& owned) {
  Status status;
  if (is_ahead_of_group(owned)) {
    status = Error{ErrorCode::kNotFound, "it holds inputs that the group has not committed"};
  } else {
    status = restorer_->begin(*owned.task, RestoreGoal::kRun, *admin_);
  }
  if (!status.ok() && status.code() == ErrorCode::kNotFound) {
    spdlog::warn("local state does not belong to the changelog, rebuilding task={} {}",
                 owned.task->id().to_string(), status.message());
    MILLRACE_RETURN_IF_ERROR(reopen_empty(owned));
    status = restorer_->begin(*owned.task, RestoreGoal::kRun, *admin_);
  }
  MILLRACE_RETURN_IF_ERROR(status);
  owned.stage = Stage::kRestoring;
  publish(owned);
  return {};
}

bool Loop::is_ahead_of_group(const Owned& owned) {
  const auto& local = owned.task->state().positions().inputs;
  const std::vector<TaskInput>& inputs = owned.task->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto known = local.find(inputs[i].partition);
    if (known != local.end() && known->second > owned.offsets[i]) return true;
  }
  return false;
}

Status Loop::reopen_empty(Owned& owned) {
  const TaskId id = owned.task->id();
  registry_.remove(id);
  MILLRACE_RETURN_IF_ERROR(owned.task->state().close());
  MILLRACE_RETURN_IF_ERROR(directory_.remove_task(id));
  Result<std::unique_ptr<Task>> made = make_task(id, tasks_.size());
  if (!made.ok()) return made.status();
  owned.task = std::move(*made);
  return {};
}

Status Loop::start(Owned& owned, int64_t restored_records) {
  if (restored_records > 0 && !owned.has_offsets && session_.is_transactional()) {
    return Error{
        ErrorCode::kConfig,
        fmt::format("the changelogs of task {} hold rows but the group '{}' has no offsets "
                    "for its inputs: they expired or were deleted, and reading from the "
                    "beginning would apply everything twice. Reset the application: "
                    "delete its internal topics too, or set the group's offsets",
                    owned.task->id().to_string(), options_.application_id)};
  }
  MILLRACE_RETURN_IF_ERROR(owned.task->start(owned.offsets));
  MILLRACE_RETURN_IF_ERROR(pump_->add(*owned.task));
  owned.stage = Stage::kRunning;
  inputs_at_end_ = false;
  publish(owned);
  spdlog::info("task running task={}", owned.task->id().to_string());
  return {};
}

Result<std::unique_ptr<Task>> Loop::make_task(TaskId id, size_t tasks) {
  const auto plan = std::find_if(plans_.begin(), plans_.end(), [&](const TaskPlan& candidate) {
    return candidate.sub_topology == id.sub_topology;
  });
  MILLRACE_ASSERT(plan != plans_.end(), "a task of no sub-topology");
  std::vector<StoreSpec> specs;
  for (const PlanStore& store : plan->stores) specs.push_back(*store.spec);
  TaskStateOptions options;
  options.directory = directory_.task_directory(id);
  options.memory = state_memory_;
  options.incarnation = options_.application_id;
  options.cache_bytes = options_.cache_bytes / std::max<size_t>(tasks, 1);
  options.restore_run_bytes = std::max(options.cache_bytes, kRestoreRunBytesMin);
  options.now_ms = clock_.now_ms();
  options.max_age_ms = options_.state_max_age_ms;
  Result<std::unique_ptr<TaskState>> state = TaskState::open(std::move(options), specs);
  if (!state.ok()) return state.status();
  QueryRegistry::Readers readers;
  for (const StoreSpec& spec : specs) readers[spec.name] = (*state)->reader(spec.name);
  registry_.add(id, std::move(readers));
  return std::make_unique<Task>(id, *plan, environment_, std::move(*state));
}

void Loop::remove_task(std::map<TaskId, Owned>::iterator place) {
  auto& [id, owned] = *place;
  if (owned.stage == Stage::kRunning) pump_->remove(*owned.task);
  if (owned.stage == Stage::kRestoring) restorer_->cancel(id);
  registry_.remove(id);
  metrics_.clear_restore(id);
  if (const Status closed = owned.task->state().close(); !closed.ok()) {
    spdlog::error("store not closed cleanly task={} {}", id.to_string(), closed.message());
  }
  tasks_.erase(place);
}

void Loop::publish(const Owned& owned) {
  TaskInfo info;
  Task& task = *owned.task;
  info.stage = owned.stage == Stage::kRunning     ? TaskStage::kRunning
               : owned.stage == Stage::kSuspended ? TaskStage::kSuspended
                                                  : TaskStage::kRestoring;
  info.position.task = task.id();
  const TaskPositions& positions = task.state().positions();
  info.position.inputs = positions.inputs;
  for (const PlanStore& store : task.plan().stores) {
    const auto end = positions.changelog_end.find(store.spec->name);
    if (end == positions.changelog_end.end()) continue;
    info.position.changelogs[{store.changelog_topic, task.id().partition}] = end->second;
  }
  info.position.committed_at_ms = positions.committed_at_ms;
  info.position.event_time_ms = task.committed_event_time_ms();
  info.is_caught_up = owned.stage == Stage::kRunning;
  info.lag_records = 0;
  for (const TaskInput& input : task.inputs()) {
    info.is_caught_up = info.is_caught_up && input.is_at_end && input.queue.empty();
    info.lag_records += static_cast<int64_t>(input.queue.size());
  }
  if (restorer_) {
    for (const RestoreStatus& status : restorer_->progress()) {
      if (status.task != task.id()) continue;
      info.restore_records = status.records;
      info.restore_bytes = status.bytes;
      info.restore_remaining_records = status.remaining_records;
    }
  }
  registry_.set_info(std::move(info));
}

std::vector<Task*> Loop::tasks_at(Stage stage, bool only_dirty) const {
  std::vector<Task*> found;
  for (const auto& [id, owned] : tasks_) {
    if (owned.stage == stage && (!only_dirty || owned.task->is_dirty())) {
      found.push_back(owned.task.get());
    }
  }
  return found;
}

bool Loop::any_at(Stage stage) const {
  return std::any_of(tasks_.begin(), tasks_.end(),
                     [&](const auto& entry) { return entry.second.stage == stage; });
}

void Loop::update_state() {
  if (!failure_.ok()) return;
  EngineState now = EngineState::kRunning;
  if (membership_ == nullptr) {
    now = EngineState::kStarting;
  } else if (!is_assigned_) {
    now = EngineState::kRebalancing;
  } else if (!tasks_.empty() && !any_at(Stage::kRunning)) {
    now = EngineState::kRestoring;
  }
  if (now == state_) return;
  spdlog::info("engine state={}", to_string(now));
  state_ = now;
  metrics_.set_state(to_string(now));
}

}  // namespace millrace::engine
