#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/loop/task_roster.h"

namespace millrace::engine {
namespace {

/// Whether a snapshot of the task can save reading a changelog.
bool has_changelog_on_disk(const SubTopology& sub_topology) {
  return std::any_of(
      sub_topology.stores.begin(), sub_topology.stores.end(),
      [](const ResolvedStore& store) { return store.output >= 0 && !store.spec->in_memory; });
}

/// Whether a committed offset says that another history than the local state's is going on.
bool is_ahead_of_group(Task& task, const StartPosition& start) {
  const auto& local = task.state().positions().inputs;
  const std::vector<TaskInput>& inputs = task.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto known = local.find(inputs[i].partition);
    if (known != local.end() && known->second > start.offsets[i]) return true;
  }
  return false;
}

}  // namespace

Status TaskRoster::prepare() {
  if (!backoff_.is_due()) return {};
  const BroadcastReader* const broadcasts = application_.broadcasts();
  if (broadcasts != nullptr && !broadcasts->is_loaded()) return {};
  Status status = has_plan_ ? open_tasks() : Status();
  const std::vector<TaskRecord*> wanted = next_to_begin();
  if (!wanted.empty() && (status.ok() || is_passing(status.code()))) {
    if (Status begun = begin(wanted); !begun.ok()) status = std::move(begun);
  }
  if (status.ok() || !is_passing(status.code())) return status;
  // Running tasks, if any, are not concerned: only these wait.
  if (backoff_.record_failure()) {
    const auto unopened = std::count_if(records_.begin(), records_.end(), [](const auto& entry) {
      return entry.second.is(Stage::kUnopened);
    });
    spdlog::warn("tasks wait to start tasks={} {}", wanted.size() + static_cast<size_t>(unopened),
                 status.message());
  }
  return {};
}

Status TaskRoster::open_tasks() {
  Status status;
  bool is_busy = std::any_of(records_.begin(), records_.end(), [](const auto& entry) {
    return entry.second.is(Stage::kPreparing) && !entry.second.is_standby;
  });
  for (const bool is_standby : {false, true}) {
    for (auto& [id, record] : records_) {
      if (!record.is(Stage::kUnopened) || record.is_standby != is_standby) continue;
      if ((is_standby && is_busy) || waits_for_snapshot(record)) continue;
      if (Status opened = open(record); opened.ok()) {
        is_busy = true;
      } else if (status.ok()) {
        status = std::move(opened);
      }
    }
  }
  return status;
}

bool TaskRoster::waits_for_snapshot(TaskRecord& record) {
  if (!snapshots_) return false;
  switch (snapshots_->download_stage(record.id)) {
    case SnapshotKeeper::DownloadStage::kUnderWay:
      return true;
    case SnapshotKeeper::DownloadStage::kEnded:
      snapshots_->install(record.id);
      return false;
    case SnapshotKeeper::DownloadStage::kNone:
      break;
  }
  const bool has_state = record.starts_empty || state_.is_on_disk(record.id);
  if (has_state || !has_changelog_on_disk(application_.sub_topology_of(record.id))) return false;
  if (!snapshots_->start_download(record.id, group_.snapshot_peers(record.id))) return false;
  registry_.add(record.id, {});
  show(record);
  return true;
}

Status TaskRoster::open(TaskRecord& record) {
  const SubTopology& sub_topology = application_.sub_topology_of(record.id);
  Result<std::unique_ptr<TaskState>> state = state_.open(
      record.id, sub_topology, {.starts_empty = record.starts_empty, .tasks = records_.size()});
  if (!state.ok()) return state.status();
  record.starts_empty = false;
  record.task = std::make_unique<Task>(record.id, sub_topology, application_.environment(),
                                       std::move(*state));
  record.move_to(Stage::kPreparing);
  QueryRegistry::Readers readers;
  for (const ResolvedStore& store : sub_topology.stores) {
    readers[store.spec->name] = record.task->state().reader(store.spec->name);
  }
  registry_.add(record.id, std::move(readers));
  show(record);
  return {};
}

std::vector<TaskRecord*> TaskRoster::next_to_begin() {
  std::vector<TaskRecord*> wanted;
  TaskRecord* standby = nullptr;
  for (auto& [id, record] : records_) {
    if (!record.is(Stage::kPreparing)) continue;
    if (!record.is_standby) {
      wanted.push_back(&record);
    } else if (standby == nullptr) {
      standby = &record;
    }
  }
  if (wanted.empty() && standby != nullptr) wanted.push_back(standby);
  return wanted;
}

