#pragma once

#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/options.h"
#include "millrace/state/task_state.h"

#include "engine/snapshot/manifest.h"

namespace millrace::engine {

/// `<snapshot.dir>/<application id>/snapshots`: nothing else lies there, even where `snapshot.dir`
/// is the state's directory. Empty: the instance keeps no snapshots.
std::filesystem::path snapshot_root(const EngineOptions& options);

/// Snapshots in a directory, which instances may share: `<root>/<task>/<snapshot>/`, with the files
/// of the task's state and their manifest. A snapshot appears whole, by renaming, and never
/// changes. Call methods from any thread, but those that change a task from one at a time.
class SnapshotDirectory {
 public:
  /// `writer` names this instance, so that it removes only what it left behind itself. `clock` must
  /// outlive this and its copies.
  SnapshotDirectory(std::filesystem::path root, std::string writer,
                    const Clock& clock = system_clock());

  /// Takes over a checkpoint in `checkpoint` (a task directory on a file system of any kind) as a
  /// new snapshot. `draft` is its manifest without files and id; returns the complete one. Links
  /// files where possible, and does not read those again that the previous snapshot has too.
  /// Errors: `kAborted` when asked to stop; `kStoreIo`; `kInvalidArgument`: more than a manifest
  /// can hold. Leaves nothing behind then.
  Result<SnapshotManifest> publish(const std::filesystem::path& checkpoint, SnapshotManifest draft,
                                   const std::stop_token& stop) const;

  /// Ids, newest first.
  std::vector<std::string> list(TaskId task) const;
  /// Error: `kNotFound`, `kInvalidRecord`, `kStoreIo`.
  Result<SnapshotManifest> open(TaskId task, std::string_view snapshot) const;
  /// The newest with a valid manifest and files of the sizes in it. Passes over one whose times are
  /// further ahead than clocks differ (`kClockSkewMaxMs`): its writer's clock was wrong. Error:
  /// `kNotFound`.
  Result<SnapshotManifest> newest(TaskId task) const;
  /// Where a file of a snapshot is. REQUIRES: the manifest, which was verified, has such a file.
  std::filesystem::path file_path(const SnapshotManifest& manifest, const SnapshotFile& file) const;

  /// Protects the snapshot from pruning for `kLeaseSeconds`, in all processes; best effort.
  void lease(TaskId task, std::string_view snapshot) const;
  /// Removes all snapshots of a task but the newest `retain`, and at most two older ones in use.
  /// Counts those ahead of the clock by themselves: they drive out no good one.
  Status prune(TaskId task, int retain) const;
  /// Removes unfinished snapshots of a crash: ours, and those that nobody touched for a day.
  void remove_leftovers() const;

  static constexpr int kLeaseSeconds = 600;

 private:
  std::filesystem::path task_folder(TaskId task) const { return root_ / task.to_string(); }
  std::filesystem::path unfinished(TaskId task, const std::string& snapshot) const;
  Status fill(const std::filesystem::path& checkpoint, const std::filesystem::path& folder,
              SnapshotManifest& manifest, const std::stop_token& stop) const;
  bool is_complete(const SnapshotManifest& manifest) const;
  bool is_leased(TaskId task, const std::string& snapshot) const;
  bool is_ahead(int64_t time_ms) const;
  Status prune_older(TaskId task, std::span<const std::string> ids, int retain) const;

  std::filesystem::path root_;
  std::string writer_;
  const Clock* clock_;
};

}  // namespace millrace::engine
