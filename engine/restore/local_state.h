#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/options.h"
#include "millrace/state/task_state.h"

#include "engine/core/resolved_topology.h"
#include "engine/restore/snapshot_keeper.h"
#include "engine/restore/state_directory.h"

namespace millrace::engine {

/// Sum of the changelog positions of a task's stores; −1: it has none.
int64_t held_of(const SubTopology& sub_topology, const TaskPositions& positions);

/// The state on this machine's disk: opens it for tasks, keeps account of closed state, and removes
/// it when its task stays elsewhere. Without a state directory all state is in memory, and closing
/// drops it.
class LocalState {
 public:
  using Opener = std::function<Result<std::unique_ptr<TaskState>>(
      const TaskStateOptions& options, std::span<const StoreSpec> stores)>;
  /// State must belong to `incarnation`. `opener`: see `EngineHooks`. All else must outlive this.
  LocalState(const EngineOptions& options, const Clock& clock, const StateDirectory& directory,
             std::string incarnation, Opener opener = {});

  /// Opens the state that earlier runs left, once, to learn how far it is. Removes empty state,
  /// since a task without a directory may start from a snapshot. Errors: those of `TaskState`.
  Status find_closed(std::span<const SubTopology> sub_topologies);

  struct OpenMode {
    bool starts_empty = false;
    size_t tasks = 1;  ///< that share the instance's cache
  };
  /// Errors: those of `TaskState::open`; `kRetriable` while queries still hold it.
  Result<std::unique_ptr<TaskState>> open(TaskId task, const SubTopology& sub_topology,
                                          OpenMode mode);
  /// Logs a failure: the state is as a crash would leave it.
  void close(TaskId task, const SubTopology& sub_topology, TaskState& state);

  /// The share of the instance's cache that each of so many tasks has.
  size_t cache_share(size_t tasks) const;
  bool is_on_disk(TaskId task) const { return directory_.has_task(task); }
  /// For each task with closed state: how far it is (`held_of`).
  std::map<TaskId, int64_t> held() const;
  /// Removes state that has been closed for `state_cleanup_delay_ms` while its task was not among
  /// `ours`, unless `snapshots` (null: there are none) still takes one of it.
  void remove_old(const std::set<TaskId>& ours, const SnapshotKeeper* snapshots);

 private:
  struct Closed {
    int64_t held = -1;
    int64_t since_ns = 0;
  };

  const EngineOptions& options_;
  const Clock& clock_;
  const StateDirectory& directory_;
  const std::string incarnation_;
  const Opener opener_;
  std::shared_ptr<SharedStateMemory> memory_;  ///< of all databases; null: all is in memory
  std::map<TaskId, Closed> closed_;
};

}  // namespace millrace::engine
