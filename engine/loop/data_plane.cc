#include "engine/loop/data_plane.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

constexpr std::chrono::milliseconds kHousekeepingInterval{5'000};

std::vector<std::pair<std::string, int32_t>> partitions_of(const BroadcastReader* broadcasts) {
  if (broadcasts == nullptr) return {};
  return broadcasts->partitions();
}

RoundTrips round_trips_of(const Instance& instance) {
  if (!instance.options.commit_pipelined) return RoundTrips::kAtOnce;
  return instance.hooks.is_repeatable ? RoundTrips::kInTurns : RoundTrips::kBeside;
}

}  // namespace

DataPlane::DataPlane(Instance& instance, Application& application, ProducerSession& session,
                     FailPoint& fail_point, std::unique_ptr<Fetcher> input)
    : instance_(instance),
      broadcasts_(application.broadcasts()),
      table_watch_(instance, application.admin(), partitions_of(application.broadcasts())),
      session_(session),
      pump_(std::move(input), instance.clients, application.admin(), instance.options,
            instance.metrics),
      feed_(instance.metrics, application.outputs(), instance.clock),
      pacer_(instance.options),
      housekeeper_(instance.clients, instance.metrics, instance.clock, kHousekeepingInterval,
                   instance.options.bootstrap_servers),
      committer_(session, instance.scheduler, fail_point, instance.metrics, instance.clock,
                 round_trips_of(instance)) {}

Status DataPlane::add(Task& task) {
  MILLRACE_RETURN_IF_ERROR(pump_.add(task));
  const auto place =
      std::lower_bound(tasks_.begin(), tasks_.end(), &task,
                       [](const Task* a, const Task* b) { return a->id() < b->id(); });
  tasks_.insert(place, &task);
  inputs_at_end_ = false;
  return {};
}

void DataPlane::remove(Task& task) {
  pump_.remove(task);
  std::erase(tasks_, &task);
  std::erase(committed_, &task);
}

void DataPlane::set_generation(GroupMetadata group) {
  MILLRACE_ASSERT(!has_uncommitted(), "a generation ends with a commit");
  group_ = std::move(group);
}

Status DataPlane::poll() {
  const Result<InputPump::Outcome> inputs = pump_.poll();
  if (!inputs.ok()) return inputs.status();
  did_something_ |= inputs->records > 0;
  inputs_at_end_ = inputs->is_at_end;
  queued_bytes_ = inputs->queued_bytes;
  if (broadcasts_ == nullptr) return {};
  MILLRACE_RETURN_IF_ERROR(table_watch_.check());
  const Result<BroadcastReader::Outcome> tables = broadcasts_->poll();
  if (!tables.ok()) return tables.status();
  did_something_ |= tables->records > 0;
  inputs_at_end_ &= tables->is_at_end;
  // Without tasks there are no commits, which otherwise make copies forget.
  may_forget_ |= tables->records > 0 && tasks_.empty();
  return {};
}

void DataPlane::prune_broadcasts() {
  if (broadcasts_ == nullptr || !std::exchange(may_forget_, false)) return;
  broadcasts_->prune([&](const BroadcastTopic& topic, std::span<int64_t> floors) {
    for (const Task* const task : tasks_) task->lower_floors(topic, floors);
  });
}

Status DataPlane::process() {
  std::vector<Task*> runnable = tasks_;
  std::erase_if(runnable, [](const Task* task) { return !task->has_work(); });
  if (runnable.empty()) return {};
  if (committer_.is_under_way() &&
      unfrozen_bytes() + owed_bytes() >= instance_.options.commit_bytes_max) {
    MILLRACE_RETURN_IF_ERROR(finish_commit());
  }
  // While a transaction is on its way, tasks hold the outputs that come after it.
  Producer* producer = nullptr;
  if (!committer_.is_under_way()) {
    MILLRACE_RETURN_IF_ERROR(session_.begin());
    producer = &session_.producer();
  }
  std::vector<Status> results(runnable.size());
  instance_.scheduler.for_each(
      runnable.size(), [&](size_t i) { results[i] = runnable[i]->process_slice(producer); });
  for (Task* const task : runnable) {
    feed_.add_slice(*task);
    // A punctuation that changed nothing leaves neither.
    did_something_ |= task->is_dirty() || task->has_work();
  }
  for (Status& result : results) MILLRACE_RETURN_IF_ERROR(std::move(result));
  return {};
}

