#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/engine/queries.h"

#include "engine/base/backoff.h"
#include "engine/loop/start_finder.h"
#include "engine/restore/restorer.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// How far a task that the group gave to this instance is on its way to running.
enum class Stage : unsigned char {
  kUnopened,   ///< its state is not open yet: a snapshot may be on its way
  kPreparing,  ///< open; asks Kafka where it stands
  kRestoring,  ///< reads its changelogs to their ends
  kRunning,    ///< in the data plane
  kFollowing,  ///< a standby that follows its changelogs
  kSuspended,  ///< taken away, or not given yet; the stores are open
};

/// A task of the roster. A failure on its way to running delays this task alone. Its stage
/// changes by `move_to` alone, along these ways:
///
///   kUnopened → kPreparing → kRestoring → kRunning      a task to run
///                          → kFollowing                 a standby
///   kPreparing → kUnopened                              its state is of no use: opened empty
///   kPreparing, kRestoring, kRunning → kSuspended       taken away
///   kSuspended → kPreparing                             given again
///   kRestoring, kFollowing, kRunning → kPreparing       begins again, or in another role
class TaskRecord {
 public:
  TaskRecord(TaskId task_id, bool as_standby, const Backoff& first_backoff)
      : id(task_id), is_standby(as_standby), backoff(first_backoff) {}

  bool is(Stage stage) const { return stage_ == stage; }
  /// Asserts that the way exists.
  void move_to(Stage stage);

  /// As queries and reports show it. `restore`: of the restorer, while it has the task.
  TaskInfo info(const std::optional<RestoreStatus>& restore, bool is_caught_up) const;

  const TaskId id;
  bool is_standby;
  /// Instances that are gone and ran it: it starts when they are fenced.
  std::vector<std::string> dead_owners = {};
  bool starts_empty = false;   ///< it must not use the state on disk
  std::unique_ptr<Task> task;  ///< null exactly while kUnopened
  /// Wall clock at which its stores last held all that their changelogs did, as far as is known;
  /// 0: they are empty.
  int64_t current_ms = 0;
  StartPosition start;  ///< from where to run; from kRestoring on
  /// At kRestoring: its stores are complete, after so many records; it is ready to start.
  std::optional<int64_t> restored_records;
  /// At kRestoring: Kafka was asked once more, after the stores were complete.
  bool has_asked_again = false;
  Backoff backoff;  ///< for failures that hold up this task alone
  /// The question to Kafka, under way or answered; null except at kPreparing and, when the stores
  /// are complete, at kRestoring. A step drops it.
  std::shared_ptr<const StartFinder::Answer> question;
  bool shown_as_caught_up = false;
  int64_t shown_end = 0;  ///< while it is: the sum of where its inputs end

 private:
  Stage stage_ = Stage::kUnopened;
};

}  // namespace millrace::engine
