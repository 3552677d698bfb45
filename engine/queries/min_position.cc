#include "engine/queries/min_position.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPauseMin{2};
constexpr std::chrono::milliseconds kPauseMax{50};

}  // namespace

Status MinPosition::await(TaskId task) {
  if (awaited_.contains(task)) return {};
  if (!under_way_.insert(task).second) return {};
  Result<NextOffsets> wanted = wanted_of(task);
  Status status = wanted.status();
  if (status.ok() && !wanted->empty()) status = await_offsets(task, *wanted);
  under_way_.erase(task);
  if (status.ok()) awaited_.emplace(task, *std::move(wanted));
  return status;
}

Result<NextOffsets> MinPosition::wanted_of(TaskId task) {
  NextOffsets wanted;
  for (const DataFlow::Input& input : flow_->inputs_of(task.sub_topology)) {
    const TopicPartition partition{input.topic, task.partition};
    const auto named = position_.find(partition);
    if (named != position_.end()) wanted[partition] = named->second;
    bool is_led_to = false;
    for (const int32_t writer : input.writers) {
      for (int32_t p = 0; p < flow_->partitions_of(writer); ++p) {
        const TaskId before{writer, p};
        MILLRACE_RETURN_IF_ERROR(await(before));
        const auto awaited = awaited_.find(before);
        is_led_to |= awaited != awaited_.end() && !awaited->second.empty();
      }
    }
    if (!is_led_to) continue;
    const Result<int64_t> end = sources_.end(partition);
    if (!end.ok()) return end.status();
    include(wanted, {{partition, *end}});
  }
  return wanted;
}

Status MinPosition::await_offsets(TaskId task, const NextOffsets& wanted) {
  for (auto pause = kPauseMin;; pause = std::min(2 * pause, kPauseMax)) {
    const Result<StatePosition> state = sources_.position(task);
    const bool is_passing =
        state.ok() || state.code() == ErrorCode::kRetriable || state.code() == ErrorCode::kTimedOut;
    if (!is_passing) return state.status();
    if (state.ok() && includes(state->inputs, wanted)) return {};
    if (Clock::now() + pause >= deadline_) {
      return state.ok() ? late(task, wanted, state->inputs) : state.status();
    }
    std::this_thread::sleep_for(pause);
  }
}

Status MinPosition::late(TaskId task, const NextOffsets& wanted, const NextOffsets& has) const {
  for (const auto& [partition, offset] : wanted) {
    const auto found = has.find(partition);
    const int64_t reached = found == has.end() ? 0 : found->second;
    if (reached >= offset) continue;
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} has read {} to {} and not to {} yet", task.to_string(),
                             partition.to_string(), reached, offset)};
  }
  return {};
}

bool MinPosition::is_included(const StatePosition& state) const {
  const auto awaited = awaited_.find(state.task);
  return awaited == awaited_.end() || includes(state.inputs, awaited->second);
}

}  // namespace millrace::engine
