#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/core/store.h"

namespace millrace {

/// The state that an answer comes from: at least this one, possibly one commit newer.
struct StatePosition {
  TaskId task;
  std::string instance{};                        ///< that has the state
  std::map<TopicPartition, int64_t> inputs;      ///< next offset to read
  std::map<TopicPartition, int64_t> changelogs;  ///< offset after the last applied row
  int64_t committed_at_ms = 0;                   ///< wall clock; 0: nothing committed yet
  int64_t event_time_ms = -1;                    ///< of the newest processed input; −1: none
  /// 0 when the inputs were read to their end, else now − `event_time_ms`; −1: unknown.
  int64_t freshness_ms = -1;
  bool is_standby = false;  ///< from a copy that follows the instance that runs the task
  /// For a standby: changelog records it is behind, 0 when it was at the end, else a lower bound.
  /// −1: unknown, as another instance may run the task already, or as it has been uncertain for
  /// 30 s that the copy has all that the changelogs hold.
  int64_t lag_records = 0;
  /// The same in time: 0 when it was at the end, else since the latest commit that it has, or since
  /// it last certainly had all if that is unknown.
  int64_t lag_ms = 0;
};

struct StoreAnswer {
  std::optional<StoreReader::OwnedRow> row;  ///< nullopt: there is no such row
  StatePosition position;
};

enum class TaskStage : unsigned char {
  kRestoring,
  kRunning,
  kSuspended,  ///< revoked by a rebalance that is under way
  kStandby,    ///< follows the instance that runs the task
};
std::string_view to_string(TaskStage stage);

struct TaskInfo {
  TaskStage stage = TaskStage::kRestoring;
  StatePosition position;
  int64_t lag_records = -1;  ///< fetched and not processed, or a standby's; −1: unknown
  /// The task has read its inputs to their end and committed all results. Records that another
  /// instance has just sent may still be on their way.
  bool is_caught_up = false;
  int64_t restore_records = 0;  ///< since the start of the restore
  int64_t restore_bytes = 0;
  int64_t restore_remaining_records = 0;  ///< offsets left, an upper bound
};

/// Committed state of the tasks that run on this instance. Thread-safe; never blocks a task.
///
/// Errors of every read: `kInvalidArgument` for a store that the topology does not have,
/// `kRetriable` when the owning task is not on this instance or is being restored (the message
/// says which), `kStoreIo`.
class Queries {
 public:
  virtual ~Queries() = default;

  /// Row of `key` in the task that owns it. For a composite key that is partitioned by a part of
  /// it, pass that part as `partition_key`; null: the whole key.
  virtual Result<StoreAnswer> get(std::string_view store, Bytes key,
                                  Bytes partition_key = {}) const = 0;

  /// Visits the rows of `range` until `visit` returns false: task by task, each on one snapshot and
  /// at most `rows_max` of it. Returns the positions of all tasks seen.
  using RowVisitor = std::function<bool(TaskId task, Bytes key, Row row)>;
  virtual Result<std::vector<StatePosition>> scan(std::string_view store, const RowRange& range,
                                                  const RowVisitor& visit) const = 0;
  /// The same for one partition; errors when its task is not here.
  virtual Result<StatePosition> scan_partition(std::string_view store, int32_t partition,
                                               const RowRange& range,
                                               const RowVisitor& visit) const = 0;

  /// Into how many tasks the store is divided, over all instances.
  virtual Result<int32_t> partitions_of(std::string_view store) const = 0;

  /// Every task this instance holds, by id.
  virtual std::vector<TaskInfo> tasks() const = 0;

  /// The same, for callers who prefer an older answer to none: standbys on this instance answer
  /// too, once they have been at the end of their changelogs. Lives as long as this.
  virtual const Queries& with_standbys() const = 0;
};

/// Smallest key that is larger than every key with this prefix, for `scan`; null: there is none.
std::optional<std::string> prefix_end(Bytes prefix);

}  // namespace millrace
