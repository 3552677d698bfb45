#include "engine/task/task.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"
#include "millrace/core/invalid_record.h"

#include "engine/core/thrown.h"

namespace millrace::engine {
namespace {

/// How many records a slice processes between two looks at the clock.
constexpr int32_t kRecordsPerClockCheck = 16;

/// Of some two thousand keys: what they write is to be a small part of a commit, and their time at
/// its beginning less than a session's.
constexpr size_t kDeferredBytesMax = 256 << 10;

/// The part of a commit's bytes that the results of deferred work may have before a slice makes
/// them. Other tasks and the rest of the commit need room, too.
constexpr size_t kOwedParts = 4;

Error from_current_exception(const Node* thrower) {
  const auto error = [&](ErrorCode code, std::string_view what) {
    return Error{code, thrower == nullptr ? std::string(what)
                                          : fmt::format("node '{}': {}", thrower->name, what)};
  };
  try {
    throw;
  } catch (const InvalidRecord& thrown) {
    return error(ErrorCode::kInvalidRecord, thrown.what());
  } catch (...) {
    return error(ErrorCode::kUserCode, what_was_thrown());
  }
}

Error from_current_exception(TaskScope& scope) {
  const Thrown thrown = std::exchange(scope.thrown, {});
  return from_current_exception(thrown.exception == std::current_exception() ? thrown.by : nullptr);
}

}  // namespace

Task::Task(TaskId id, const SubTopology& sub_topology, const TaskEnvironment& environment,
           std::unique_ptr<TaskState> state)
    : sub_topology_(sub_topology),
      environment_(environment),
      state_(std::move(state)),
      collector_(*environment.outputs, *environment.clock),
      rows_(sub_topology, id.partition, *environment.outputs, *state_, collector_) {
  scope_.task = id;
  scope_.sub_topology = &sub_topology_;
  scope_.clock = environment.clock;
  scope_.state = state_.get();
  scope_.collector = &collector_;
  for (const ResolvedInput& resolved : sub_topology.inputs) {
    TaskInput& input = inputs_.emplace_back();
    input.resolved = &resolved;
    input.node = sub_topology.nodes[resolved.node].node;
    input.partition = {resolved.topic, id.partition};
  }
}

Status Task::start(std::span<const int64_t> offsets, std::span<const int64_t> backlog_ends,
                   int64_t stream_time_ms) {
  MILLRACE_ASSERT(offsets.size() == inputs_.size(), "a task starts with one offset an input");
  MILLRACE_ASSERT(backlog_ends.empty() ? !sub_topology_.has_wall_timers()
                                       : backlog_ends.size() == inputs_.size(),
                  "timers on the wall clock need to know the backlog of every input");
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].position = offsets[i];
    inputs_[i].fetched = offsets[i];
    inputs_[i].frozen_position = offsets[i];
    inputs_[i].end_offset = 0;
    inputs_[i].is_at_end = false;
    inputs_[i].backlog_end = backlog_ends.empty() ? 0 : backlog_ends[i];
  }
  has_passed_backlog_ = false;
  scope_.stream_time_ms = stream_time_ms;
  committed_event_time_ms_ = stream_time_ms;
  scope_.timers = &timers_.emplace(scope_);
  scope_.broadcasts =
      &broadcasts_.emplace(scope_, environment_.broadcasts, environment_.clock->now_ms());
  rows_.move_bounds(environment_.clock->now_ms());
  const std::optional<Error> error =
      run_unit([this] { processors_ = std::make_unique<TaskProcessors>(scope_); });
  if (!error) return {};
  processors_.reset();
  return Error{error->code, fmt::format("task {}: a processor failed to start: {}",
                                        scope_.task.to_string(), error->message)};
}

