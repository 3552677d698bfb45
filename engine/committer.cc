#include "engine/committer.h"

#include "engine/metrics_feed.h"

namespace millrace::engine {

Committer::Committer(ProducerSession& session, Scheduler& scheduler, FailPoint& fail_point,
                     Metrics& metrics, const Clock& clock)
    : session_(session),
      scheduler_(scheduler),
      fail_point_(fail_point),
      metrics_(metrics),
      clock_(clock) {}

Status Committer::commit(std::span<Task* const> tasks, const GroupMetadata& group) {
  PhaseTimer timer(metrics_, clock_);
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kBegin));
  MILLRACE_RETURN_IF_ERROR(session_.begin());
  MILLRACE_RETURN_IF_ERROR(send_all(tasks));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kChangelogSent));
  timer.end("changelog");

  std::vector<PartitionOffset> offsets;
  for (Task* const task : tasks) {
    for (const TaskInput& input : task->inputs()) {
      offsets.push_back({input.partition, input.frozen_position});
    }
  }
  MILLRACE_RETURN_IF_ERROR(session_.send_offsets(offsets, group));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kOffsetsSent));
  timer.end("offsets");

  MILLRACE_RETURN_IF_ERROR(session_.commit(offsets, group));
  MILLRACE_RETURN_IF_ERROR(fail_point_.reach(CommitStep::kTransactionCommitted));
  timer.end("transaction");

  MILLRACE_RETURN_IF_ERROR(apply_all(tasks));
  timer.end("store");
  return fail_point_.reach(CommitStep::kDone);
}

Status Committer::send_all(std::span<Task* const> tasks) {
  return for_all(tasks, [this](Task& task) {
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
