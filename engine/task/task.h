#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/options.h"
#include "millrace/state/task_state.h"

#include "engine/base/line_limit.h"
#include "engine/changes/change_rings.h"
#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"
#include "engine/output/collector.h"
#include "engine/secrets/sealing.h"
#include "engine/task/input_queue.h"
#include "engine/task/task_broadcasts.h"
#include "engine/task/task_processors.h"
#include "engine/task/task_rows.h"
#include "engine/task/task_timers.h"

namespace millrace::engine {

/// The common environment of an instance's tasks; must outlive them.
struct TaskEnvironment {
  const EngineOptions* options = nullptr;
  const OutputTopics* outputs = nullptr;
  const Clock* clock = nullptr;
  LineLimit* lines = nullptr;
  ChangeRings* changes = nullptr;               ///< null: nobody watches stores
  const BroadcastReader* broadcasts = nullptr;  ///< null: no node reads a table of it
  int32_t dead_letters = -1;               ///< index into `outputs`; −1: no policy asks for them
  const SealingKey* letter_key = nullptr;  ///< seals dead letters; null: they are in clear
};

/// Counts of a task since the last `take_counts`.
struct TaskCounts {
  uint64_t processed = 0;
  std::map<std::string, uint64_t, std::less<>> dropped;        ///< by reason
  std::map<std::string, LateCount, std::less<>> late;          ///< by node
  std::map<std::string, uint64_t, std::less<>> dead_lettered;  ///< by reason
  std::vector<Collector::Sent> sent;                           ///< by output topic
};

/// One input partition of a task.
struct TaskInput {
  const ResolvedInput* resolved = nullptr;
  const Node* node = nullptr;
  TopicPartition partition;
  InputQueue queue;
  int64_t position = 0;     ///< offset of the next record to process
  int64_t fetched = 0;      ///< offset after the last record that was fetched
  int64_t end_offset = 0;   ///< where the broker last said that there is nothing more
  int64_t backlog_end = 0;  ///< records before it were there at the task's start
  bool is_at_end = false;   ///< no record came since it said so
  bool has_head = false;    ///< the front was validated and `head_time_ms` is its event time
  int64_t head_time_ms = 0;
  size_t prefetched = 0;  ///< records from the front whose rows were prefetched
  int64_t frozen_position = 0;

  /// Whether the task has processed all records that were there at its start.
  bool is_past_backlog() const { return position >= backlog_end || (queue.empty() && is_at_end); }
  /// Lies past control records when all is processed, so that there is no lag to see.
  int64_t committable() const {
    return queue.empty() && is_at_end && end_offset > position ? end_offset : position;
  }
};

/// The record that a call without one goes back to, and the key that it is about.
struct CallOrigin {
  RecordPosition position;  ///< offset −1: none
  Bytes key;
  int64_t timestamp_ms = 0;
};

/// One sub-topology × one partition: inputs, processors, state, outputs.
///
/// Either the loop's thread or exactly one worker uses it, never both.
class Task {
 public:
  Task(TaskId id, const SubTopology& sub_topology, const TaskEnvironment& environment,
       std::unique_ptr<TaskState> state);

  TaskId id() const { return scope_.task; }
  const SubTopology& sub_topology() const { return sub_topology_; }
  TaskState& state() { return *state_; }
  std::vector<TaskInput>& inputs() { return inputs_; }

  /// Makes the processors and begins at these offsets, one per input. `backlog_ends`: where the
  /// inputs end now; empty, unless the sub-topology has timers on the wall clock. `stream_time_ms`:
  /// that of the last commit; −1: none. Error: `kUserCode`.
  Status start(std::span<const int64_t> offsets, std::span<const int64_t> backlog_ends,
               int64_t stream_time_ms);
  /// Drops queues, processors and all that was not committed (I4).
  void reset();

  /// Takes fetched records for an input; later skips those below its position.
  void accept(TaskInput& input, RecordBatch batch, const FetchOutcome& outcome);
  bool has_work() const;
  /// Fires timers and processes records until it reaches the slice's bounds, has to wait for an
  /// input, or has nothing left. Then it sends the outputs; if `producer` is null, it holds them.
  /// Errors are fatal for the instance, or the producer's.
  Status process_slice(Producer* producer);

  bool is_dirty() const { return dirty_units_ > 0; }
  /// Whether a processor asked for a commit of what is dirty.
  bool wants_commit() const { return is_dirty() && scope_.commit_requested; }
  size_t dirty_bytes() const { return made_bytes() + scope_.deferred.bytes(); }
  /// Dirty bytes that came after the frozen ones.
  size_t unfrozen_bytes() const { return dirty_bytes() - frozen_bytes_; }

  /// About what the deferred work will add to the dirty bytes, by what earlier work added.
  size_t owed_bytes() const { return scope_.deferred.owed_bytes(); }