void Task::reset() {
  processors_.reset();
  scope_.timers = nullptr;
  timers_.reset();
  scope_.broadcasts = nullptr;
  broadcasts_.reset();
  scope_.punctuations = {};
  scope_.deferred.clear();
  scope_.commit_requested = false;
  scope_.stream_time_ms = -1;
  collector_.clear();
  state_->discard();
  for (TaskInput& input : inputs_) {
    input.queue.clear();
    input.has_head = false;
    input.prefetched = 0;
    input.is_at_end = false;
  }
  failure_ = {};
  dirty_units_ = 0;
  frozen_bytes_ = 0;
}

void Task::accept(TaskInput& input, RecordBatch batch, const FetchOutcome& outcome) {
  if (outcome.end_offset) {
    input.is_at_end = true;
    input.end_offset = *outcome.end_offset;
  } else if (outcome.records > 0) {
    input.is_at_end = false;
  }
  if (!batch.records().empty()) input.fetched = batch.records().back().offset + 1;
  if (outcome.end_offset) input.fetched = std::max(input.fetched, *outcome.end_offset);
  input.queue.push(std::move(batch));
}

bool Task::has_work() const {
  if (!processors_) return false;
  const int64_t elapsed_ms = Punctuations::elapsed_ms(*environment_.clock);
  if (scope_.punctuations.next_due_ms(TimeKind::kWall) <= elapsed_ms) return true;
  if (!timers_->empty() &&
      (timers_->may_be_due(TimeKind::kStream, timers_->clock_ms(TimeKind::kStream)) ||
       timers_->may_be_due(TimeKind::kWall, timers_wall_ms()))) {
    return true;
  }
  const auto change = broadcasts_->next();
  if (change && change->is_first) return true;
  bool has_records = change.has_value();
  for (const TaskInput& input : inputs_) {
    if (!input.queue.empty()) {
      has_records = true;
    } else if (!input.is_at_end) {
      return false;
    }
  }
  return has_records;
}

Status Task::process_slice(Producer* producer) {
  const Clock& clock = *environment_.clock;
  const int64_t end_ns = clock.steady_ns() + environment_.options->slice_time_ms * 1'000'000;
  rows_.move_bounds(clock.now_ms());
  prefetch();
  run_wall_punctuations();
  for (int32_t done = 1; failure_.ok() && done <= environment_.options->slice_records; ++done) {
    if (owes_much()) break;
    TaskInput* const input = next_input();
    if (!failure_.ok()) break;
    if (!take_change(input) && !fire_timer(input)) {
      if (input == nullptr) break;
      process_front(*input);
    }
    if (done % kRecordsPerClockCheck == 0) {
      if (clock.steady_ns() > end_ns) break;
      rows_.move_bounds(clock.now_ms());
    }
  }
  MILLRACE_RETURN_IF_ERROR(failure_);
  // The next slice is to have room for more than a record.
  const size_t part = owes_much() ? 2 : 1;
  while (owes_much(part) && clock.steady_ns() < end_ns) {
    run_deferred();
    MILLRACE_RETURN_IF_ERROR(failure_);
  }
  // Without transactions nobody could take back an output that a failed read made.
  MILLRACE_RETURN_IF_ERROR(state_->status());
  if (producer == nullptr) return {};
  return collector_.flush(*producer);
}

void Task::prefetch() {
  const auto slice = static_cast<size_t>(environment_.options->slice_records);
  for (TaskInput& input : inputs_) {
    if (input.resolved->prefetch.empty() || input.prefetched >= slice) continue;
    keys_.clear();
    input.queue.for_each_key(input.prefetched, slice, [&](Bytes key) {
      if (!key.is_null()) keys_.push_back(key);
    });
    input.prefetched = std::min(slice, input.queue.size());
    if (keys_.empty()) continue;
    for (const uint32_t store : input.resolved->prefetch) {
      state_->store(sub_topology_.stores[store].spec->name).prefetch(keys_);
    }
  }
}

TaskInput* Task::next_input() {
  TaskInput* earliest = nullptr;
  is_waiting_ = false;
  for (TaskInput& input : inputs_) {
    if (!prepare_head(input)) {
      is_waiting_ = !input.is_at_end;
      if (is_waiting_) return nullptr;
      continue;
    }
    if (earliest == nullptr || input.head_time_ms < earliest->head_time_ms) earliest = &input;
  }
  return earliest;
}

