#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

#include "engine/loop/loop.h"

namespace millrace::engine {
namespace {

constexpr size_t kRestoreRunBytesMin = 8 << 20;

}  // namespace

void Loop::suspend_all(Stage stage) {
  for (auto& [id, owned] : tasks_) {
    if (owned.is_standby) continue;
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
  suspend_all(has_plan_ ? Stage::kPreparing : Stage::kSuspended);
}

Status Loop::prepare_tasks() {
  if (!backoff_.is_due()) return {};
  if (broadcasts_ != nullptr && !broadcasts_->is_loaded()) return {};
  Status status = open_tasks();
  std::vector<Owned*> wanted = next_to_prepare();
  if (!wanted.empty() && (status.ok() || is_passing(status.code()))) {
    if (Status prepared = prepare(wanted); !prepared.ok()) status = std::move(prepared);
  }
  if (status.ok() || !is_passing(status.code())) return status;
  // Running tasks, if any, are not concerned: only these wait.
  if (backoff_.record_failure()) {
    spdlog::warn("tasks wait to start tasks={} {}", wanted.size() + unopened_.size(),
                 status.message());
  }
  return {};
}

std::vector<Loop::Owned*> Loop::next_to_prepare() {
  std::vector<Owned*> wanted;
  Owned* standby = nullptr;
  for (auto& [id, owned] : tasks_) {
    if (owned.stage != Stage::kPreparing) continue;
    if (!owned.is_standby) {
      wanted.push_back(&owned);
    } else if (standby == nullptr) {
      standby = &owned;
    }
  }
  if (wanted.empty() && standby != nullptr) wanted.push_back(standby);
  return wanted;
}

Status Loop::open_tasks() {
  Status status;
  const std::map<TaskId, Unopened> unopened = unopened_;
  bool is_busy = std::any_of(tasks_.begin(), tasks_.end(), [](const auto& entry) {
    return entry.second.stage == Stage::kPreparing && !entry.second.is_standby;
  });
  for (const bool is_standby : {false, true}) {
    for (const auto& [id, wanted] : unopened) {
      if (wanted.is_standby != is_standby || (is_standby && is_busy)) continue;
      if (waits_for_snapshot(id, wanted)) continue;
      if (Status opened = open_task(id, wanted); opened.ok()) {
        is_busy = true;
      } else if (status.ok()) {
        status = std::move(opened);
      }
    }
  }
  return status;
}

Status Loop::open_task(TaskId id, Unopened wanted) {
  Result<std::unique_ptr<Task>> made = make_task(id, wanted.starts_empty);
  if (!made.ok()) return made.status();
  Owned& owned = tasks_[id];
  owned.task = std::move(*made);
  owned.is_standby = wanted.is_standby;
  owned.stage = Stage::kPreparing;
  offer_to_queries(*owned.task);
  publish(owned);
  closed_.erase(id);
  unopened_.erase(id);
  return {};
}

Status Loop::prepare(std::vector<Owned*>& wanted) {
  MILLRACE_RETURN_IF_ERROR(session_.open());
  MILLRACE_RETURN_IF_ERROR(fence_dead());
  std::vector<TopicPartition> partitions;
  for (const Owned* const owned : wanted) {
    if (owned->is_standby) continue;
    for (const TaskInput& input : owned->task->inputs()) partitions.push_back(input.partition);
  }
  Result<std::vector<PartitionOffset>> committed = std::vector<PartitionOffset>();
  if (!partitions.empty()) committed = admin_->committed(partitions);
  if (!committed.ok()) return committed.status();
  MILLRACE_ASSERT(committed->size() == partitions.size(), "an offset for every partition asked");
  size_t next = 0;
  for (Owned* const owned : wanted) {
    if (!owned->is_standby) {
      const size_t inputs = owned->task->inputs().size();
      MILLRACE_RETURN_IF_ERROR(set_offsets(*owned, std::span(*committed).subspan(next, inputs)));
      next += inputs;
    }
    MILLRACE_RETURN_IF_ERROR(begin_restore(*owned));
  }
  backoff_.record_success();
  did_something_ = true;
  return {};
}

Status Loop::set_offsets(Owned& owned, std::span<const PartitionOffset> committed) {
  owned.offsets.clear();
  owned.backlog_ends.clear();
  owned.has_offsets = false;
  const bool needs_ends = owned.task->sub_topology().has_wall_timers();
  for (const PartitionOffset& known : committed) {
    int64_t offset = known.offset;
    if (offset >= 0) owned.has_offsets = true;
    if (offset < 0 || needs_ends) {
      const Result<Admin::Watermarks> marks = admin_->watermarks(known.partition);
      if (!marks.ok()) return marks.status();
      if (offset < 0) offset = marks->low;
      if (needs_ends) owned.backlog_ends.push_back(marks->high);
    }
    owned.offsets.push_back(offset);
  }
  return {};
}

Status Loop::begin_restore(Owned& owned) {
  const TaskId id = owned.task->id();
  if (!owned.is_standby && is_ahead_of_group(owned)) {
    spdlog::warn("local state holds inputs that the group has not committed, rebuilding task={}",
                 id.to_string());
    return rebuild(tasks_.find(id));
  }
  if (owned.is_standby) {
    MILLRACE_RETURN_IF_ERROR(restorer_->begin(*owned.task, RestoreGoal::kFollow, *admin_));
  } else if (restorer_->contains(id)) {
    MILLRACE_RETURN_IF_ERROR(restorer_->promote(id, *admin_));
  } else {
    MILLRACE_RETURN_IF_ERROR(restorer_->begin(*owned.task, RestoreGoal::kRun, *admin_));
  }
  owned.stage = owned.is_standby ? Stage::kFollowing : Stage::kRestoring;
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

Status Loop::rebuild(std::map<TaskId, Owned>::iterator place) {
  auto& [id, owned] = *place;
  restorer_->cancel(id);
  if (snapshots_) snapshots_->forget(id);
  registry_.remove(id);
  MILLRACE_RETURN_IF_ERROR(owned.task->state().close());
  unopened_[id] = {.is_standby = owned.is_standby, .starts_empty = true};
  tasks_.erase(place);
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
  MILLRACE_RETURN_IF_ERROR(owned.task->start(owned.offsets, owned.backlog_ends));
  MILLRACE_RETURN_IF_ERROR(pump_->add(*owned.task));
  owned.stage = Stage::kRunning;
  inputs_at_end_ = false;
  publish(owned);
  spdlog::info("task running task={}", owned.task->id().to_string());
  return {};
}

const SubTopology& Loop::sub_topology_of(TaskId id) const {
  const auto found = std::find_if(
      sub_topologies_.begin(), sub_topologies_.end(),
      [&](const SubTopology& candidate) { return candidate.index == id.sub_topology; });
  MILLRACE_ASSERT(found != sub_topologies_.end(), "a task of no sub-topology");
  return *found;
}

Result<std::unique_ptr<Task>> Loop::make_task(TaskId id, bool starts_empty) {
  const SubTopology& sub_topology = sub_topology_of(id);
  std::vector<StoreSpec> specs;
  specs.reserve(sub_topology.stores.size());
  for (const ResolvedStore& store : sub_topology.stores) specs.push_back(*store.spec);
  TaskStateOptions options;
  options.directory = directory_.task_directory(id);
  options.memory = state_memory_;
  options.incarnation = incarnation_;
  options.starts_empty = starts_empty;
  options.cache_bytes =
      options_.cache_bytes / std::max<size_t>(tasks_.size() + unopened_.size(), 1);
  options.restore_run_bytes = std::max(options.cache_bytes, kRestoreRunBytesMin);
  options.now_ms = clock_.now_ms();
  options.max_age_ms = options_.state_max_age_ms;
  Result<std::unique_ptr<TaskState>> state = TaskState::open(std::move(options), specs);
  if (!state.ok()) return state.status();
  return std::make_unique<Task>(id, sub_topology, environment_, std::move(*state));
}

void Loop::offer_to_queries(Task& task) {
  QueryRegistry::Readers readers;
  for (const ResolvedStore& store : task.sub_topology().stores) {
    readers[store.spec->name] = task.state().reader(store.spec->name);
  }
  registry_.add(task.id(), std::move(readers));
}

void Loop::remove_task(std::map<TaskId, Owned>::iterator place) {
  auto& [id, owned] = *place;
  if (owned.stage == Stage::kRunning) pump_->remove(*owned.task);
  if (restorer_) restorer_->cancel(id);
  if (snapshots_) snapshots_->forget(id);
  closed_[id] = {held_of(*owned.task), clock_.steady_ns()};
  registry_.remove(id);
  metrics_.clear_restore(id);
  if (const Status closed = owned.task->state().close(); !closed.ok()) {
    spdlog::error("store not closed cleanly task={} {}", id.to_string(), closed.message());
  }
  tasks_.erase(place);
}

bool Loop::is_caught_up(const Owned& owned) const {
  Task& task = *owned.task;
  if (owned.stage != Stage::kRunning || committer_.is_under_way()) return false;
  if (task.is_dirty() || task.has_work()) return false;
  return std::all_of(task.inputs().begin(), task.inputs().end(),
                     [](const TaskInput& input) { return input.is_at_end && input.queue.empty(); });
}

void Loop::publish(Owned& owned) {
  TaskInfo info;
  Task& task = *owned.task;
  info.stage = owned.stage == Stage::kRunning     ? TaskStage::kRunning
               : owned.stage == Stage::kSuspended ? TaskStage::kSuspended
               : owned.is_standby                 ? TaskStage::kStandby
                                                  : TaskStage::kRestoring;
  info.position.task = task.id();
  const TaskPositions& positions = task.state().positions();
  info.position.inputs = positions.inputs;
  for (const ResolvedStore& store : task.sub_topology().stores) {
    const auto end = positions.changelog_end.find(store.spec->name);
    if (end == positions.changelog_end.end()) continue;
    info.position.changelogs[{store.changelog_topic, task.id().partition}] = end->second;
  }
  info.position.committed_at_ms = positions.committed_at_ms;
  info.position.event_time_ms = task.committed_event_time_ms();
  info.is_caught_up = is_caught_up(owned);
  owned.shown_as_caught_up = info.is_caught_up;
  info.lag_records = 0;
  for (const TaskInput& input : task.inputs()) {
    info.lag_records += static_cast<int64_t>(input.queue.size());
  }
  if (const auto status = restorer_->status(task.id())) {
    if (owned.is_standby) {
      info.lag_records = status->remaining_records;
      info.is_caught_up = status->is_complete;
    }
    info.restore_records = status->records;
    info.restore_bytes = status->bytes;
    info.restore_remaining_records = status->remaining_records;
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

bool Loop::is_starting_tasks() const {
  return !unopened_.empty() || any_at(Stage::kPreparing) || any_at(Stage::kRestoring);
}

void Loop::update_state() {
  if (!failure_.ok()) return;
  EngineState now = EngineState::kRunning;
  if (coordinator_ == nullptr) {
    now = EngineState::kStarting;
  } else if (!has_plan_) {
    now = EngineState::kRebalancing;
  } else if (!any_at(Stage::kRunning) && is_starting_tasks()) {
    now = EngineState::kRestoring;
  }
  if (now == state_) return;
  spdlog::info("engine state={}", to_string(now));
  state_ = now;
  metrics_.set_state(to_string(now));
}

}  // namespace millrace::engine
