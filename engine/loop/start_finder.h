#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/loop/instance.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// From where a task runs.
struct StartPosition {
  std::vector<int64_t> offsets;       ///< one an input
  std::vector<int64_t> backlog_ends;  ///< one an input, for timers on the wall clock; else empty
  bool has_offsets = false;           ///< the group had committed some for this task
};

/// Asks Kafka from where tasks run. Every question blocks until a broker answers.
///
/// Invariant: offsets are read after all that could still change them has ended, so they are those
/// of the last commit.
class StartFinder {
 public:
  /// All must outlive this.
  StartFinder(Instance& instance, Admin& admin, ProducerSession& session)
      : instance_(instance), admin_(admin), session_(session) {}

  /// Instances that are gone: their transactions are ended before offsets are read.
  void add_dead(std::span<const std::string> instances);

  /// Committed offsets of one task's inputs; −1: none.
  using Committed = std::vector<PartitionOffset>;
  /// Of each of `tasks`, after a producer was opened and the dead were fenced; with no tasks these
  /// two alone. Errors: those of `ProducerSession::open` and `Admin::committed`.
  Result<std::vector<Committed>> committed(std::span<Task* const> tasks);
  /// Where the group committed, else the beginning of the input. Errors: those of
  /// `Admin::watermarks`.
  Result<StartPosition> locate(const Task& task, const Committed& committed);

 private:
  Status fence_dead();

  Instance& instance_;
  Admin& admin_;
  ProducerSession& session_;
  std::set<std::string> dead_;
};

}  // namespace millrace::engine
