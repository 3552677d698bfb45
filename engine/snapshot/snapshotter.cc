#include "engine/snapshot/snapshotter.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScratchName = "checkpoint";

}  // namespace

Snapshotter::Snapshotter(SnapshotDirectory store, SnapshotterOptions options, const Clock& clock)
    : store_(std::move(store)), options_(std::move(options)), clock_(clock) {
  if (options_.has_thread) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  } else {
    store_.remove_leftovers();
  }
}

Snapshotter::~Snapshotter() = default;

bool Snapshotter::take(TaskId task, std::string incarnation,
                       std::shared_ptr<const StateCheckpointer> state) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ == task || std::any_of(queue_.begin(), queue_.end(), [&](const Request& queued) {
          return queued.task == task;
        })) {
      return false;
    }
    if (options_.has_thread) queue_.push_back({task, std::move(incarnation), std::move(state)});
  }
  if (!options_.has_thread) {
    outcomes_.push_back(do_take({task, std::move(incarnation), std::move(state)}, {}));
  }
  wake_.notify_one();
  return true;
}

void Snapshotter::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  std::erase_if(queue_, [&](const Request& queued) { return queued.task == task; });
}

bool Snapshotter::is_busy(TaskId task) const {
  const std::lock_guard lock(mutex_);
  return running_ == task || std::any_of(queue_.begin(), queue_.end(), [&](const Request& queued) {
           return queued.task == task;
         });
}

std::vector<SnapshotOutcome> Snapshotter::poll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void Snapshotter::run(const std::stop_token& stop) {
  store_.remove_leftovers();
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const Request request = std::move(queue_.front());
    queue_.pop_front();
    running_ = request.task;
    lock.unlock();
    SnapshotOutcome outcome = do_take(request, stop);
    lock.lock();
    running_.reset();
    outcomes_.push_back(std::move(outcome));
  }
}

Status Snapshotter::reach_step() const {
  return options_.on_step ? options_.on_step() : Status();
}

SnapshotOutcome Snapshotter::do_take(const Request& request, const std::stop_token& stop) const {
  const int64_t started_ns = clock_.steady_ns();
  Result<SnapshotManifest> taken = checkpoint_and_publish(request, stop);
  SnapshotOutcome outcome;
  outcome.task = request.task;
  outcome.took_ms = (clock_.steady_ns() - started_ns) / kNsPerMs;
  if (taken.ok()) {
    outcome.manifest = std::move(*taken);
    spdlog::info("snapshot taken task={} snapshot={} files={} bytes={} ms={}",
                 request.task.to_string(), outcome.manifest.snapshot, outcome.manifest.files.size(),
                 outcome.manifest.bytes(), outcome.took_ms);
    outcome.status = reach_step();
    if (outcome.status.ok()) outcome.status = store_.prune(request.task, options_.retain);
  } else {
    outcome.status = taken.status();
  }
  const bool is_fault = !outcome.status.ok() && outcome.status.code() != ErrorCode::kAborted &&
                        outcome.status.code() != ErrorCode::kNotFound &&
                        outcome.status.code() != ErrorCode::kRetriable;
  if (is_fault) {
    spdlog::warn("snapshot failed task={} {}", request.task.to_string(), outcome.status.message());
  }
  return outcome;
}

Result<SnapshotManifest> Snapshotter::checkpoint_and_publish(const Request& request,
                                                             const std::stop_token& stop) const {
  MILLRACE_RETURN_IF_ERROR(reach_step());
  const fs::path scratch = options_.scratch / kScratchName;
  std::error_code failed;
  fs::create_directories(options_.scratch, failed);
  if (!failed) fs::remove_all(scratch, failed);  // remains of a crash
  if (failed) {
    return Error{ErrorCode::kStoreIo, scratch.string() + ": " + failed.message()};
  }
  SnapshotManifest draft;
  draft.application_id = options_.application_id;
  draft.task = request.task;
  draft.incarnation = request.incarnation;
  draft.created_at_ms = clock_.now_ms();
  Result<TaskPositions> positions = request.state->checkpoint(scratch);
  Result<SnapshotManifest> published = Error{ErrorCode::kAborted, "asked to stop"};
  if (Status reached = reach_step(); !reached.ok()) {
    published = std::move(reached);
  } else if (positions.ok()) {
    draft.changelog_end = std::move(positions->changelog_end);
    draft.committed_at_ms = positions->committed_at_ms;
    published = store_.publish(scratch, std::move(draft), stop);
  } else {
    published = positions.status();
  }
  fs::remove_all(scratch, failed);
  return published;
}

}  // namespace millrace::engine