Status DataPlane::commit_if_due() {
  if (committer_.is_under_way()) {
    if (!committer_.look()) {
      did_something_ |= instance_.hooks.is_repeatable;
      return {};
    }
    MILLRACE_RETURN_IF_ERROR(finish_commit());
  }
  const int64_t now_ns = instance_.clock.steady_ns();
  if (!has_uncommitted()) {
    pacer_.idle(now_ns);
    return {};
  }
  const bool is_wanted = std::any_of(tasks_.begin(), tasks_.end(),
                                     [](const Task* task) { return task->wants_commit(); });
  if (!is_wanted && !pacer_.is_due(now_ns, dirty_bytes() + owed_bytes(), !is_at_end())) return {};
  return begin_commit();
}

Status DataPlane::begin_commit() {
  std::vector<Task*> dirty = dirty_tasks();
  if (dirty.empty()) return {};
  did_something_ = true;
  MILLRACE_RETURN_IF_ERROR(
      committer_.begin(std::move(dirty), group_, [this] { pump_.fetcher().wake(); }));
  return instance_.options.commit_pipelined ? Status() : finish_commit();
}

Status DataPlane::finish_commit() {
  if (!committer_.is_under_way()) return {};
  did_something_ = true;
  const Result<std::vector<Task*>> committed = committer_.finish();
  if (!committed.ok()) return committed.status();
  for (Task* const task : tasks_) task->expect_delivered(session_.producer());
  std::vector<PartitionOffset> done;
  for (Task* const task : *committed) {
    for (const TaskInput& input : task->inputs()) {
      if (input.node->kind != NodeKind::kExchange) continue;
      done.push_back({input.partition, input.frozen_position});
    }
  }
  housekeeper_.purge_before(done);
  may_forget_ = true;
  feed_.add_commit(*committed);
  pacer_.committed(instance_.clock.steady_ns(), !inputs_at_end_);
  committed_.insert(committed_.end(), committed->begin(), committed->end());
  return {};
}

Status DataPlane::commit_now() {
  MILLRACE_RETURN_IF_ERROR(finish_commit());
  MILLRACE_RETURN_IF_ERROR(begin_commit());
  return finish_commit();
}

void DataPlane::report(size_t cached_bytes) {
  std::vector<MetricsFeed::TaskTimes> times;
  std::vector<InputPosition> positions;
  for (Task* const task : tasks_) {
    times.push_back({task->id(), task->committed_event_time_ms(), is_caught_up(*task)});
    for (const TaskInput& input : task->inputs()) {
      positions.push_back(
          {input.partition, input.committable(), input.queue.empty() && input.is_at_end});
    }
  }
  feed_.set_memory(
      {.dirty_bytes = dirty_bytes(), .queued_bytes = queued_bytes_, .cached_bytes = cached_bytes},
      tasks_.size());
  feed_.set_freshness(times);
  housekeeper_.set_positions(std::move(positions));
}

std::vector<Task*> DataPlane::dirty_tasks() const {
  std::vector<Task*> dirty = tasks_;
  std::erase_if(dirty, [](const Task* task) { return !task->is_dirty(); });
  return dirty;
}

size_t DataPlane::dirty_bytes() const {
  size_t bytes = 0;
  for (const Task* const task : tasks_) bytes += task->dirty_bytes();
  return bytes;
}

size_t DataPlane::unfrozen_bytes() const {
  size_t bytes = 0;
  for (const Task* const task : tasks_) bytes += task->unfrozen_bytes();
  return bytes;
}

size_t DataPlane::owed_bytes() const {
  size_t bytes = 0;
  for (const Task* const task : tasks_) bytes += task->owed_bytes();
  return bytes;
}

bool DataPlane::has_uncommitted() const {
  return committer_.is_under_way() ||
         std::any_of(tasks_.begin(), tasks_.end(),
                     [](const Task* task) { return task->is_dirty(); });
}

bool DataPlane::is_caught_up(Task& task) const {
  if (committer_.is_under_way() || task.is_dirty() || task.has_work()) return false;
  return std::all_of(task.inputs().begin(), task.inputs().end(),
                     [](const TaskInput& input) { return input.is_at_end && input.queue.empty(); });
}

bool DataPlane::is_at_end() const {
  return inputs_at_end_ && std::none_of(tasks_.begin(), tasks_.end(),
                                        [](const Task* task) { return task->has_work(); });
}

int64_t DataPlane::until_commit_ms(int64_t wait_ms) const {
  if (!has_uncommitted() || committer_.is_under_way()) return wait_ms;
  const int64_t left_ns = pacer_.due_ns(!is_at_end()) - instance_.clock.steady_ns();
  return std::min(wait_ms, left_ns / kNsPerMs + 1);
}

}  // namespace millrace::engine
