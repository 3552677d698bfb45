#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/options.h"

#include "engine/restore/state_directory.h"
#include "engine/snapshot/downloader.h"
#include "engine/snapshot/snapshotter.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// The surroundings of an instance's snapshots.
struct SnapshotSeams {
  PeerIdentity self;
  std::function<Status()> on_step;  ///< see `EngineHooks::on_snapshot_step`
  bool has_threads = true;          ///< false: the calls do the work, and wait for it
};

/// One instance's snapshots: takes those of running tasks when they are due, and downloads one
/// where a task's state is not on this disk. The methods are for the loop's thread and do not wait;
/// threads of the library do the work. A snapshot only saves time: whatever goes wrong with one,
/// the restore reads the changelogs instead.
class SnapshotKeeper {
 public:
  /// REQUIRES: the state is on disk. All but the texts must outlive this.
  SnapshotKeeper(const EngineOptions& options, const StateDirectory& directory,
                 std::string incarnation, Metrics& metrics, const Clock& clock,
                 const SnapshotSeams& seams);
  ~SnapshotKeeper();  ///< waits for the file or checkpoint under way
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  /// Begins a snapshot of each of `running` that is due and has committed something since its last
  /// one.
  void take_due(std::span<Task* const> running);
  /// The task leaves: takes no more snapshots of it.
  void forget(TaskId task);
  /// While this holds, the task's directory must stay.
  bool is_taking(TaskId task) const;

  enum class DownloadStage : unsigned char {
    kNone,
    kUnderWay,
    kEnded,  ///< it may have brought a snapshot; call `install`
  };
  DownloadStage download_stage(TaskId task);
  /// Starts to look for a snapshot of `task`: in the directory of snapshots, then at `peers`, which
  /// are endpoints. False: there is nobody to ask. REQUIRES: its stage is kNone.
  bool start_download(TaskId task, const std::vector<std::string>& peers);
  /// Makes the downloaded snapshot, if there is one, the task's state on disk. REQUIRES: its stage
  /// is kEnded; the task has no directory.
  void install(TaskId task);
  void cancel_download(TaskId task);

 private:
  /// Of a task that runs.
  struct Schedule {
    int64_t due_ns = 0;
    TaskPositions taken;  ///< of the last snapshot
  };
  void poll_taken();
  void poll_downloaded();

  const EngineOptions& options_;
  const StateDirectory& directory_;
  const std::string incarnation_;
  Metrics& metrics_;
  const Clock& clock_;
  std::map<TaskId, Schedule> schedules_;
  std::map<TaskId, std::optional<DownloadedSnapshot>> downloads_;  ///< without outcome: under way
  std::optional<Snapshotter> snapshotter_;
  std::optional<SnapshotDownloader> downloader_;
};

}  // namespace millrace::engine
