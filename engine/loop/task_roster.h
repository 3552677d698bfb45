#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/base/backoff.h"
#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/group/coordinator.h"
#include "engine/loop/application.h"
#include "engine/loop/data_plane.h"
#include "engine/loop/instance.h"
#include "engine/loop/standstill_watch.h"
#include "engine/loop/start_finder.h"
#include "engine/loop/task_record.h"
#include "engine/queries/query_registry.h"
#include "engine/restore/local_state.h"
#include "engine/restore/restorer.h"
#include "engine/restore/snapshot_keeper.h"
#include "engine/restore/standby_ends.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// The tasks that the group gave to this instance, and their lives: opened from disk or a snapshot,
/// restored, started, suspended, closed. It adds running tasks to the data plane and removes them.
///
/// Invariant: exactly the tasks at stage kRunning are in the data plane, those that restore or
/// follow are in the restorer, and queries see each task's stage. Loop's thread only.
class TaskRoster {
 public:
  /// All references must outlive the roster.
  struct Parts {
    const Application& application;
    const Coordinator& group;  ///< knows who may offer a snapshot
    ProducerSession& session;
    DataPlane& plane;
    QueryRegistry& registry;
    Backoff& backoff;  ///< of the instance: no task that is to run begins before it is due
    LocalState state;
    std::unique_ptr<SnapshotKeeper> snapshots;  ///< null: the state is in memory
    std::unique_ptr<Fetcher> changelogs;
  };
  TaskRoster(Instance& instance, Parts parts);

  /// Begins a turn, before news of the group.
  void begin_turn() { standstill_.turn(); }
  /// Takes the plan: keeps tasks that stay, closes those that went, opens the rest later.
  void take(const Ownership& ownership);
  /// Runs nothing until the next plan; stores stay open and standbys keep following.
  void suspend();
  /// Drops the uncommitted work of every task (I4): all begin again from the last commit.
  void go_back();

  /// Brings tasks on their way to where they restore or follow. Logs a temporary failure, which
  /// delays only its own task: that task's backoff decides when the next attempt is due.
  Status prepare();
  /// Reads changelogs for a slice and starts the tasks that are complete. Errors: those of
  /// `Restorer::run_slice` and `Task::start`; `kConfig` when a task has state and the offset of one
  /// of its inputs is lost.
  Status restore_slice();
  /// Builds the next part of an index that is not complete, if a task has one. Errors: those of
  /// `TaskState::build_indexes`.
  Status build_indexes();
  /// Shows queries the positions that a commit moved.
  void show_committed(std::span<Task* const> tasks);
  /// Shows queries which tasks have caught up, or no longer have.
  void show_caught_up();
  /// Call it about once a second: takes snapshots, removes state that is not wanted here any more.
  void do_chores();
  /// Memory of the rows that the stores of all tasks hold.
  size_t cached_bytes() const;
  /// Closes all tasks.
  void close();

  bool has_plan() const { return has_plan_; }
  bool is_empty() const { return records_.empty(); }
  /// Whether some are on their way from given to running.
  bool is_starting() const;
  /// Whether every task that is to run does so.
  bool is_settled() const { return has_plan_ && !is_starting(); }
  /// How far each task's state is that is here, open or closed.
  std::map<TaskId, int64_t> held() const;
  /// Whether a standby has caught up since the last call, which the group is waiting for.
  bool take_news() { return std::exchange(has_news_, false); }
  /// Whether anything was done since the last call.
  bool take_activity() { return std::exchange(did_something_, false); }
  /// Waits for changelog records, up to `wait_ms`.
  void wait(int64_t wait_ms) { restorer_.fetcher().wait(wait_ms); }

 private:
  using Records = std::map<TaskId, TaskRecord>;

  /// Those that this instance's topology has: a plan may be of another version of the program.
  std::vector<TaskId> known_of(std::span<const TaskId> tasks) const;
  void warn_of_unknown(const Ownership& ownership) const;
  void take_task(TaskId id, bool is_standby);
  /// Divides the instance's cache among its tasks, whose number has changed.
  void divide_cache();
  void reset_active(Stage stage);
  /// Opens tasks that are to run; a standby only when no task that is to run was opened or is asked
  /// about, and one per turn.
  Status open_tasks();
  Status open(TaskRecord& record);
  /// Whether the task opens later, from a snapshot whose download is under way. Looks for one if
  /// there is no state here, and installs one that has come.
  bool waits_for_snapshot(TaskRecord& record);
  /// Asks Kafka about tasks that are due.
  Status ask();
  /// The tasks to ask about now. Standbys and tasks that have failed before wait for each other, so
  /// that tasks which may get an answer do not wait for them.
  std::vector<TaskRecord*> next_to_ask();
  /// Whether nothing of this instance can change the offsets of tasks that are to run any more.
  Result<bool> may_ask_for_offsets();
  StartQuestion question_about(const TaskRecord& record);
  /// Asks once more, and for more, about a task whose stores are complete: another process may have
  /// committed since the first answer, and its rows are in the stores.
  Status ask_again(TaskRecord& record);
  /// Begins with the tasks about which Kafka has answered.
  Status take_answers();
  Status take(TaskRecord& record, const StartAnswer& answer);
  Status begin(TaskRecord& record, const StartAnswer& answer);
  /// Returns a failure that ends the engine; after any other only this task waits.
  static Status delay(TaskRecord& record, Status failure);
  /// Whether deletions in its changelogs may have gone before its stores took them in.
  bool is_outdated(const TaskRecord& record, const StartAnswer& answer) const;
  /// Closes a task whose state is of no use, so that it opens empty.
  Status rebuild(TaskRecord& record, std::string_view why);
  Status take_outcome(const Restorer::Outcome& outcome);
  /// Starts the tasks whose stores are complete.
  Status start_restored();
  CursorPlace place_of_cursors(const TaskRecord& record) const;
  /// Whether inputs without offsets are new to the task. Error: `kConfig` when they are not.
  Status check_offsets(const TaskRecord& record) const;
  /// Whether exchanges without offsets hold all that was ever sent through them. Error: `kConfig`
  /// when they do not: an exchange is cut only where it was read and committed.
  Status check_exchanges(const TaskRecord& record) const;
  /// Whether this instance reads all partitions of the task's broadcast tables, as far as it has
  /// asked. Error: `kConfig` when it does not.
  Status check_tables(const TaskRecord& record) const;
  Status start(TaskRecord& record);
  /// Closes the task and forgets it. Returns the place after it.
  Records::iterator remove(Records::iterator place);
  void show(TaskRecord& record);
  bool any_at(Stage stage) const;

  Instance& instance_;
  const Application& application_;
  const Coordinator& group_;
  ProducerSession& session_;
  DataPlane& plane_;
  QueryRegistry& registry_;
  Backoff& backoff_;
  LocalState state_;
  std::unique_ptr<SnapshotKeeper> snapshots_;  ///< null: the state is in memory
  StandbyEnds ends_;
  Restorer restorer_;
  StartFinder starts_;
  Records records_;
  StandstillWatch standstill_;
  bool has_plan_ = false;  ///< of the present generation
  bool has_news_ = false;
  bool did_something_ = false;
};

}  // namespace millrace::engine
