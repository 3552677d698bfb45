#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"

#include "engine/base/backoff.h"
#include "engine/base/fail_point.h"
#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/group/coordinator.h"
#include "engine/loop/application.h"
#include "engine/loop/data_plane.h"
#include "engine/loop/instance.h"
#include "engine/loop/task_roster.h"
#include "engine/queries/query_registry.h"
#include "engine/restore/state_directory.h"
#include "engine/secrets/sealing.h"

namespace millrace::engine {

/// Secrets that files hold, read before the start.
struct LoopSecrets {
  std::optional<SealingKey> letter_key;
  std::string query_token;  ///< of the peers' query servers; empty: none
};

/// One instance and the turn it takes: connects its parts, passes on what the group gives and
/// takes, and decides after an error whether the instance recovers or ends. Tasks that run are the
/// data plane's; how they come to run is the roster's. Start reading at `run_once` in loop.cc.
///
/// Invariant: the group's revocations are acknowledged only after what the data plane processed was
/// committed or dropped, and nothing runs. All methods but those of `Switches` are for one thread.
class Loop {
 public:
  Loop(Topology topology, EngineOptions options, ClientFactory& clients, const Clock& clock,
       StateDirectory directory, FailPoint fail_point, LoopSecrets secrets);
  ~Loop();

  Status run_once();
  Status commit();
  Status close();
  /// Where others reach this instance's queries; before the first turn.
  void advertise(std::string endpoint) { endpoint_ = std::move(endpoint); }

  /// State that other threads may set and see.
  struct Switches {
    std::atomic<EngineState> state = EngineState::kStarting;  ///< set by the loop
    std::atomic<bool> is_drained = false;                     ///< set by the loop
    std::atomic<bool> stop_requested = false;
    std::atomic<bool> is_paused = false;
    std::atomic<bool> is_draining = false;
  };
  Switches& switches() { return switches_; }
  const Switches& switches() const { return switches_; }

  bool is_idle() const { return is_idle_; }
  bool has_uncommitted() const;
  const Queries& queries() const { return registry_; }
  std::filesystem::path snapshot_directory() const;
  Metrics& metrics() { return instance_.metrics; }

 private:
  Status connect();
  Status join();
  bool is_connected() const { return coordinator_ != nullptr; }
  /// Answers the group: begins with what it gives, ends what it takes.
  Status follow_group();
  /// The barrier of a rebalance: what is processed gets committed, then nothing runs.
  void revoke();
  void lose();
  /// Shows what commits since the last call made visible.
  void settle_commits();
  /// Tells the group what state is here.
  void report_state();
  InstanceReport state_report(const TaskRoster& roster) const;
  /// After a phase failed: recovers from what passes (I4), or ends the engine with the error.
  Status handle(Status failure);
  void recover(const Error& failure);
  /// Ends the engine: nothing to recover from.
  Status fail(Status failure);
  /// Sees to what has no phase of its own: the state, reports, chores.
  void finish_turn();
  /// Whether any part did something since the last call.
  bool take_activity();
  void wait_if_idle();
  void update_state();
  void set_state(EngineState state);

  Instance instance_;
  const std::string query_token_;
  StateDirectory directory_;
  FailPoint fail_point_;
  std::string endpoint_;
  Application application_;
  ProducerSession session_;
  Backoff backoff_;
  QueryRegistry registry_;
  Switches switches_;

  // From `connect` on.
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<TaskRoster> roster_;  ///< last: it uses both

  Status failure_;  ///< what ended the engine
  int64_t reported_ns_ = 0;
  bool did_something_ = false;
  bool is_idle_ = false;
  bool is_closed_ = false;
};

}  // namespace millrace::engine
