#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/processor.h"
#include "millrace/state/task_state.h"

#include "engine/core/resolved_topology.h"
#include "engine/output/collector.h"
#include "engine/task/deferred_work.h"
#include "engine/task/punctuations.h"

namespace millrace::engine {

class TaskBroadcasts;
class TaskTimers;

/// The last exception that left a node's code.
struct Thrown {
  std::exception_ptr exception;
  const Node* by = nullptr;
};

/// Records that a node left out because they came too late.
struct LateCount {
  uint64_t records = 0;
  double ms = 0;  ///< by which they were too late, together
};

/// State that a task shares with its processors. Task's thread only.
struct TaskScope {
  TaskId task;
  const SubTopology* sub_topology = nullptr;
  const Clock* clock = nullptr;
  TaskState* state = nullptr;
  Collector* collector = nullptr;
  Punctuations punctuations;
  TaskTimers* timers = nullptr;
  TaskBroadcasts* broadcasts = nullptr;
  RecordPosition position;  ///< of the input record being processed
  int64_t stream_time_ms = -1;
  std::map<std::string, uint64_t, std::less<>> dropped;  ///< by reason, since the last take
  std::map<std::string, LateCount, std::less<>> late;    ///< by node, since the last take
  DeferredWork deferred;
  bool commit_requested = false;  ///< by a processor, since the last freeze
  Thrown thrown;

  Moment now() const;
  /// Puts the task's time and position to `moment`.
  void show(const Moment& moment);
};

/// A task's processors, wired by direct calls.
///
/// All methods that run user code may throw what it throws; `TaskScope::thrown` then names the
/// node that threw.
class TaskProcessors {
 public:
  /// `scope` must outlive this. Makes the processors, each knowing its context.
  explicit TaskProcessors(TaskScope& scope);
  ~TaskProcessors();
  TaskProcessors(const TaskProcessors&) = delete;
  TaskProcessors& operator=(const TaskProcessors&) = delete;

  /// Pushes a record, as it comes from an input, through everything behind that input's node,
  /// depth first.
  void push_from(uint32_t input_node, const Record& record);
  /// Gives a timer to the processor that owns it.
  void fire(uint32_t node, const Timer& timer);
  /// Calls a processor for a change of a broadcast table.
  void broadcast_changed(uint32_t node, const BroadcastChange& change);
  void broadcast_reset(uint32_t node, std::string_view table);
  /// Lets a processor do work that it deferred, as of when it asked for it.
  void run_deferred(const DeferredWork::Call& call);

 private:
  class Context;
  /// Runs code of a node.
  template <class Code>
  void run(const Node& node, Code&& code);
  void push(const ResolvedChild& to, const Record& record);
  void push_to_children(const ResolvedNode& resolved, const Record& record);
  void exchange(const ResolvedNode& resolved, const Record& record);
  void sink(uint32_t node, const Record& record);
  /// REQUIRES: the node has a partitioner.
  std::optional<int32_t> picked_partition(const ResolvedNode& resolved, const Record& record) const;

  TaskScope& scope_;
  std::vector<std::unique_ptr<Context>> contexts_;  ///< by node; null for sinks and exchanges
  std::vector<std::unique_ptr<Processor>> processors_;
  std::vector<KeyValueStore*> outboxes_;  ///< by node; null: the node has none
  std::optional<uint32_t> deferring_;     ///< the node whose deferred work runs
  RecordPosition deferring_by_;           ///< the record that this work goes back to
};

}  // namespace millrace::engine
