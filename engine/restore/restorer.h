#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/base/scheduler.h"
#include "engine/clients/clients.h"
#include "engine/restore/standby_ends.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// How far one task's restore is.
struct RestoreStatus {
  TaskId task;
  int64_t records = 0;
  int64_t bytes = 0;
  int64_t remaining_records = 0;  ///< offsets left, an upper bound
  double records_per_second = 0;
  bool is_complete = false;  ///< of a standby: it was at the end, and can be read
  /// Of a standby, on the steady clock: then it had all that its changelogs held; nothing: never.
  std::optional<int64_t> end_known_ns{};
};

/// The end of a task's restore, when its stores have reached the end of their changelogs.
enum class RestoreGoal : unsigned char {
  kRun,     ///< it is finished, and the restorer drops it
  kFollow,  ///< a standby: it keeps following them, until `promote` or `cancel`
};

/// Where a changelog begins and ends, by Kafka's answer.
struct ChangelogExtent {
  int64_t position = -1;  ///< of the store at the question; −1: it was empty
  Admin::Watermarks marks;
};

/// Brings the stores of tasks to the end of their changelogs, several tasks at once, in slices of
/// the loop, and keeps those of standbys there.
///
/// A store is complete when its position reaches the high watermark from after the fencing of
/// earlier owners; the last stable offset would leave out a commit whose markers are pending.
class Restorer {
 public:
  /// `max_age_ms`: how long Kafka keeps deletions at least; 0: for ever. All references must
  /// outlive this.
  Restorer(std::unique_ptr<Fetcher> fetcher, StandbyEnds& ends, Scheduler& scheduler,
           const Clock& clock, int64_t max_age_ms);

  /// The changelogs of a task, each with its store's position (−1: the store is empty): ask Kafka
  /// for their extents before `begin` and `promote`.
  std::vector<PartitionOffset> changelogs_of(Task& task) const;
  /// Begins with `task`, which must stay until it is finished or cancelled. `extents`: one per
  /// changelog, in the order of `changelogs_of`. REQUIRES: it does not have the task. Errors:
  /// `kConfig` when a changelog does not hold all that its store lacks, because it was truncated or
  /// created again; those of `Fetcher::add`.
  Status begin(Task& task, RestoreGoal goal, std::span<const ChangelogExtent> extents);
  /// Lets a standby finish at the ends of its changelogs, so that it can run. Errors: `kConfig` as
  /// `begin`. REQUIRES: it follows.
  Status promote(TaskId task, std::span<const ChangelogExtent> extents);
  void cancel(TaskId task);
  bool contains(TaskId task) const;

  bool is_active() const { return !tasks_.empty(); }
  struct Outcome {
    bool fetched = false;  ///< records came; call again soon
    struct Finished {
      Task* task = nullptr;
      int64_t records = 0;  ///< that the changelogs brought
    };
    std::vector<Finished> finished;   ///< complete and readable
    std::vector<Task*> caught_up;     ///< standbys that reached the end for the first time
    std::vector<Task*> progressed;    ///< not finished, and their `status` has changed
    std::vector<Task*> confirmed;     ///< standbys whose `end_known_ns` alone has moved
    std::vector<Task*> out_of_range;  ///< a changelog moved away meanwhile; cancelled
    /// Standbys that got records after so long a silence that they may have missed deletions before
    /// it; cancelled.
    std::vector<Task*> outdated;
  };
  /// Runs one bounded slice. Errors: `kConfig` (rows not of the store's type), `kStoreIo`,
  /// those of `Fetcher::poll`.
  Result<Outcome> run_slice();

  /// The status of a restore or standby; nothing when the task is neither.
  std::optional<RestoreStatus> status(TaskId task) const;
  Fetcher& fetcher() { return *fetcher_; }

 private:
  struct StoreRestore {
    const ResolvedStore* store = nullptr;
    TopicPartition partition;
    int64_t position = 0;
    int64_t target = 0;
    bool is_done = false;  ///< complete; the fetcher reads it no more
    bool is_at_end = false;
    /// When the client last said so, until `learn_end` takes it; on the steady clock.
    std::optional<int64_t> saw_end_ns{};
    RecordBatch batch;
    FetchOutcome outcome;
    std::vector<ChangelogRecord> records;
  };
  struct TaskRestore {
    Task* task = nullptr;
    RestoreGoal goal = RestoreGoal::kRun;
    std::vector<StoreRestore> stores;
    int64_t records = 0;
    int64_t bytes = 0;
    int64_t started_ns = 0;
    int64_t logged_ns = 0;
    bool has_progressed = false;  ///< in this slice
    bool is_complete = false;     ///< reached the end once; all of it is readable
    bool is_announced = false;    ///< as caught up
    bool is_out_of_range = false;
    int64_t current_ms = 0;  ///< of a standby: wall clock when it last had news, once complete
    std::optional<int64_t> end_known_ns{};  ///< as `RestoreStatus` says
    std::optional<int64_t> shown_end_ns{};  ///< that of the last outcome
    int64_t looked_ns = 0;                  ///< for that end
    Status status;
    int64_t remaining() const;
  };

  TaskRestore* find(TaskId task) const;
  static Status check_position(TaskId task, const StoreRestore& store,
                               const ChangelogExtent& extent);
  static Status locate(TaskRestore& restore, std::span<const ChangelogExtent> extents);
  Status poll(TaskRestore& restore, Outcome& outcome);
  /// After a slice: adds a task to `outcome` that is finished, has caught up or has progressed.
  void settle(TaskRestore& restore, Outcome& outcome, std::vector<TopicPartition>& done);
  /// Looks, about every second, when a standby last had all that its changelogs held. Whether that
  /// is later than shown.
  bool learn_end(TaskRestore& restore);
  void forget_ends(const TaskRestore& restore);
  /// Whether a standby that has news had none for longer than Kafka keeps deletions.
  bool is_outdated(const TaskRestore& restore) const;
  static void feed(TaskRestore& restore);
  static Status feed_store(TaskRestore& restore, StoreRestore& store);
  void log_progress(TaskRestore& restore, std::string_view what);
  RestoreStatus status_of(const TaskRestore& restore) const;

  std::unique_ptr<Fetcher> fetcher_;
  StandbyEnds& ends_;
  Scheduler& scheduler_;
  const Clock& clock_;
  const int64_t max_age_ms_;
  std::vector<std::unique_ptr<TaskRestore>> tasks_;
};

}  // namespace millrace::engine
