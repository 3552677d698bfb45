#include "engine/restore/local_state.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

constexpr size_t kRestoreRunBytesMin = 8 << 20;

}  // namespace

int64_t held_of(const SubTopology& sub_topology, const TaskPositions& positions) {
  int64_t sum = -1;
  for (const ResolvedStore& store : sub_topology.stores) {
    const auto end = positions.changelog_end.find(store.spec->name);
    if (store.output >= 0 && end != positions.changelog_end.end()) {
      sum = std::max<int64_t>(sum, 0) + end->second;
    }
  }
  return sum;
}

LocalState::LocalState(const EngineOptions& options, const Clock& clock,
                       const StateDirectory& directory, std::string incarnation, Opener opener)
    : options_(options),
      clock_(clock),
      directory_(directory),
      incarnation_(std::move(incarnation)),
      opener_(opener ? std::move(opener) : Opener(TaskState::open)) {
  if (!directory_.is_in_memory()) {
    memory_ = make_shared_state_memory(options_.block_cache_bytes, options_.write_buffer_bytes);
  }
}

Status LocalState::find_closed(std::span<const SubTopology> sub_topologies) {
  for (const TaskId task : directory_.tasks()) {
    const auto known = std::find_if(
        sub_topologies.begin(), sub_topologies.end(), [&](const SubTopology& candidate) {
          return candidate.index == task.sub_topology && task.partition < candidate.partitions;
        });
    if (known == sub_topologies.end()) continue;
    Result<std::unique_ptr<TaskState>> state = open(task, *known, {});
    if (!state.ok()) return state.status();
    const TaskPositions positions = (*state)->positions();
    MILLRACE_RETURN_IF_ERROR((*state)->close());
    if (!positions.changelog_end.empty() || !positions.inputs.empty()) {
      closed_[task] = {held_of(*known, positions), clock_.steady_ns()};
      continue;
    }
    state->reset();
    MILLRACE_RETURN_IF_ERROR(directory_.remove_task(task));
  }
  return {};
}

Result<std::unique_ptr<TaskState>> LocalState::open(TaskId task, const SubTopology& sub_topology,
                                                    OpenMode mode) {
  std::vector<StoreSpec> specs;
  specs.reserve(sub_topology.stores.size());
  for (const ResolvedStore& store : sub_topology.stores) specs.push_back(*store.spec);
  TaskStateOptions options;
  options.directory = directory_.task_directory(task);
  options.memory = memory_;
  options.incarnation = incarnation_;
  options.starts_empty = mode.starts_empty;
  options.cache_bytes = cache_share(mode.tasks);
  options.restore_run_bytes = std::max(options.cache_bytes, kRestoreRunBytesMin);
  options.now_ms = clock_.now_ms();
  options.max_age_ms = options_.state_max_age_ms;
  Result<std::unique_ptr<TaskState>> state = opener_(options, specs);
  if (state.ok()) closed_.erase(task);
  return state;
}

size_t LocalState::cache_share(size_t tasks) const {
  return options_.cache_bytes / std::max<size_t>(tasks, 1);
}

void LocalState::close(TaskId task, const SubTopology& sub_topology, TaskState& state) {
  if (!directory_.is_in_memory()) {
    closed_[task] = {held_of(sub_topology, state.positions()), clock_.steady_ns()};
  }
  if (const Status closed = state.close(); !closed.ok()) {
    spdlog::error("store not closed cleanly task={} {}", task.to_string(), closed.message());
  }
}

std::map<TaskId, int64_t> LocalState::held() const {
  std::map<TaskId, int64_t> held;
  for (const auto& [task, closed] : closed_) held[task] = closed.held;
  return held;
}

void LocalState::remove_old(const std::set<TaskId>& ours, const SnapshotKeeper* snapshots) {
  for (auto& [task, closed] : closed_) {
    if (ours.contains(task)) closed.since_ns = clock_.steady_ns();
  }
  const int64_t oldest_ns = clock_.steady_ns() - options_.state_cleanup_delay_ms * kNsPerMs;
  std::erase_if(closed_, [&](const auto& entry) {
    const auto& [task, closed] = entry;
    const bool is_in_use = snapshots != nullptr && snapshots->is_taking(task);
    if (is_in_use || closed.since_ns >= oldest_ns) return false;
    if (const Status removed = directory_.remove_task(task); removed.ok()) {
      spdlog::info("state removed, its task is elsewhere task={}", task.to_string());
    } else {
      spdlog::warn("{}", removed.message());
    }
    return true;
  });
}

}  // namespace millrace::engine
