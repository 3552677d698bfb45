#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
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
}  // namespace engine
class Metrics;

enum class EngineState : unsigned char {
  kStarting,     ///< looking at topics, fencing its own predecessor; also while no broker answers
  kRebalancing,  ///< no assignment, or one that was just taken away
  kRestoring,    ///< no task runs yet, some are being restored
  kRunning,      ///< at least one task runs, or this instance was given none
  kStopping,
  kStopped,
  kFailed,
};
std::string_view to_string(EngineState state);

/// Points of a commit, in order. A hook is called when the engine has reached one.
enum class CommitStep : unsigned char {
  kBegin,                 ///< nothing of this commit was done yet
  kChangelogSent,         ///< changelog records and table rows were handed to the producer
  kOffsetsSent,           ///< input offsets are part of the transaction
  kTransactionCommitted,  ///< Kafka has it, no store does
  kTaskApplied,           ///< one more task's store has it
  kDone,                  ///< every store has it
};
/// "begin", "changelog_sent", "offsets_sent", "transaction_committed", "task_applied", "done".
std::string_view to_string(CommitStep step);

/// Where tests take hold of a running engine.
struct EngineHooks {
  /// An error ends the engine there and then, as a crash would: nothing is aborted, closed or
  /// tidied up, `run_once` returns it and the state is `kFailed`. Besides this hook,
  /// `MILLRACE_FAIL_POINT=<step>:<n>` in the environment exits the process with code 137 at the
  /// n-th time that step is reached.
  std::function<Status(CommitStep)> on_commit_step;
};

/// One instance: joins the group of its application, runs the tasks it is given, commits.
///
/// `run_once`, `run`, `commit` and `close` belong to one thread. The rest may be used from any,
/// `request_stop` from a signal handler too.
class Engine {
 public:
  /// Checks the options and takes the state directory; asks no broker yet. An empty
  /// `options.state_dir` keeps every store in memory. `clients` (see `KafkaClients`) and `clock`
  /// must outlive the engine. Errors: the topology's; `kConfig` when options are off or another
  /// process holds the directory; `kStoreIo` when it cannot be written.
  static Result<std::unique_ptr<Engine>> create(Result<Topology> topology, EngineOptions options,
                                                engine::ClientFactory& clients, const Clock& clock,
                                                EngineHooks hooks = {});
  /// Without `close` it ends as a crash does: nothing is committed, the group is not left.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// One turn: poll → process → commit if due → background slice; waits up to
  /// `options.poll_wait_ms` when there is nothing to do. What passes (a broker that is away, an
  /// aborted commit, a lost assignment) is handled inside. Errors end the engine: `kConfig` (topics
  /// do not fit), `kInvalidRecord`, `kUserCode`, `kRefused` (policy `fail`), `kStoreIo`, `kFenced`
  /// (another process uses this instance id).
  Status run_once();
  /// Turns until `request_stop`, then closes. Errors as `run_once` and `close`.
  Status run();
  /// Makes `run` return after the turn it is in.
  void request_stop();
  /// Finishes in an orderly way: commits, closes the stores, leaves the group. After a failure it
  /// aborts instead of committing, and returns that failure. When the last commit cannot be made
  /// (the broker is away), what it held is left to be done again. Idempotent.
  Status close();

  /// Where others reach this instance's queries, "host:port"; before the first turn.
  void advertise(std::string endpoint);
  /// Stops processing until `resume`; commits what is processed, keeps its tasks, answers queries.
  void pause();
  void resume();
  bool is_paused() const;
  /// Gives the tasks to the other instances, those with state once it is warm elsewhere. There is
  /// no way back but a restart. Alone in its group an instance keeps its tasks.
  void drain();
  /// Whether it has given all away: it may be stopped without anybody noticing.
  bool is_drained() const;

  /// Commits what was processed, due or not.
  Status commit();
  /// Whether the latest `run_once` found nothing to do: all inputs of all tasks were read and
  /// processed to their end. `has_uncommitted` may still hold.
  bool is_idle() const;
  bool has_uncommitted() const;

  EngineState state() const;
  /// Committed state of the tasks that run here; lives as long as the engine.
  const Queries& queries() const;
  /// Where it keeps the snapshots that others may download (see `add_engine_routes`); empty: none.
  std::filesystem::path snapshot_directory() const;
  /// Of this instance; lives as long as the engine.
  Metrics& metrics();

 private:
  explicit Engine(std::unique_ptr<engine::Loop> loop);
  std::unique_ptr<engine::Loop> loop_;
};

}  // namespace millrace
