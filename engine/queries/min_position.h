#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/queries.h"

#include "engine/client/position_token.h"
#include "engine/queries/data_flow.h"

namespace millrace::engine {

/// Makes the answers to one request include a position, and everything that its records led to in
/// the tasks behind exchanges. Records that a timer still holds back do not count. For one thread.
///
/// A task that reads a topic of the position has to have read it to that offset. A task that reads
/// an exchange has to have read it to where it ended after the tasks that write it had done the
/// same with the inputs that lead to it.
class MinPosition {
 public:
  /// How it asks; both may wait for others.
  struct Sources {
    /// Committed position of the instance that runs the task.
    std::function<Result<StatePosition>(TaskId task)> position;
    /// Where a partition ends now.
    std::function<Result<int64_t>(const TopicPartition& partition)> end;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  MinPosition(NextOffsets position, std::shared_ptr<const DataFlow> flow, Sources sources,
              Deadline deadline)
      : position_(std::move(position)),
        flow_(std::move(flow)),
        sources_(std::move(sources)),
        deadline_(deadline) {}

  /// Waits until the committed state of `task` includes the position. Errors: `kRetriable`, at the
  /// deadline; `kInvalidArgument`: the position is not in its topic yet.
  Status await(TaskId task);
  /// Whether a state of a task that was waited for is one of those that include the position.
  bool is_included(const StatePosition& state) const;

 private:
  /// An input of one task.
  struct TaskInputId {
    TaskId task;
    size_t input = 0;

    friend auto operator<=>(const TaskInputId&, const TaskInputId&) = default;
  };
  /// The offset to which the task has to have read the input; 0: any. Waits for the inputs before
  /// it.
  Result<int64_t> wanted_of(TaskInputId id);
  Status await_offsets(TaskId task, const NextOffsets& wanted);
  /// Error: `kInvalidArgument`: an offset of the position lies behind the end of its partition.
  Status check_ends(const NextOffsets& wanted) const;
  Status late(TaskId task, const NextOffsets& wanted, const NextOffsets& has) const;

  const NextOffsets position_;
  const std::shared_ptr<const DataFlow> flow_;
  const Sources sources_;
  const Deadline deadline_;
  std::map<TaskId, NextOffsets> awaited_;  ///< to where the tasks that were waited for have read
  std::map<TaskInputId, int64_t> wanted_;
  std::set<TaskInputId> under_way_;  ///< a sink may lead back
};

}  // namespace millrace::engine