  /// Does all work that processors deferred. Errors are fatal for the instance.
  Status finish_deferred();
  /// Ends the present generation of changes: freezes input positions and dirty rows. REQUIRES: no
  /// work is deferred.
  void freeze();
  /// Sends the outputs, rows of table sinks and changelog records of the frozen changes.
  Status send_frozen(Producer& producer);
  /// Stream time at the freeze, for the commit to keep.
  int64_t frozen_time_ms() const { return frozen_event_time_ms_; }
  /// After Kafka committed: learns where the changelogs end now. Loop's thread only.
  void take_delivered_ends(Producer& producer);
  /// After Kafka committed: inputs of this task to which this instance sent records are not at
  /// their ends any more. Loop's thread only.
  void expect_delivered(Producer& producer);
  /// After that: writes rows and positions into the store, in one batch, and tells those who watch.
  Status apply_frozen();

  /// Lowers `floors` to the offsets that this task may go back to; see `BroadcastReader::prune`.
  void lower_floors(const BroadcastTopic& topic, std::span<int64_t> floors) const;

  /// Event time of the newest processed record of the last commit; −1: none.
  int64_t committed_event_time_ms() const { return committed_event_time_ms_; }
  TaskCounts take_counts();

 private:
  /// Keys of the frozen rows of stores that somebody watches.
  ChangeRings::Changes watched_changes() const;
  void prefetch();
  /// Whether a slice has to do deferred work now: there are many keys, or much will come of them.
  /// `part`: of these bounds.
  bool owes_much(size_t part = 1) const;
  /// Does the first work that is deferred. REQUIRES: there is some.
  void run_deferred();
  /// Rows and outputs.
  size_t made_bytes() const { return state_->dirty_bytes() + collector_.used_bytes(); }
  void run_wall_punctuations();
  void run_stream_punctuations();
  void run_punctuation(const Punctuations::Callback& callback, int64_t now_ms);
  /// Where the wall clock of timers stands, unless an input's head holds it back.
  int64_t timers_wall_ms() const;
  bool is_past_backlog() const;
  /// Fires the earliest timer that is due before `next` (null: there is no next record); false:
  /// none is.
  bool fire_timer(const TaskInput* next);
  /// Takes the change of a broadcast table that comes before `next`; false: there is none.
  bool take_change(const TaskInput* next);
  void move_timer_clocks(const TaskInput* next);
  /// Input with the earliest head; null when there is none or the task has to wait for one.
  TaskInput* next_input();
  bool prepare_head(TaskInput& input);
  Status check_front(TaskInput& input);
  void process_front(TaskInput& input);
  void pop_front(TaskInput& input);
  /// Runs `work` so that all or nothing of it stays. The error is from user code, or an output that
  /// its topic refuses.
  template <class Work>
  std::optional<Error> run_unit(Work&& work);
  /// Runs a unit without a record. False: it failed, was undone, and the policy is applied.
  template <class Work>
  bool run_call(std::string_view what, Work&& work, const CallOrigin& origin = {});
  /// Applies the policy for a call that was undone.
  void handle_call_failure(std::string_view what, const Error& error, const CallOrigin& origin);
  /// Applies the policy for the record at the front of `input`.
  void handle_failure(TaskInput& input, const Error& error);
  /// `missing`: what of the record is not in `original`. `told`: the error for the log.
  void send_dead_letter(const FetchedRecord& original, std::string_view missing, const Error& error,
                        const std::string& told);
  /// Applies the policy for a row that `sink` cannot send at a commit.
  Status handle_unsent(const ResolvedNode& sink, const ChangelogRecord& row, const Error& error);
  void set_position(const TaskInput& input);
  OnError policy(ErrorCode code) const;

  const SubTopology& sub_topology_;
  const TaskEnvironment& environment_;
  std::unique_ptr<TaskState> state_;
  Collector collector_;
  TaskRows rows_;
  TaskScope scope_;
  std::vector<TaskInput> inputs_;
  std::optional<TaskTimers> timers_;          ///< from `start` on
  std::optional<TaskBroadcasts> broadcasts_;  ///< from `start` on
  bool is_waiting_ = false;  ///< for the next record of an input, to know which is earliest
  bool has_passed_backlog_ = false;
  std::unique_ptr<TaskProcessors> processors_;  ///< null until `start`
  Status failure_;                              ///< first that the policies do not forgive
  uint64_t dirty_units_ = 0;
  size_t frozen_bytes_ = 0;  ///< of `dirty_bytes`, once the outputs were sent
  std::vector<Bytes> keys_;  ///< scratch of `prefetch`
  TaskPositions frozen_positions_;
  int64_t frozen_event_time_ms_ = -1;
  int64_t committed_event_time_ms_ = -1;
  TaskCounts counts_;
};

}  // namespace millrace::engine
