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
#include "engine/http/peer_identity.h"
#include "engine/loop/application.h"
#include "engine/loop/data_plane.h"
#include "engine/loop/instance.h"
#include "engine/loop/task_roster.h"
#include "engine/queries/query_registry.h"
#include "engine/queries/router.h"
#include "engine/restore/state_directory.h"
#include "engine/secrets/sealing.h"

namespace millrace::engine {

/// Secrets that files hold, read before the start.
struct LoopSecrets {
  std::optional<SealingKey> letter_key;
  std::shared_ptr<const PeerKey> peer_key;  ///< by which instances know each other; null: none
  std::shared_ptr<TlsSettings> peer_tls;    ///< of requests to other instances
};

/// One instance and its turn: connects its parts, passes on the tasks that the group gives and
/// takes, and decides after an error whether the instance recovers or ends. The roster makes tasks
/// run, and the data plane runs them. Start reading at `run_once` in loop.cc.
///
/// Invariant: it acknowledges a revocation only after it has committed or dropped all processed
/// records, and while nothing runs. All methods but those of `Switches` are for one thread.
class Loop {
 public:
  Loop(Topology topology, EngineOptions options, ClientFactory& clients, const Clock& clock,
       EngineHooks hooks, StateDirectory directory, FailPoint fail_point, LoopSecrets secrets);
  ~Loop();

  Status run_once();
  Status commit();
  Status close();
  /// Sets where others reach this instance's queries; call it before the first turn.
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
  const QueryRouter& router() const { return router_; }
  /// Null: none.
  std::shared_ptr<const PeerKey> peer_key() const { return self_.key; }
  std::filesystem::path snapshot_directory() const;
  Metrics& metrics() { return instance_.metrics; }

 private:
  Status connect();
  Status join();
  bool is_connected() const { return coordinator_ != nullptr; }
  /// Answers the group: begins the tasks that it gives, ends those that it takes.
  Status follow_group();
  /// The barrier of a rebalance: commits all processed records; then nothing runs.
  void revoke();
  void lose();
  /// Shows queries the effects of commits since the last call.
  void settle_commits();
  /// Reports this instance's state to the group.
  void report_state();
  InstanceReport state_report(const TaskRoster& roster) const;
  /// After a failed phase: recovers from an error that passes (I4), or ends the engine with it.
  Status handle(Status failure);
  void recover(const Error& failure);
  /// Ends the engine: nothing to recover from.
  Status fail(Status failure);
  /// Does the work that has no phase of its own: the state, reports, chores.
  void finish_turn();
  /// Whether any part did something since the last call.
  bool take_activity();
  void wait_if_idle();
  void update_state();
  void set_state(EngineState state);

  Instance instance_;
  StateDirectory directory_;
  const PeerIdentity self_;
  FailPoint fail_point_;
  std::string endpoint_;
  Application application_;
  ProducerSession session_;
  Backoff backoff_;
  QueryRegistry registry_;
  Router router_;
  Switches switches_;

  // From `connect` on.
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<TaskRoster> roster_;  ///< last: it uses both

  Status failure_;  ///< the error that ended the engine
  int64_t reported_ns_ = 0;
  bool did_something_ = false;
  bool is_idle_ = false;
  bool is_closed_ = false;
};

}  // namespace millrace::engine
