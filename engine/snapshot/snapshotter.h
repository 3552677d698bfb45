#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

#include "engine/snapshot/manifest.h"
#include "engine/snapshot/snapshot_directory.h"

namespace millrace::engine {

struct SnapshotterOptions {
  std::string application_id;
  /// On the file system of the tasks' state, where checkpoints cost links only.
  std::filesystem::path scratch;
  int retain = 2;
  /// Before each step; an error ends the snapshot. Empty: nothing.
  std::function<Status()> on_step = {};
  bool has_thread = true;  ///< false: `take` takes the snapshot itself
};

/// The outcome of one `take`.
struct SnapshotOutcome {
  TaskId task;
  Status status;  ///< `kNotFound`, `kRetriable`: there was nothing to take; else see the log line
  SnapshotManifest manifest;  ///< empty unless it was taken
  int64_t took_ms = 0;
};

/// Takes snapshots on a thread of its own, one at a time: checkpoint, digests, publishing, pruning.
/// The methods are for the loop's thread and, with `has_thread`, never wait for a snapshot.
class Snapshotter {
 public:
  /// Removes what a crash left. `clock` must outlive this.
  Snapshotter(SnapshotDirectory store, SnapshotterOptions options, const Clock& clock);
  ~Snapshotter();  ///< waits for the file or checkpoint under way
  Snapshotter(const Snapshotter&) = delete;
  Snapshotter& operator=(const Snapshotter&) = delete;

  /// Queues a snapshot of `task`. False: one is queued or under way already; does nothing.
  bool take(TaskId task, std::string incarnation, std::shared_ptr<const StateCheckpointer> state);
  /// Drops what is queued for `task`, but finishes a snapshot under way.
  void cancel(TaskId task);
  bool is_busy(TaskId task) const;
  /// The snapshots that ended since the last call.
  std::vector<SnapshotOutcome> poll();

 private:
  struct Request {
    TaskId task;
    std::string incarnation;
    std::shared_ptr<const StateCheckpointer> state;
  };
  void run(const std::stop_token& stop);
  Status reach_step() const;
  SnapshotOutcome do_take(const Request& request, const std::stop_token& stop) const;
  Result<SnapshotManifest> checkpoint_and_publish(const Request& request,
                                                  const std::stop_token& stop) const;

  const SnapshotDirectory store_;
  const SnapshotterOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Request> queue_;
  std::optional<TaskId> running_;
  std::vector<SnapshotOutcome> outcomes_;
  std::jthread thread_;  ///< last: it uses the rest
};

}  // namespace millrace::engine
