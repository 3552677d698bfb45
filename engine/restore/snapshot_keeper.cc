#include "engine/restore/snapshot_keeper.h"

#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

/// Whether a person should see the failure: not if there is no snapshot, or the task has gone.
bool is_fault(ErrorCode code) {
  return code != ErrorCode::kNotFound && code != ErrorCode::kAborted &&
         code != ErrorCode::kRetriable;
}

bool is_same(const TaskPositions& a, const TaskPositions& b) {
  return a.committed_at_ms == b.committed_at_ms && a.changelog_end == b.changelog_end;
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(const EngineOptions& options, const StateDirectory& directory,
                               std::string incarnation, Metrics& metrics, const Clock& clock,
                               const SnapshotSeams& seams)
    : options_(options),
      directory_(directory),
      incarnation_(std::move(incarnation)),
      metrics_(metrics),
      clock_(clock) {
  if (!options_.snapshot_dir.empty()) {
    snapshotter_.emplace(SnapshotDirectory(snapshot_root(options_), directory_.instance(), clock_),
                         SnapshotterOptions{.application_id = options_.application_id,
                                            .scratch = directory_.root(),
                                            .retain = options_.snapshot_retain,
                                            .on_step = seams.on_step,
                                            .has_thread = seams.has_threads},
                         clock_);
  }
  downloader_.emplace(SnapshotDownloaderOptions{.state_root = directory_.root(),
                                                .application_id = options_.application_id,
                                                .max_age_ms = options_.state_max_age_ms,
                                                .parallel = seams.has_threads ? 2 : 0,
                                                .timeouts = {},
                                                .self = seams.self,
                                                .on_step = seams.on_step},
                      clock_);
}

SnapshotKeeper::~SnapshotKeeper() {
  while (!downloads_.empty()) cancel_download(downloads_.begin()->first);
}

void SnapshotKeeper::take_due(std::span<Task* const> running) {
  if (!snapshotter_) return;
  poll_taken();
  const int64_t now_ns = clock_.steady_ns();
  for (Task* const task : running) {
    const int64_t next_ns = now_ns + options_.snapshot_interval_ms * kNsPerMs;
    Schedule& schedule = schedules_.try_emplace(task->id(), Schedule{next_ns, {}}).first->second;
    if (now_ns < schedule.due_ns) continue;
    const TaskPositions& positions = task->state().positions();
    const bool has_news = !positions.changelog_end.empty() && !is_same(positions, schedule.taken);
    auto checkpointer = has_news ? task->state().checkpointer() : nullptr;
    if (checkpointer != nullptr &&
        !snapshotter_->take(task->id(), incarnation_, std::move(checkpointer))) {
      continue;  // the previous one is not done yet
    }
    schedule = {next_ns, positions};
  }
}

void SnapshotKeeper::poll_taken() {
  for (const SnapshotOutcome& outcome : snapshotter_->poll()) {
    if (!outcome.manifest.snapshot.empty()) {
      metrics_.snapshots_taken().add();
      continue;
    }
    if (is_fault(outcome.status.code())) metrics_.snapshots_failed().add();
    if (const auto schedule = schedules_.find(outcome.task); schedule != schedules_.end()) {
      schedule->second.taken = {};
    }
  }
}

void SnapshotKeeper::forget(TaskId task) {
  schedules_.erase(task);
  if (snapshotter_) snapshotter_->cancel(task);
}

bool SnapshotKeeper::is_taking(TaskId task) const {
  return snapshotter_ && snapshotter_->is_busy(task);
}

SnapshotKeeper::DownloadStage SnapshotKeeper::download_stage(TaskId task) {
  poll_downloaded();
  const auto download = downloads_.find(task);
  if (download == downloads_.end()) return DownloadStage::kNone;
  return download->second ? DownloadStage::kEnded : DownloadStage::kUnderWay;
}

void SnapshotKeeper::poll_downloaded() {
  for (DownloadedSnapshot& outcome : downloader_->poll()) {
    const auto download = downloads_.find(outcome.task);
    MILLRACE_ASSERT(download != downloads_.end(), "an outcome of a download that was cancelled");
    download->second = std::move(outcome);
  }
}

bool SnapshotKeeper::start_download(TaskId task, const std::vector<std::string>& peers) {
  MILLRACE_ASSERT(!downloads_.contains(task), "a snapshot of the task is being downloaded");
  std::vector<SnapshotAddress> addresses;
  if (!options_.snapshot_dir.empty()) {
    addresses.push_back({.endpoint = {}, .directory = snapshot_root(options_)});
  }
  if (options_.snapshot_peers) {
    for (const std::string& peer : peers) addresses.push_back({.endpoint = peer, .directory = {}});
  }
  if (addresses.empty()) return false;
  spdlog::info("looking for a snapshot task={} directory={} peers={}", task.to_string(),
               options_.snapshot_dir.empty() ? 0 : 1, options_.snapshot_peers ? peers.size() : 0);
  downloads_[task] = std::nullopt;
  downloader_->start(task, incarnation_, std::move(addresses));
  return true;
}

void SnapshotKeeper::install(TaskId task) {
  const auto download = downloads_.find(task);
  MILLRACE_ASSERT(download != downloads_.end() && download->second, "nothing has ended");
  const DownloadedSnapshot outcome = *std::exchange(download->second, std::nullopt);
  downloads_.erase(download);
  Status status = outcome.status;
  if (status.ok()) status = install_downloaded(outcome.directory, directory_.task_directory(task));
  if (status.ok()) {
    metrics_.snapshots_downloaded().add();
    metrics_.snapshot_downloaded_bytes().add(static_cast<double>(outcome.manifest.bytes()));
    spdlog::info("state starts from a snapshot task={} snapshot={} from={}", task.to_string(),
                 outcome.manifest.snapshot, outcome.origin);
    return;
  }
  if (status.code() != ErrorCode::kNotFound) metrics_.snapshots_failed().add();
  spdlog::info("state starts from the changelogs, no snapshot of use task={} {}", task.to_string(),
               status.message());
}

void SnapshotKeeper::cancel_download(TaskId task) {
  downloader_->cancel(task);
  const auto download = downloads_.find(task);
  if (download == downloads_.end()) return;
  if (download->second && !download->second->directory.empty()) {
    std::error_code failed;
    std::filesystem::remove_all(download->second->directory, failed);
    if (failed) spdlog::warn("downloaded snapshot not removed: {}", failed.message());
  }
  downloads_.erase(download);
}

}  // namespace millrace::engine
