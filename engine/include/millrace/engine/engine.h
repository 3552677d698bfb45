#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/options.h"
#include "millrace/engine/queries.h"

namespace millrace {

namespace engine {
class ClientFactory;
class Loop;
class PeerKey;
}  // namespace engine
class Metrics;
class QueryRouter;
class TaskState;
struct TaskStateOptions;

enum class EngineState : unsigned char {
  kStarting,     ///< checking topics, fencing its own predecessor; also while no broker answers
  kRebalancing,  ///< no assignment, or one that was just revoked
  kRestoring,    ///< no task runs yet, some are being restored
  kRunning,      ///< at least one task runs, or this instance was assigned none
  kStopping,
  kStopped,
  kFailed,
};
std::string_view to_string(EngineState state);

/// Points of a commit, in order. The engine calls a hook when it has reached one.
enum class CommitStep : unsigned char {
  kBegin,                 ///< the commit has done nothing yet
  kChangelogSent,         ///< changelog records and table rows were handed to the producer
  kOffsetsSent,           ///< input offsets are part of the transaction
  kTransactionCommitted,  ///< Kafka has it, no store does
  kTaskApplied,           ///< one more task's store has it
  kDone,                  ///< every store has it
};
/// "begin", "changelog_sent", "offsets_sent", "transaction_committed", "task_applied", "done".
std::string_view to_string(CommitStep step);

/// Hooks by which tests act on a running engine.
struct EngineHooks {
  /// An error ends the engine at that point, as a crash would: it aborts, closes and tidies up
  /// nothing, `run_once` returns the error and the state is `kFailed`. Besides this hook,
  /// `MILLRACE_FAIL_POINT=<step>:<n>` in the environment exits the process with code 137 at the
  /// n-th time that step is reached.
  std::function<Status(CommitStep)> on_commit_step;
  /// Opens the state of a task; empty: `TaskState::open`. Tests give it a disk that fails.
  std::function<Result<std::unique_ptr<TaskState>>(const TaskStateOptions& options,
                                                   std::span<const StoreSpec> stores)>
      open_state;
  /// Called before each step of taking a snapshot and before each file that a download reads. An
  /// error ends that snapshot or download, and nothing else.
  std::function<Status()> on_snapshot_step;
  /// Snapshots and the round trips of pipelined commits are made on the thread of `run_once`, in
  /// the same turns in every run. Together with one worker thread, clients that answer at once
  /// (`ClientFactory::answers_at_once`) and a fixed `TaskStateOptions::hash_seed` this makes a run
  /// repeatable.
  bool is_repeatable = false;
};

/// One instance: joins the group of its application, runs its share of the tasks, commits.
///
/// `run_once`, `run`, `commit` and `close` belong to one thread. Any thread may call the rest, and
/// a signal handler may call `request_stop`.
class Engine {
 public:
  /// Checks the options and locks the state directory; contacts no broker yet. An empty
  /// `options.state_dir` keeps every store in memory. `clients` (see `KafkaClients`) and `clock`
  /// must outlive the engine. Errors: the topology's; `kConfig` when options are wrong or another
  /// process holds the directory; `kStoreIo` when it cannot be written.
  static Result<std::unique_ptr<Engine>> create(Result<Topology> topology, EngineOptions options,
                                                engine::ClientFactory& clients, const Clock& clock,
                                                EngineHooks hooks = {});
  /// Without `close` the engine ends like a crash: it commits nothing and does not leave the group.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// One turn: poll → process → commit if due → background slice; waits up to
  /// `options.poll_wait_ms` when there is nothing to do. The engine handles temporary failures
  /// itself (a broker that is away, an aborted commit, a lost assignment). Errors end the engine:
  /// `kConfig` (topics do not fit), `kInvalidRecord`, `kUserCode`, `kRefused` (policy `fail`),
  /// `kStoreIo`, `kFenced` (another process uses this instance id or, without one, a copy of this
  /// state directory: the one that was started later ends).
  Status run_once();
  /// Turns until `request_stop`, then closes. Errors as `run_once` and `close`.
  Status run();
  /// Makes `run` return after the turn it is in.
  void request_stop();
  /// Stops in an orderly way: commits, closes the stores, leaves the group. After a failure it
  /// aborts instead of committing, and returns that failure. If the last commit fails (the broker
  /// is away), the next start processes its records again. Idempotent.
  Status close();

  /// Tells the other instances where to reach this one's queries, "host:port". Call it before the
  /// first turn.
  void advertise(std::string endpoint);
  /// Stops processing until `resume`; commits the processed records, keeps its tasks, answers
  /// queries.
  void pause();
  void resume();
  bool is_paused() const;
  /// Gives the tasks to the other instances, those with state once it is warm elsewhere. Only a
  /// restart undoes it. Alone in its group an instance keeps its tasks.
  void drain();
  /// Whether it has given away all tasks: stopping it then interrupts nothing.
  bool is_drained() const;

  /// Commits the processed records, due or not.
  Status commit();
  /// Whether the latest `run_once` found nothing to do: all inputs of all tasks were read and
  /// processed to their end. `has_uncommitted` may still hold.
  bool is_idle() const;
  bool has_uncommitted() const;

  EngineState state() const;
  /// Committed state of the tasks that run here; lives as long as the engine.
  const Queries& queries() const;
  /// Answers from the state of all instances; lives as long as the engine.
  const QueryRouter& router() const;
  /// By which the instances of the application prove themselves to each other; null: none.
  std::shared_ptr<const engine::PeerKey> peer_key() const;
  /// The folder of snapshots that others may download (see `add_engine_routes`); empty: none.
  std::filesystem::path snapshot_directory() const;
  /// Of this instance; lives as long as the engine.
  Metrics& metrics();

 private:
  explicit Engine(std::unique_ptr<engine::Loop> loop);
  std::unique_ptr<engine::Loop> loop_;
};

}  // namespace millrace
