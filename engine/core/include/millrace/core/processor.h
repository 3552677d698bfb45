#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "millrace/core/assert.h"
#include "millrace/core/broadcast.h"
#include "millrace/core/ids.h"
#include "millrace/core/record.h"
#include "millrace/core/store.h"
#include "millrace/core/timers.h"

namespace millrace {

/// Names a punctuation of a task.
enum class ScheduleId : uint64_t {};

/// The engine as a processor sees it. The task owns it; it lives as long as the processor. Call it
/// on the task's thread only.
class ProcessorContext {
 public:
  virtual ~ProcessorContext() = default;

  /// Pushes `record` through every child, depth first, before it returns.
  virtual void forward(const Record& record) = 0;
  /// Pushes `record` through the `child`-th child, in the order in which children were declared.
  virtual void forward_to(size_t child, const Record& record) = 0;
  virtual size_t child_count() const = 0;
  /// The number of the parent that the current record comes from, in the order of the parents'
  /// declaration. REQUIRES: within `process`.
  virtual size_t parent() const = 0;

  /// REQUIRES: the node declares `name` among its stores.
  virtual KeyValueStore& store(std::string_view name) = 0;
  /// REQUIRES: the node declares `name` among its stores, and it is a store of timers.
  virtual Timers& timers(std::string_view name) = 0;
  /// REQUIRES: the node declares `name`, a topic, among its broadcast tables.
  virtual const BroadcastRows& broadcast(std::string_view name) = 0;

  virtual TaskId task() const = 0;
  virtual int32_t partition_count() const = 0;         ///< tasks of this sub-topology
  virtual const RecordPosition& position() const = 0;  ///< of the input record being processed
  /// The largest event time of the task's records so far; −1 before the first. Committed with the
  /// inputs' positions, so it continues after a restart, wherever the task runs then.
  virtual int64_t stream_time_ms() const = 0;
  virtual int64_t wall_time_ms() const = 0;

  /// Calls `callback(now_ms)` about every `interval_ms`, which may be as long as int64 holds.
  ///
  /// `kStream`, by stream time: first before the next record that the task takes, whatever its
  /// time; then before each record with which stream time reaches or passes a multiple of
  /// `interval_ms`, counted from 1970. So a schedule made in `init` is met by the first record
  /// after each start. `kWall`, by the steady clock: first after `interval_ms`. Either way it makes
  /// one call, however many intervals have passed.
  ///
  /// A punctuation's puts and outputs are one unit, like a record's. Throws `std::invalid_argument`
  /// when `interval_ms` is not positive.
  virtual ScheduleId schedule(TimeKind kind, int64_t interval_ms,
                              std::function<void(int64_t now_ms)> callback) = 0;
  /// Ends a schedule: no call follows, not even one that is due. Without effect when it has ended
  /// already. Neither this nor `schedule` is undone with a unit that fails.
  virtual void cancel_schedule(ScheduleId id) = 0;

  /// Asks for a commit at the end of the task's present slice, instead of that of the interval. It
  /// is the instance's: of all its tasks, in one transaction. While an earlier one is on its way,
  /// it comes after that. Not taken back by a unit that fails.
  virtual void request_commit() = 0;

  /// Asks for a call of this node's `on_deferred` with `key`: once, however often it is asked for,
  /// with the largest `timestamp_ms`. It comes in the same commit, after the records that asked, at
  /// the latest before their rows are sent. So its changes commit or abort with them. It comes
  /// earlier, in slices, when many keys wait, or when they will write much, as far as the task's
  /// calls so far tell; `commit.bytes.max` counts that, too. A unit that fails takes back what it
  /// asked for.
  ///
  /// Throws `std::invalid_argument` for a null key, `std::logic_error` within `on_deferred` of the
  /// same node.
  virtual void defer(Bytes key, int64_t timestamp_ms) = 0;
  /// Makes the call for `key` now, within the present unit, if one was asked for; false: none was.
  /// For a timer that looks at what the work changes.
  virtual bool finish_deferred(Bytes key) = 0;

  /// Counts a record that the operator left out on purpose, e.g. reason "null_key".
  virtual void count_dropped(std::string_view reason) = 0;
  /// Counts a record that the operator left out because it came `late_ms` too late.
  virtual void count_late(int64_t late_ms) = 0;
};

/// Work on a key that was put off, see `ProcessorContext::defer`.
struct DeferredCall {
  Bytes key;                 ///< lives for the call
  int64_t timestamp_ms = 0;  ///< the largest that `defer` was given
};

/// One node's code and private state, one object per task. Single-threaded.
///
/// May throw: the task's edge catches it, undoes the record's puts and outputs, names the node that
/// threw and asks the configured handler (fail, skip, dead-letter).
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void init(ProcessorContext& context) { context_ = &context; }
  virtual void process(const Record& record) = 0;
  /// A timer of this node is due. It is removed already, and may be set again. The effects of the
  /// call are one unit, like a record's; the views live for the call.
  virtual void on_timer(const Timer& timer);
  /// A broadcast table that the node reads has changed. One unit, like a record.
  virtual void on_change(const BroadcastChange& /*change*/) {}
  /// Anything may have changed in `table` since the last commit, and the single changes are
  /// unknown: derive everything that depends on the table again. One unit.
  virtual void on_reset(std::string_view /*table*/) {}
  /// Does the work that this node deferred. Time stands where it stood when the work was first
  /// asked for: stream time, the clocks of timers and `position()`. So timers for moments since
  /// then may be set; they are due already, and fire next, in order. Nodes come in the order of
  /// their declaration, keys in that of their bytes.
  ///
  /// One unit, whose failure follows the policies. Under skip and dead_letter the rows and outputs
  /// of the key stay as they were until the work is asked for again. A dead letter has the key, the
  /// position of the record that asked first, and in `millrace.cut` that the record is not in it:
  /// processing that record again asks again. There is no letter when only timers asked.
  virtual void on_deferred(const DeferredCall& call);

 protected:
  ProcessorContext& context() { return *context_; }

 private:
  ProcessorContext* context_ = nullptr;
};

inline void Processor::on_timer(const Timer&) {
  MILLRACE_ASSERT(false, "a processor that sets timers overrides on_timer");
}

inline void Processor::on_deferred(const DeferredCall&) {
  MILLRACE_ASSERT(false, "a processor that defers work overrides on_deferred");
}

using ProcessorFactory = std::function<std::unique_ptr<Processor>()>;

}  // namespace millrace
