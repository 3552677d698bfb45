#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/state/task_state.h"

#include "engine/base/backoff.h"
#include "engine/base/fail_point.h"
#include "engine/base/scheduler.h"
#include "engine/broadcast/broadcast_reader.h"
#include "engine/clients/clients.h"
#include "engine/commit/commit_pacer.h"
#include "engine/commit/committer.h"
#include "engine/commit/producer_session.h"
#include "engine/core/resolved_topology.h"
#include "engine/group/coordinator.h"
#include "engine/loop/housekeeper.h"
#include "engine/loop/input_pump.h"
#include "engine/metrics/metrics_feed.h"
#include "engine/output/output_topics.h"
#include "engine/queries/query_registry.h"
#include "engine/restore/restorer.h"
#include "engine/restore/snapshot_keeper.h"
#include "engine/restore/state_directory.h"
#include "engine/secrets/sealing.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// Secrets that files hold, read before the start.
struct LoopSecrets {
  std::optional<SealingKey> letter_key;
  std::string query_token;  ///< of the peers' query servers; empty: none
};

/// One instance's parts and the turn they take. Start reading at `run_once` in loop.cc; what the
/// group gives and takes is in loop_ownership.cc, how tasks start and end in loop_tasks.cc, and
/// from which snapshot in loop_snapshots.cc.
class Loop {
 public:
  Loop(Topology topology, EngineOptions options, ClientFactory& clients, const Clock& clock,
       StateDirectory directory, FailPoint fail_point, LoopSecrets secrets);
  ~Loop();

  Status run_once();
  Status commit();
  Status close();
  void request_stop() { stop_requested_ = true; }
  /// Where others reach this instance's queries; before the first turn.
  void advertise(std::string endpoint) { endpoint_ = std::move(endpoint); }
  bool stop_requested() const { return stop_requested_; }
  void set_paused(bool is_paused) { is_paused_ = is_paused; }
  bool is_paused() const { return is_paused_; }
  void drain() { is_draining_ = true; }
  bool is_drained() const { return is_drained_; }

  bool is_idle() const { return is_idle_; }
  bool has_uncommitted() const;
  EngineState state() const { return state_; }
  const Queries& queries() const { return registry_; }
  std::filesystem::path snapshot_directory() const;
  Metrics& metrics() { return metrics_; }

 private:
  enum class Stage : unsigned char {
    kSuspended,  ///< taken away, or not given yet; the stores are open
    kPreparing,  ///< ours; where it stands is to be asked
    kRestoring,
    kRunning,
    kFollowing,  ///< a standby that follows its changelogs
  };
  struct Owned {
    std::unique_ptr<Task> task;
    bool is_standby = false;
    Stage stage = Stage::kSuspended;
    std::vector<int64_t> offsets;       ///< one an input, from where to run
    std::vector<int64_t> backlog_ends;  ///< one an input, for timers on the wall clock
    bool has_offsets = false;           ///< the group had some for this task
    bool shown_as_caught_up = false;    ///< to queries
  };
  /// A task of ours whose state is still to be opened: a snapshot of it may be on its way, or a
  /// query holds it up.
  struct Unopened {
    bool is_standby = false;
    bool starts_empty = false;
  };

  std::string transactional_id(const std::string& instance) const;

  // The phases of a turn (loop.cc).
  Status connect();
  Status poll_inputs();
  Status open_broadcasts(const ResolvedTopology& resolved);
  /// Whether every broadcast table was read to its end.
  Result<bool> poll_broadcasts();
  void prune_broadcasts();
  Status process();
  Status commit_if_due();
  /// Begins a commit of all that is dirty; the tasks may go on until it is finished.
  Status begin_commit();
  Status finish_commit();
  /// Commits all that was processed, and waits.
  Status commit_now();
  Status restore_slice();
  void wait_if_idle();
  void finish_turn();
  /// Metrics that are values of now, about once a second.
  void report();
  /// After a phase failed: recovers from what passes (I4), or ends the engine with the error.
  Status handle(Status failure);

  // What the group gives and takes (loop_ownership.cc).
  Status follow_group();
  void take(const Ownership& ownership);
  void take_task(TaskId id, bool is_standby);
  void revoke();
  void lose();
  /// Ends what instances that are gone left open, so that offsets can be read at once.
  Status fence_dead();
  /// Tells the group what state is here.
  void report_state();
  InstanceReport state_report() const;
  Status find_closed_state();
  void remove_old_state();

