#include "engine/commit/committer.h"

#include <utility>

#include "millrace/core/assert.h"

namespace millrace::engine {

Committer::Committer(ProducerSession& session, Scheduler& scheduler, FailPoint& fail_point,
                     Metrics& metrics, const Clock& clock, RoundTrips round_trips)
    : session_(session),
      scheduler_(scheduler),
      fail_point_(fail_point),
      metrics_(metrics),
      clock_(clock),
      round_trips_(round_trips) {
  if (round_trips_ == RoundTrips::kBeside) thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Committer::begin(std::vector<Task*> tasks, const GroupMetadata& group,
                        std::function<void()> on_done) {
  MILLRACE_ASSERT(!is_under_way(), "one commit at a time");
  PhaseTimer timer(metrics_, clock_);
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kBegin));
  MILLRACE_RETURN_IF_ERROR(session_.begin());
  MILLRACE_RETURN_IF_ERROR(send_all(tasks));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kChangelogSent));
  timer.end("changelog");

  RoundTrip trip{.offsets = {}, .group = group, .on_done = std::move(on_done)};
  for (Task* const task : tasks) {
    for (const TaskInput& input : task->inputs()) {
      trip.offsets.push_back({input.partition, input.frozen_position, task->frozen_time_ms()});
    }
  }
  tasks_ = std::move(tasks);
  if (round_trips_ == RoundTrips::kAtOnce) {
    outcome_ = make(trip);
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    outcome_.reset();
    trip_ = std::move(trip);
  }
  changed_.notify_all();
  return {};
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return trip_.has_value() || is_stopping_; });
    if (is_stopping_) return;
    const RoundTrip trip = *std::exchange(trip_, std::nullopt);
    lock.unlock();
    Status outcome = make(trip);
    lock.lock();
    outcome_ = std::move(outcome);
    lock.unlock();
    changed_.notify_all();
    if (trip.on_done) trip.on_done();
    lock.lock();
  }
}

Status Committer::make(const RoundTrip& trip) {
  PhaseTimer timer(metrics_, clock_);
  MILLRACE_RETURN_IF_ERROR(session_.send_offsets(trip.offsets, trip.group));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kOffsetsSent));
  timer.end("offsets");
  MILLRACE_RETURN_IF_ERROR(session_.commit(trip.offsets, trip.group));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kTransactionCommitted));
  timer.end("transaction");
  return {};
}

bool Committer::look() {
  if (round_trips_ == RoundTrips::kInTurns && trip_.has_value()) {
    make_in_turn();
    return false;
  }
  const std::lock_guard lock(mutex_);
  return outcome_.has_value();
}

void Committer::make_in_turn() {
  const RoundTrip trip = *std::exchange(trip_, std::nullopt);
  outcome_ = make(trip);
}

Result<std::vector<Task*>> Committer::finish() {
  MILLRACE_ASSERT(is_under_way(), "a commit is begun before it is finished");
  if (round_trips_ == RoundTrips::kInTurns && trip_.has_value()) make_in_turn();
  Status outcome;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return outcome_.has_value(); });
    outcome = *std::exchange(outcome_, std::nullopt);
  }
  const std::vector<Task*> tasks = std::exchange(tasks_, {});
  MILLRACE_RETURN_IF_ERROR(std::move(outcome));
  PhaseTimer timer(metrics_, clock_);
  MILLRACE_RETURN_IF_ERROR(apply_all(tasks));
  timer.end("store");
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kDone));
  return tasks;
}

Status Committer::send_all(std::span<Task* const> tasks) {
  return for_all(tasks, [this](Task& task) {
    MILLRACE_RETURN_IF_ERROR(task.state().status());
    MILLRACE_RETURN_IF_ERROR(task.finish_deferred());
    // Deferred work reads, too; a read that failed shows no rows.
    MILLRACE_RETURN_IF_ERROR(task.state().status());
    task.freeze();
    return task.send_frozen(session_.producer());
  });
}

Status Committer::apply_all(std::span<Task* const> tasks) {
  for (Task* const task : tasks) task->take_delivered_ends(session_.producer());
  return for_all(tasks, [this](Task& task) {
    if (fail_point_.has_fired()) return Status();
    MILLRACE_RETURN_IF_ERROR(task.apply_frozen());
    return fail_point_.reach(CommitStep::kTaskApplied);
  });
}

Status Committer::for_all(std::span<Task* const> tasks, const std::function<Status(Task&)>& work) {
  std::vector<Status> results(tasks.size());
  scheduler_.for_each(tasks.size(), [&](size_t i) { results[i] = work(*tasks[i]); });
  for (Status& result : results) MILLRACE_RETURN_IF_ERROR(std::move(result));
  return {};
}

}  // namespace millrace::engine