bool Task::prepare_head(TaskInput& input) {
  while (!input.has_head && !input.queue.empty() && failure_.ok()) {
    if (input.queue.front().offset < input.position) {
      input.queue.pop();
      continue;
    }
    const Status status = check_front(input);
    if (status.ok()) {
      input.has_head = true;
    } else {
      set_position(input);
      handle_failure(input, status.error());
      pop_front(input);
    }
  }
  return input.has_head;
}

Status Task::check_front(TaskInput& input) {
  const FetchedRecord& record = input.queue.front();
  MILLRACE_RETURN_IF_ERROR(input.node->topic.check_record(record.key, record.value));
  input.head_time_ms = record.timestamp_ms;
  if (input.node->event_time) {
    try {
      input.head_time_ms = input.node->event_time(record.key, record.value, record.timestamp_ms);
    } catch (...) {
      return from_current_exception(input.node);
    }
  }
  input.head_time_ms = std::min(input.head_time_ms, kEventTimeMaxMs);
  if (input.head_time_ms >= 0) return {};
  return Error{ErrorCode::kInvalidRecord,
               fmt::format("its event time {} ms is negative", input.head_time_ms)};
}

void Task::process_front(TaskInput& input) {
  const FetchedRecord& fetched = input.queue.front();
  set_position(input);
  scope_.stream_time_ms = std::max(scope_.stream_time_ms, input.head_time_ms);
  run_stream_punctuations();
  if (!failure_.ok()) return;
  const Record record{.key = fetched.key,
                      .value = fetched.value,
                      .old_value = {},
                      .timestamp_ms = input.head_time_ms,
                      .headers = fetched.headers};
  const std::optional<Error> error =
      run_unit([&] { processors_->push_from(input.resolved->node, record); });
  if (error) [[unlikely]] {
    handle_failure(input, *error);
    if (!failure_.ok()) return;
  }
  pop_front(input);
}

void Task::pop_front(TaskInput& input) {
  if (!failure_.ok()) return;
  input.position = input.queue.front().offset + 1;
  input.queue.pop();
  input.has_head = false;
  if (input.prefetched > 0) --input.prefetched;
  ++dirty_units_;
  ++counts_.processed;
}

template <class Work>
std::optional<Error> Task::run_unit(Work&& work) {
  state_->begin_unit();
  collector_.begin_unit();
  timers_->begin_unit();
  scope_.deferred.begin_unit();
  std::optional<Error> error;
  try {
    work();
    rows_.check_unit();
    if (!collector_.unit_status().ok()) error = collector_.unit_status().error();
  } catch (...) {
    error = from_current_exception(scope_);
  }
  if (error) {
    // A read that failed showed no row, and the code took that for the truth.
    if (Status disk = state_->status(); !disk.ok()) error = disk.error();
    collector_.undo_unit();
    state_->undo_unit();
    timers_->unit_undone();
    scope_.deferred.undo_unit();
  } else {
    state_->end_unit();
  }
  return error;
}

void Task::run_wall_punctuations() {
  const int64_t elapsed_ms = Punctuations::elapsed_ms(*environment_.clock);
  if (scope_.punctuations.next_due_ms(TimeKind::kWall) > elapsed_ms) return;
  const int64_t now_ms = environment_.clock->now_ms();
  scope_.punctuations.run_due(TimeKind::kWall, elapsed_ms,
                              [&](const auto& callback) { run_punctuation(callback, now_ms); });
}

void Task::run_stream_punctuations() {
  const int64_t now_ms = scope_.stream_time_ms;
  if (scope_.punctuations.next_due_ms(TimeKind::kStream) > now_ms) return;
  scope_.punctuations.run_due(TimeKind::kStream, now_ms,
                              [&](const auto& callback) { run_punctuation(callback, now_ms); });
}

