#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"
#include "engine/output/collector.h"
#include "engine/output/output_topics.h"

namespace millrace::engine {

/// The rows of a task that its commits send: those of stores to changelogs and table sinks, and
/// those of outboxes to table sinks without a store.
class TaskRows {
 public:
  /// Adds the outboxes to `state`, and bounds every row by the limits of its topics, so that a row
  /// that a topic would refuse fails its unit and not the commit. All must outlive this; `outputs`
  /// are described.
  TaskRows(const SubTopology& sub_topology, int32_t partition, const OutputTopics& outputs,
           TaskState& state, Collector& collector);

  /// Bounds the times of rows from now on by the topics that take times near `now_ms` only.
  void move_bounds(int64_t now_ms);
  /// Before a unit ends: notes a row that was refused as the unit's status: `kRefused` when a table
  /// sink's topic would refuse it, `kUserCode` when only the changelog would.
  void check_unit();
  /// Decides about a row of `sink` that cannot be sent, see `Collector::place_row`: an OK status
  /// leaves it out.
  using UnsentHandler = std::function<Status(const ResolvedNode& sink, const ChangelogRecord& row,
                                             const Error& error)>;
  Status send_frozen(Producer& producer, const UnsentHandler& unsent);

 private:
  struct Sent {
    std::string_view store;  ///< or outbox
    std::vector<const ResolvedNode*> sinks;
    int32_t changelog = -1;
    int32_t narrowest = -1;     ///< of these the topic with the smallest limit on records
    bool bounds_times = false;  ///< a sink's topic does; changelogs take any time
  };

  void add(Sent sent);
  RowLimits limits_of(const Sent& sent) const;
  Status send_row(const Sent& sent, const ChangelogRecord& row, Producer& producer,
                  const UnsentHandler& unsent);

  const int32_t partition_;
  const OutputTopics& outputs_;
  TaskState& state_;
  Collector& collector_;
  std::vector<Sent> sent_;
  int64_t now_ms_ = 0;  ///< of the bounds on times
};

}  // namespace millrace::engine
