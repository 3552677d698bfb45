#include "engine/task/stored_rows.h"

#include <algorithm>

#include "millrace/state/timer_queue.h"

#include "engine/task/task_broadcasts.h"

namespace millrace::engine {
namespace {

bool holds_cursors(const SubTopology& sub_topology, const ResolvedStore& store) {
  return std::any_of(
      sub_topology.nodes.begin(), sub_topology.nodes.end(),
      [&](const ResolvedNode& resolved) { return resolved.node->cursors == store.spec->name; });
}

}  // namespace

Status check_stored_row(const SubTopology& sub_topology, const ResolvedStore& store, Bytes key,
                        Bytes value) {
  if (store.spec->timers) return TimerQueue::check_row(key, value);
  MILLRACE_RETURN_IF_ERROR(store.spec->check_row(key, value));
  return holds_cursors(sub_topology, store) ? TaskBroadcasts::check_row(key, value) : Status();
}

}  // namespace millrace::engine