void Task::run_punctuation(const Punctuations::Callback& callback, int64_t now_ms) {
  if (!failure_.ok()) return;
  const uint64_t units_before = dirty_units_;
  const size_t bytes_before = dirty_bytes();
  const bool stays = run_call("a punctuation", [&] { callback(now_ms); });
  // A punctuation that changed nothing is no reason for a commit.
  if (stays && dirty_bytes() == bytes_before) dirty_units_ = units_before;
}

template <class Work>
bool Task::run_call(std::string_view what, Work&& work, const CallOrigin& origin) {
  // It may put rows of the present.
  rows_.move_bounds(environment_.clock->now_ms());
  const RecordPosition position = std::exchange(scope_.position, origin.position);
  const std::optional<Error> error = run_unit(work);
  ++dirty_units_;
  if (error) handle_call_failure(what, *error, origin);
  scope_.position = position;
  return !error;
}

bool Task::owes_much(size_t part) const {
  return scope_.deferred.bytes() > kDeferredBytesMax / part ||
         owed_bytes() > environment_.options->commit_bytes_max / kOwedParts / part;
}

void Task::run_deferred() {
  const auto call = scope_.deferred.take_first();
  const size_t before = made_bytes();
  run_call("deferred work", [&] { processors_->run_deferred(*call); },
           {call->asked_by, Bytes(call->key), call->timestamp_ms});
  const size_t now = made_bytes();
  scope_.deferred.measure(call->node, now - std::min(before, now));
}

Status Task::finish_deferred() {
  while (failure_.ok() && !scope_.deferred.empty()) run_deferred();
  return failure_;
}

bool Task::is_past_backlog() const {
  return has_passed_backlog_ || std::all_of(inputs_.begin(), inputs_.end(),
                                            [](const auto& i) { return i.is_past_backlog(); });
}

int64_t Task::timers_wall_ms() const {
  return is_past_backlog() ? environment_.clock->now_ms() : timers_->clock_ms(TimeKind::kWall);
}

void Task::move_timer_clocks(const TaskInput* next) {
  if (next != nullptr) timers_->set_clock(TimeKind::kStream, next->head_time_ms);
  if (!sub_topology_.has_wall_timers()) return;
  has_passed_backlog_ = is_past_backlog();
  int64_t now_ms = timers_wall_ms();
  if (!has_passed_backlog_ && next != nullptr) {
    now_ms = std::max(now_ms, std::min(environment_.clock->now_ms(), next->head_time_ms));
  }
  timers_->set_clock(TimeKind::kWall, now_ms);
}

bool Task::fire_timer(const TaskInput* next) {
  if (timers_->empty()) return false;
  move_timer_clocks(next);
  if (!timers_->find_due()) return false;
  const uint32_t node = timers_->due_node();
  const bool stays = run_call("a timer", [&] { processors_->fire(node, timers_->take_due()); });
  // A forgiven failure must not come back.
  if (!stays && failure_.ok()) run_call("a timer", [&] { timers_->take_due(); });
  return true;
}

bool Task::take_change(const TaskInput* next) {
  if (broadcasts_->empty()) return false;
  const auto change = broadcasts_->next();
  if (!change) return false;
  const bool is_later =
      is_waiting_ || (next != nullptr && next->head_time_ms < change->timestamp_ms);
  if (is_later && !change->is_first) return false;
  broadcasts_->pass(*change);
  const bool stays = run_call("a change of a broadcast table", [&] {
    broadcasts_->keep(*change);
    broadcasts_->call(*change, *processors_);
  });
  // A forgiven failure must not come back.
  if (!stays && failure_.ok()) {
    run_call("a cursor of a broadcast table", [&] { broadcasts_->keep(*change); });
  }
  return true;
}

void Task::lower_floors(const BroadcastTopic& topic, std::span<int64_t> floors) const {
  if (broadcasts_) broadcasts_->lower_floors(topic, floors);
}

void Task::set_position(const TaskInput& input) {
  scope_.position = {input.resolved->topic, input.partition.partition, input.queue.front().offset};
}

}  // namespace millrace::engine
