#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/engine/metrics.h"

#include "engine/base/fail_point.h"
#include "engine/base/scheduler.h"
#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/metrics/metrics_feed.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// When and where the round trip of a commit is made.
enum class RoundTrips : unsigned char {
  kAtOnce,   ///< within `begin`
  kBeside,   ///< on a thread of the committer's, while the tasks continue
  kInTurns,  ///< on the loop's thread, within the first `look`, as if it were beside
};

/// Makes the work of tasks since the last commit visible together, and durable.
///
/// The invariants: stores get only what Kafka committed (I1), and offsets, changelogs and outputs
/// become visible in one transaction (I2).
///
/// A commit is `begin`, then the transaction's round trip, then `finish`. Meanwhile the tasks may
/// continue into the next generation of changes, but hold their outputs: the session belongs to the
/// round trip. All calls from the loop's thread.
class Committer {
 public:
  Committer(ProducerSession& session, Scheduler& scheduler, FailPoint& fail_point, Metrics& metrics,
            const Clock& clock, RoundTrips round_trips);
  ~Committer();  ///< Waits for a round trip that is under way, and drops it.
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Freezes and sends the changes of `tasks` for the generation of `group`. All tasks are dirty
  /// and must stay until `finish`. A round trip beside the loop calls `on_done` at its end, from
  /// its thread. After an error nothing is certain, and all tasks of the instance must be reset
  /// (I4). Errors: those of `Producer`, of deferred work and of reads, and whatever a fail point
  /// returns (fatal: `FailPoint::has_fired`).
  Status begin(std::vector<Task*> tasks, const GroupMetadata& group, std::function<void()> on_done);
  /// Whether a commit has begun and not finished.
  bool is_under_way() const { return !tasks_.empty(); }
  /// Whether the round trip had ended. With `kInTurns` the first look at one makes it and returns
  /// false, so that there are turns before it and turns after it.
  bool look();
  /// Waits for the round trip, then writes the frozen rows into the stores. Returns the tasks of
  /// the commit. REQUIRES: is_under_way(). Errors: as `begin`, and `kStoreIo` (fatal).
  Result<std::vector<Task*>> finish();

 private:
  struct RoundTrip {
    std::vector<PartitionOffset> offsets;
    GroupMetadata group;
    std::function<void()> on_done;
  };
  void run();
  void make_in_turn();
  Status make(const RoundTrip& trip);
  Status send_all(std::span<Task* const> tasks);
  Status apply_all(std::span<Task* const> tasks);
  /// Runs `work` on all tasks side by side; returns the error of the first in order that failed.
  Status for_all(std::span<Task* const> tasks, const std::function<Status(Task&)>& work);

  ProducerSession& session_;
  Scheduler& scheduler_;
  FailPoint& fail_point_;
  Metrics& metrics_;
  const Clock& clock_;
  const RoundTrips round_trips_;
  std::vector<Task*> tasks_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<RoundTrip> trip_;  ///< to be made
  std::optional<Status> outcome_;  ///< of the last one
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::engine