  // Snapshots (loop_snapshots.cc).
  /// Whether the task is to be opened later, from what is being downloaded. Looks for a snapshot of
  /// a task that has no state here, and puts what came in its place.
  bool waits_for_snapshot(TaskId id, const Unopened& wanted);
  void show_as_waiting(TaskId id, const Unopened& wanted);
  void cancel_downloads_of_others();

  // Tasks (loop_tasks.cc).
  Status prepare_tasks();
  /// Opens what is to run; a standby only when nothing that is to run was opened or is next, and
  /// one a turn.
  Status open_tasks();
  Status open_task(TaskId id, Unopened wanted);
  /// What is to run, else one standby: the questions it takes to begin hold up the tasks that run.
  std::vector<Owned*> next_to_prepare();
  Status prepare(std::vector<Owned*>& wanted);
  /// Where to run from: what the group committed, else the beginning of the input.
  Status set_offsets(Owned& owned, std::span<const PartitionOffset> committed);
  Status begin_restore(Owned& owned);
  /// Whether a committed offset says that another history than the local state's is going on.
  static bool is_ahead_of_group(const Owned& owned);
  Status start(Owned& owned, int64_t restored_records);
  const SubTopology& sub_topology_of(TaskId id) const;
  /// Opens the state of a task; queries do not see it yet.
  Result<std::unique_ptr<Task>> make_task(TaskId id, bool starts_empty);
  void offer_to_queries(Task& task);
  void suspend_all(Stage stage);
  void recover(const Error& failure);
  void remove_task(std::map<TaskId, Owned>::iterator place);
  /// Closes a task whose state is of no use, to be opened empty. REQUIRES: it does not run.
  Status rebuild(std::map<TaskId, Owned>::iterator place);
  /// Whether a task that runs has nothing to do, and nothing to commit that others wait for.
  bool is_caught_up(const Owned& owned) const;
  void publish(Owned& owned);
  /// Sum of the changelog positions of a task's stores; −1: it has none.
  static int64_t held_of(Task& task);
  std::vector<Task*> tasks_at(Stage stage, bool only_dirty = false) const;
  bool any_at(Stage stage) const;
  /// Whether some are on their way from given to running.
  bool is_starting_tasks() const;
  size_t dirty_bytes() const;
  void update_state();

  const EngineOptions options_;
  const LoopSecrets secrets_;
  const Topology topology_;
  ClientFactory& clients_;
  const Clock& clock_;
  StateDirectory directory_;
  std::string endpoint_;
  FailPoint fail_point_;
  OutputTopics outputs_;
  Metrics metrics_;
  MetricsFeed feed_;
  QueryRegistry registry_;
  Scheduler scheduler_;
  std::shared_ptr<SharedStateMemory> state_memory_;
  std::vector<SubTopology> sub_topologies_;
  TaskEnvironment environment_;
  ProducerSession session_;
  CommitPacer pacer_;
  Backoff backoff_;

  // From `connect` on.
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Coordinator> coordinator_;
  std::optional<InputPump> pump_;
  std::optional<Restorer> restorer_;
  std::unique_ptr<BroadcastReader> broadcasts_;  ///< null: the topology has none
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<SnapshotKeeper> snapshots_;  ///< null: the state is in memory

  Committer committer_;      // its thread uses the session, the membership and the pump's fetcher
  size_t frozen_bytes_ = 0;  ///< of the commit that is under way
  std::string incarnation_;  ///< what local state has to belong to
  GroupMetadata group_;
  bool has_plan_ = false;  ///< of the present generation
  std::map<TaskId, Owned> tasks_;
  std::map<TaskId, Unopened> unopened_;
  /// State that is on disk and not open.
  struct Closed {
    int64_t held = -1;  ///< sum of the changelog positions
    int64_t since_ns = 0;
  };
  std::map<TaskId, Closed> closed_;
  std::set<std::string> dead_;  ///< instances whose transactions are to be ended
  bool inputs_at_end_ = false;
  size_t queued_bytes_ = 0;
  int64_t reported_ns_ = 0;

  std::atomic<EngineState> state_ = EngineState::kStarting;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> is_paused_ = false;
  std::atomic<bool> is_draining_ = false;
  std::atomic<bool> is_drained_ = false;
  Status failure_;  ///< what ended the engine
  bool did_something_ = false;
  bool is_idle_ = false;
  bool is_closed_ = false;
};

}  // namespace millrace::engine
