#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/core/result.h"

#include "engine/base/fail_point.h"
#include "engine/clients/clients.h"
#include "engine/commit/commit_pacer.h"
#include "engine/commit/committer.h"
#include "engine/commit/producer_session.h"
#include "engine/loop/application.h"
#include "engine/loop/housekeeper.h"
#include "engine/loop/input_pump.h"
#include "engine/loop/instance.h"
#include "engine/loop/table_watch.h"
#include "engine/metrics/metrics_feed.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// A turn's work on the tasks that run: fetches their inputs, processes them, and commits the
/// results. It knows nothing of how tasks come to run: the roster adds and removes them.
///
/// Invariant: a commit holds the work of all tasks since the last one, with the metadata of the
/// generation that gave them to this instance. After an error nothing of it is certain: every task
/// has to be removed and reset (I4). Loop's thread only.
class DataPlane {
 public:
  /// `input` fetches the tasks' inputs. All references must outlive this. REQUIRES: the application
  /// is placed.
  DataPlane(Instance& instance, Application& application, ProducerSession& session,
            FailPoint& fail_point, std::unique_ptr<Fetcher> input);

  /// Begins with a started task; it stays until `remove`. Errors: those of `Fetcher::add`.
  Status add(Task& task);
  /// No-op when it was not added.
  void remove(Task& task);
  /// Commits from now on are for this generation. REQUIRES: nothing is uncommitted.
  void set_generation(GroupMetadata group);

  // The phases of a turn. Errors: those of `InputPump`, `BroadcastReader`, `TableWatch`,
  // `Task::process_slice` and `Committer`.
  Status poll();
  Status process();
  /// Finishes a commit whose round trip has ended, and begins the next when it is due.
  Status commit_if_due();

  /// Commits all processed records, and waits.
  Status commit_now();
  /// Waits for the commit that is under way, if one is.
  Status finish_commit();
  /// Tasks whose changes were committed since the last call.
  std::vector<Task*> take_committed() { return std::exchange(committed_, {}); }
  /// Lets the copies of broadcast tables forget what no task can go back to. REQUIRES: all tasks
  /// that this instance is to run do so, since others may go back further.
  void prune_broadcasts();
  /// Sets the metrics of the present state. `cached_bytes`: of all tasks' stores.
  void report(size_t cached_bytes);
  /// Ends the work beside the loop, and does not wait for it. Fetched and uncommitted records stay
  /// as they are.
  void close() {
    table_watch_.stop();
    housekeeper_.stop();
  }

  /// The tasks that run, ascending by id.
  const std::vector<Task*>& tasks() const { return tasks_; }
  bool has_uncommitted() const;
  /// Whether a task has processed its inputs to their ends and all that followed is committed.
  bool is_caught_up(Task& task) const;
  /// Whether all inputs were read and processed to their ends.
  bool is_at_end() const;
  /// Whether it did anything since the last call.
  bool take_activity() { return std::exchange(did_something_, false); }
  /// Shortens `wait_ms` to when the next commit is due.
  int64_t until_commit_ms(int64_t wait_ms) const;
  /// Waits until there are records to fetch, a round trip has ended, or `wait_ms` have passed.
  void wait(int64_t wait_ms) { pump_.fetcher().wait(wait_ms); }
  void wake() { pump_.fetcher().wake(); }  ///< from any thread

 private:
  Status begin_commit();
  size_t dirty_bytes() const;
  size_t unfrozen_bytes() const;
  size_t owed_bytes() const;
  std::vector<Task*> dirty_tasks() const;

  Instance& instance_;
  BroadcastReader* const broadcasts_;  ///< null: the topology has none
  TableWatch table_watch_;
  ProducerSession& session_;
  InputPump pump_;
  MetricsFeed feed_;
  CommitPacer pacer_;
  Housekeeper housekeeper_;

  GroupMetadata group_;
  std::vector<Task*> tasks_;  ///< ascending by id
  std::vector<Task*> committed_;
  size_t queued_bytes_ = 0;
  bool inputs_at_end_ = false;
  bool may_forget_ = false;  ///< versions of broadcast tables became superfluous
  bool did_something_ = false;
  Committer committer_;  ///< last: its thread uses the session and the pump's fetcher
};

}  // namespace millrace::engine
