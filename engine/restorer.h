#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/clients.h"
#include "engine/scheduler.h"
#include "engine/task.h"

namespace millrace::engine {

/// How far one task's restore is.
struct RestoreStatus {
  TaskId task;
  int64_t records = 0;
  int64_t bytes = 0;
  int64_t remaining_records = 0;  ///< offsets left, an upper bound
  double records_per_second = 0;
};

/// Brings the stores of tasks to the end of their changelogs, several tasks at once, in slices of
/// the loop.
///
/// A store is complete when its position reaches the high watermark that was taken after earlier
/// owners were fenced; the last stable offset would leave out a commit whose markers are pending.
class Restorer {
 public:
  Restorer(std::unique_ptr<Fetcher> fetcher, Scheduler& scheduler, const Clock& clock);

  /// Begins with `task`, which must stay until it is finished or cancelled. Errors: `kNotFound`
  /// when a store's position is not in its changelog, which was truncated or made anew: restart
  /// with empty stores; those of `Admin::watermarks` and `Fetcher::add`.
  Status begin(Task& task, Admin& admin);
  void cancel(TaskId task);

  bool is_active() const { return !tasks_.empty(); }
  struct Outcome {
    bool fetched = false;  ///< something came; call again soon
    struct Finished {
      Task* task = nullptr;
      int64_t records = 0;  ///< that the changelogs brought
    };
    std::vector<Finished> finished;   ///< complete and readable
    std::vector<Task*> out_of_range;  ///< as `kNotFound` of `begin`; cancelled
  };
  /// One bounded slice. Errors: `kConfig` (rows that are none of the store's type), `kStoreIo`,
  /// those of `Fetcher::poll`.
  Result<Outcome> run_slice();

  std::vector<RestoreStatus> progress() const;
  Fetcher& fetcher() { return *fetcher_; }

 private:
  struct StoreRestore {
    const PlanStore* store = nullptr;
    TopicPartition partition;
    int64_t position = 0;
    int64_t target = 0;
    bool is_done = false;
    RecordBatch batch;
    FetchOutcome outcome;
    std::vector<ChangelogRecord> records;
  };
  struct TaskRestore {
    Task* task = nullptr;
    std::vector<StoreRestore> stores;
    int64_t records = 0;
    int64_t bytes = 0;
    int64_t started_ns = 0;
    int64_t logged_ns = 0;
    bool is_done = false;
    bool is_out_of_range = false;
    Status status;
    int64_t remaining() const;
  };

  Status poll(TaskRestore& restore, Outcome& outcome);
  static void feed(TaskRestore& restore);
  static Status feed_store(TaskRestore& restore, StoreRestore& store);
  void log_progress(TaskRestore& restore, std::string_view what);
  RestoreStatus status_of(const TaskRestore& restore) const;

  std::unique_ptr<Fetcher> fetcher_;
  Scheduler& scheduler_;
  const Clock& clock_;
  std::vector<std::unique_ptr<TaskRestore>> tasks_;
};

}  // namespace millrace::engine