Status TaskRoster::begin(std::span<TaskRecord* const> wanted) {
  std::vector<Task*> to_run;
  for (const TaskRecord* const record : wanted) {
    if (!record->is_standby) to_run.push_back(record->task.get());
  }
  const Result<std::vector<StartFinder::Committed>> committed = starts_.committed(to_run);
  if (!committed.ok()) return committed.status();
  auto next = committed->begin();
  for (TaskRecord* const record : wanted) {
    if (!record->is_standby) {
      Result<StartPosition> start = starts_.locate(*record->task, *next++);
      if (!start.ok()) return start.status();
      record->start = *std::move(start);
    }
    MILLRACE_RETURN_IF_ERROR(begin_restore(*record));
  }
  backoff_.record_success();
  did_something_ = true;
  return {};
}

Status TaskRoster::begin_restore(TaskRecord& record) {
  Admin& admin = application_.admin();
  if (record.is_standby) {
    MILLRACE_RETURN_IF_ERROR(restorer_.begin(*record.task, RestoreGoal::kFollow, admin));
    record.move_to(Stage::kFollowing);
  } else if (is_ahead_of_group(*record.task, record.start)) {
    return rebuild(record);
  } else if (restorer_.contains(record.id)) {
    MILLRACE_RETURN_IF_ERROR(restorer_.promote(record.id, admin));
    record.move_to(Stage::kRestoring);
  } else {
    MILLRACE_RETURN_IF_ERROR(restorer_.begin(*record.task, RestoreGoal::kRun, admin));
    record.move_to(Stage::kRestoring);
  }
  show(record);
  return {};
}

Status TaskRoster::rebuild(TaskRecord& record) {
  spdlog::warn("local state holds inputs that the group has not committed, rebuilding task={}",
               record.id.to_string());
  restorer_.cancel(record.id);
  if (snapshots_) snapshots_->forget(record.id);
  registry_.remove(record.id);
  MILLRACE_RETURN_IF_ERROR(record.task->state().close());
  record.task.reset();
  record.starts_empty = true;
  record.move_to(Stage::kUnopened);
  return {};
}

Status TaskRoster::restore_slice() {
  if (!restorer_.is_active()) return {};
  const Result<Restorer::Outcome> outcome = restorer_.run_slice();
  if (!outcome.ok()) return outcome.status();
  did_something_ |= outcome->fetched || !outcome->finished.empty();
  for (const auto& [task, records] : outcome->finished) {
    instance_.metrics.clear_restore(task->id());
    instance_.metrics.restored_records().add(static_cast<double>(records));
    MILLRACE_RETURN_IF_ERROR(start(records_.at(task->id()), records));
  }
  for (const Task* const task : outcome->out_of_range) {
    records_.at(task->id()).move_to(Stage::kPreparing);
  }
  for (const Task* const task : outcome->progressed) {
    TaskRecord& record = records_.at(task->id());
    show(record);
    if (!record.is(Stage::kRestoring)) continue;
    const RestoreStatus now = *restorer_.status(task->id());
    instance_.metrics.set_restore(
        now.task, {now.records, now.bytes, now.remaining_records, now.records_per_second});
  }
  has_news_ |= !outcome->caught_up.empty();
  return {};
}

Status TaskRoster::start(TaskRecord& record, int64_t restored_records) {
  if (restored_records > 0 && !record.start.has_offsets && session_.is_transactional()) {
    return Error{
        ErrorCode::kConfig,
        fmt::format("the changelogs of task {} hold rows but the group '{}' has no offsets "
                    "for its inputs: they expired or were deleted, and reading from the "
                    "beginning would apply everything twice. Reset the application: "
                    "delete its internal topics too, or set the group's offsets",
                    record.id.to_string(), instance_.options.application_id)};
  }
  MILLRACE_RETURN_IF_ERROR(record.task->start(record.start.offsets, record.start.backlog_ends));
  MILLRACE_RETURN_IF_ERROR(plane_.add(*record.task));
  record.move_to(Stage::kRunning);
  show(record);
  spdlog::info("task running task={}", record.id.to_string());
  return {};
}

}  // namespace millrace::engine
