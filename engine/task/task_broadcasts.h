#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "millrace/core/broadcast.h"
#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

#include "engine/broadcast/broadcast_reader.h"
#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"

namespace millrace::engine {

class TaskProcessors;
struct TaskScope;

/// Where the cursors of a task stand beside the copies of this instance.
enum class CursorPlace : unsigned char {
  kRead,        ///< the instance has read as far, and to the end since
  kAhead,       ///< another instance had read more: a task that starts now would meet all anew, or
                ///< see versions from before those that it has met
  kBeyondEnds,  ///< beyond the ends of the topics, or in partitions that the instance does not
                ///< read: what it knows of the topics is older, or they are new
};

/// The place of the cursor that is furthest out. `table_ends`: where the topics end, as Kafka says.
CursorPlace place_of_cursors(const SubTopology& sub_topology, TaskState& state,
                             const BroadcastReader& reader,
                             std::span<const PartitionOffset> table_ends);

/// Where the nodes of a task stand in the broadcast tables that they read. A cursor, one per node
/// and table, is rows of the node's store, so a commit holds a change together with its effects.
class TaskBroadcasts {
 public:
  /// Reads the cursors. `scope` and `reader` must outlive this; `reader` is loaded; null only when
  /// no node reads a table.
  TaskBroadcasts(TaskScope& scope, const BroadcastReader* reader, int64_t now_ms);
  ~TaskBroadcasts();
  TaskBroadcasts(const TaskBroadcasts&) = delete;
  TaskBroadcasts& operator=(const TaskBroadcasts&) = delete;

  /// Checks that this row of a changelog can be a cursor's. Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);

  bool empty() const { return cursors_.empty(); }
  /// REQUIRES: `node` reads `table`.
  const BroadcastRows& rows(const Node* node, std::string_view table) const;

  /// The next change or reset for a node.
  struct Next {
    size_t cursor = 0;
    bool is_reset = false;  ///< all may have changed
    int32_t partition = 0;
    int64_t offset = 0;
    int64_t timestamp_ms = 0;
    bool is_first = false;  ///< before any record: it happened while the task did not run
  };
  /// The earliest one; nullopt: every cursor is at the end.
  std::optional<Next> next() const;
  /// Moves the cursor past it; the undo of a unit does not take that back.
  void pass(const Next& next);
  /// Keeps the cursor, as part of the open unit.
  void keep(const Next& next);
  /// Calls the node. May throw what user code throws.
  void call(const Next& next, TaskProcessors& processors) const;

  /// Call before the state's freeze, in a unit: writes cursors again that grow old, and notes all.
  void freeze();
  /// The commit of the frozen cursors is done.
  void apply_frozen();
  /// Lowers `floors` (one per partition) to the committed cursors of the topic.
  void lower_floors(const BroadcastTopic& topic, std::span<int64_t> floors) const;

 private:
  struct Cursor;
  static void pass_nothing(Cursor& cursor, int32_t partition);
  static void write(Cursor& cursor, int32_t partition, int64_t timestamp_ms);

  TaskScope& scope_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
};

}  // namespace millrace::engine
