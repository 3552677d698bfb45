#include "engine/queries/min_position.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPauseMin{2};
constexpr std::chrono::milliseconds kPauseMax{50};
/// Longer than records usually take.
constexpr std::chrono::seconds kPatience{1};

}  // namespace

Status MinPosition::await(TaskId task) {
  if (awaited_.contains(task)) return {};
  NextOffsets wanted;
  const std::vector<DataFlow::Input>& inputs = flow_->inputs_of(task.sub_topology);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Result<int64_t> offset = wanted_of({task, i});
    if (!offset.ok()) return offset.status();
    if (*offset > 0) wanted[{inputs[i].topic, task.partition}] = *offset;
  }
  if (!wanted.empty()) MILLRACE_RETURN_IF_ERROR(await_offsets(task, wanted));
  awaited_.emplace(task, std::move(wanted));
  return {};
}

Result<int64_t> MinPosition::wanted_of(TaskInputId id) {
  if (const auto known = wanted_.find(id); known != wanted_.end()) return known->second;
  if (!under_way_.insert(id).second) return 0;
  const DataFlow::Input& input = flow_->inputs_of(id.task.sub_topology)[id.input];
  const TopicPartition partition{input.topic, id.task.partition};
  const auto named = position_.find(partition);
  int64_t wanted = named == position_.end() ? 0 : named->second;
  bool is_led_to = false;
  for (const DataFlow::InputId& before : input.before) {
    const std::string& topic = flow_->inputs_of(before.sub_topology)[before.input].topic;
    for (int32_t p = 0; p < flow_->partitions_of(before.sub_topology); ++p) {
      const TaskId writer{before.sub_topology, p};
      const Result<int64_t> read_to = wanted_of({writer, before.input});
      if (!read_to.ok()) return read_to;
      if (*read_to == 0) continue;
      MILLRACE_RETURN_IF_ERROR(await_offsets(writer, {{{topic, p}, *read_to}}));
      is_led_to = true;
    }
  }
  if (is_led_to) {
    const Result<int64_t> end = sources_.end(partition);
    if (!end.ok()) return end;
    wanted = std::max(wanted, *end);
  }
  under_way_.erase(id);
  wanted_[id] = wanted;
  return wanted;
}

Status MinPosition::await_offsets(TaskId task, const NextOffsets& wanted) {
  const auto began = SteadyClock::now();
  bool has_checked = false;
  for (auto pause = kPauseMin;; pause = std::min(2 * pause, kPauseMax)) {
    const Result<StatePosition> state = sources_.position(task);
    const bool is_passing =
        state.ok() || state.code() == ErrorCode::kRetriable || state.code() == ErrorCode::kTimedOut;
    if (!is_passing) return state.status();
    if (state.ok() && includes(state->inputs, wanted)) return {};
    // Nobody may keep a thread waiting for a record that nobody wrote.
    if (!has_checked && SteadyClock::now() - began > kPatience) {
      has_checked = true;
      MILLRACE_RETURN_IF_ERROR(check_ends(wanted));
    }
    if (SteadyClock::now() + pause >= deadline_) {
      return state.ok() ? late(task, wanted, state->inputs) : state.status();
    }
    std::this_thread::sleep_for(pause);
  }
}

Status MinPosition::check_ends(const NextOffsets& wanted) const {
  for (const auto& [partition, offset] : wanted) {
    const auto named = position_.find(partition);
    if (named == position_.end()) continue;
    const Result<int64_t> end = sources_.end(partition);
    if (!end.ok() || *end >= named->second) continue;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("min_position: {} ends at {}, before {}", partition.to_string(), *end,
                             named->second)};
  }
  return {};
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
