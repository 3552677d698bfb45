#include "engine/restore/restorer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"
#include "millrace/core/record.h"

#include "engine/base/backoff.h"
#include "engine/task/stored_rows.h"

namespace millrace::engine {
namespace {

/// Records of one changelog partition in a slice.
constexpr size_t kSliceRecords = 4'096;
constexpr int64_t kLogIntervalNs = 5'000'000'000;
constexpr int64_t kFromTheStart = -1;
constexpr int64_t kLookIntervalNs = 1'000'000'000;

Status check_record(const Task& task, const ResolvedStore& store, const TopicPartition& partition,
                    const FetchedRecord& record) {
  const Status status = check_stored_row(task.sub_topology(), store, record.key, record.value);
  if (status.ok()) return {};
  return Error{
      ErrorCode::kConfig,
      fmt::format("changelog {}@{} holds no row of store '{}': {}. Somebody else wrote to "
                  "it, or the store's type was changed: give the store another name, or "
                  "delete its changelog",
                  partition.to_string(), record.offset, store.spec->name, status.message())};
}

}  // namespace

Restorer::Restorer(std::unique_ptr<Fetcher> fetcher, StandbyEnds& ends, Scheduler& scheduler,
                   const Clock& clock, int64_t max_age_ms)
    : fetcher_(std::move(fetcher)),
      ends_(ends),
      scheduler_(scheduler),
      clock_(clock),
      max_age_ms_(max_age_ms) {}

int64_t Restorer::TaskRestore::remaining() const {
  int64_t sum = 0;
  for (const StoreRestore& store : stores) {
    if (store.is_done) continue;
    const int64_t known = std::max<int64_t>(store.target - store.position, 0);
    // A standby's target is where the changelog ended when it began: later it is at the end, or
    // behind by at least one record.
    const int64_t following = store.is_at_end ? 0 : std::max<int64_t>(known, 1);
    sum += goal == RestoreGoal::kRun ? known : following;
  }
  return sum;
}

Restorer::TaskRestore* Restorer::find(TaskId task) const {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const auto& restore) { return restore->task->id() == task; });
  return found == tasks_.end() ? nullptr : found->get();
}

bool Restorer::contains(TaskId task) const {
  return find(task) != nullptr;
}

std::vector<PartitionOffset> Restorer::changelogs_of(Task& task) const {
  std::vector<PartitionOffset> changelogs;
  if (const TaskRestore* const restore = find(task.id()); restore != nullptr) {
    for (const StoreRestore& store : restore->stores) {
      changelogs.push_back({store.partition, store.position});
    }
    return changelogs;
  }
  const auto& known = task.state().positions().changelog_end;
  for (const ResolvedStore& store : task.sub_topology().stores) {
    if (store.output < 0) continue;
    const auto stored = known.find(store.spec->name);
    changelogs.push_back({{store.changelog_topic, task.id().partition},
                          stored == known.end() ? kFromTheStart : stored->second});
  }
  return changelogs;
}

Status Restorer::begin(Task& task, RestoreGoal goal, std::span<const ChangelogExtent> extents) {
  MILLRACE_ASSERT(!contains(task.id()), "a restore is begun once");
  const std::vector<PartitionOffset> changelogs = changelogs_of(task);
  auto restore = std::make_unique<TaskRestore>();
  restore->task = &task;
  restore->goal = goal;
  restore->started_ns = restore->logged_ns = restore->looked_ns = clock_.steady_ns();
  for (const ResolvedStore& resolved : task.sub_topology().stores) {
    if (resolved.output < 0) continue;
    const PartitionOffset& changelog = changelogs[restore->stores.size()];
    StoreRestore& store = restore->stores.emplace_back();
    store.store = &resolved;
    store.partition = changelog.partition;
    store.position = changelog.offset;
  }
  MILLRACE_RETURN_IF_ERROR(locate(*restore, extents));
  std::vector<PartitionOffset> starts;
  for (StoreRestore& store : restore->stores) {
    store.is_done = goal == RestoreGoal::kRun && store.position >= store.target;
    if (!store.is_done) starts.push_back({store.partition, store.position});
  }
  if (!starts.empty()) {
    MILLRACE_RETURN_IF_ERROR(fetcher_->add(starts));
    log_progress(*restore, goal == RestoreGoal::kRun ? "restore begun" : "standby begun");
  }
  tasks_.push_back(std::move(restore));
  return {};
}

Status Restorer::promote(TaskId task, std::span<const ChangelogExtent> extents) {
  TaskRestore* const restore = find(task);
  MILLRACE_ASSERT(restore != nullptr && restore->goal == RestoreGoal::kFollow,
                  "only a standby can be promoted");
  MILLRACE_RETURN_IF_ERROR(locate(*restore, extents));
  forget_ends(*restore);
  restore->goal = RestoreGoal::kRun;
  restore->end_known_ns.reset();
  restore->is_complete = false;
  restore->records = restore->bytes = 0;
  restore->started_ns = clock_.steady_ns();
  return {};
}

/// A changelog is compacted, never cut: records before its beginning or beyond its end are lost,
/// and neither the store nor a replay of the rest would fit the group's offsets. The position at
/// the time of the question to Kafka counts: a standby may have read more since.
Status Restorer::check_position(TaskId task, const StoreRestore& store,
                                const ChangelogExtent& extent) {
  const Admin::Watermarks& marks = extent.marks;
  const bool is_empty = extent.position == kFromTheStart;
  const int64_t first = is_empty ? 0 : extent.position;
  if (first >= marks.low && first <= marks.high) return {};
  const std::string local = is_empty ? std::string("there is no local state")
                                     : fmt::format("local state is at {}", first);
  return Error{
      ErrorCode::kConfig,
      fmt::format(
          "changelog {} of store '{}' holds offsets {} to {}, but {}: records of task {} are "
          "lost, by kafka-delete-records, a replaced topic or a broker's data loss, and "
          "continuing would give wrong results. Bring back the topic or a state directory "
          "that is within it, or reset the application: stop all instances, delete its "
          "internal topics, its group's offsets and the state directories",
          store.partition.to_string(), store.store->spec->name, marks.low, marks.high, local,
          task.to_string())};
}

Status Restorer::locate(TaskRestore& restore, std::span<const ChangelogExtent> extents) {
  MILLRACE_ASSERT(extents.size() == restore.stores.size(), "an extent for every changelog");
  for (size_t i = 0; i < extents.size(); ++i) {
    StoreRestore& store = restore.stores[i];
    MILLRACE_RETURN_IF_ERROR(check_position(restore.task->id(), store, extents[i]));
    if (store.position == kFromTheStart) store.position = extents[i].marks.low;
    store.target = extents[i].marks.high;
  }
  return {};
}

void Restorer::cancel(TaskId task) {
  const TaskRestore* const restore = find(task);
  if (restore == nullptr) return;
  std::vector<TopicPartition> open;
  for (const StoreRestore& store : restore->stores) {
    if (!store.is_done) open.push_back(store.partition);
  }
  if (!open.empty()) {
    if (const Status removed = fetcher_->remove(open); !removed.ok()) {
      spdlog::warn("restore of task {} not ended cleanly: {}", task.to_string(), removed.message());
    }
  }
  forget_ends(*restore);
  std::erase_if(tasks_, [&](const auto& other) { return other.get() == restore; });
}

void Restorer::forget_ends(const TaskRestore& restore) {
  for (const StoreRestore& store : restore.stores) ends_.forget(store.partition);
}

bool Restorer::learn_end(TaskRestore& restore) {
  if (restore.goal != RestoreGoal::kFollow || !restore.is_complete) return false;
  const int64_t now_ns = clock_.steady_ns();
  if (now_ns - restore.looked_ns < kLookIntervalNs) return false;
  restore.looked_ns = now_ns;
  std::optional<int64_t> known_ns;
  for (StoreRestore& store : restore.stores) {
    if (store.saw_end_ns) ends_.saw_end(store.partition, *store.saw_end_ns);
    store.saw_end_ns.reset();
    ends_.poll(store.partition, store.position);
    // Complete means that it has reached the end which Kafka named before its start.
    const int64_t of_store = ends_.known_ns(store.partition).value_or(restore.started_ns);
    known_ns = std::min(known_ns.value_or(of_store), of_store);
  }
  restore.end_known_ns = known_ns;
  return known_ns != restore.shown_end_ns;
}

Result<Restorer::Outcome> Restorer::run_slice() {
  Outcome outcome;
  for (auto& restore : tasks_) MILLRACE_RETURN_IF_ERROR(poll(*restore, outcome));
  scheduler_.for_each(tasks_.size(), [this](size_t i) { feed(*tasks_[i]); });

  std::vector<TopicPartition> done;
  for (auto& restore : tasks_) {
    MILLRACE_RETURN_IF_ERROR(restore->status);
    settle(*restore, outcome, done);
  }
  if (!done.empty()) MILLRACE_RETURN_IF_ERROR(fetcher_->remove(done));
  for (Task* const task : outcome.out_of_range) cancel(task->id());
  for (Task* const task : outcome.outdated) cancel(task->id());
  for (const auto& finished : outcome.finished) {
    std::erase_if(tasks_, [&](const auto& restore) { return restore->task == finished.task; });
  }
  fetcher_->set_catching_up(std::any_of(tasks_.begin(), tasks_.end(),
                                        [](const auto& restore) { return !restore->is_complete; }));
  return outcome;
}

void Restorer::settle(TaskRestore& restore, Outcome& outcome, std::vector<TopicPartition>& done) {
  if (restore.is_out_of_range) {
    outcome.out_of_range.push_back(restore.task);
    return;
  }
  const bool has_progressed = std::exchange(restore.has_progressed, false);
  if (restore.is_complete && (has_progressed || restore.current_ms == 0)) {
    if (is_outdated(restore)) {
      outcome.outdated.push_back(restore.task);
      return;
    }
    restore.current_ms = clock_.now_ms();
  }
  if (restore.goal == RestoreGoal::kRun) {
    for (StoreRestore& store : restore.stores) {
      if (store.is_done || store.position < store.target) continue;
      store.is_done = true;
      done.push_back(store.partition);
    }
  }
  if (!restore.is_complete) {
    if (clock_.steady_ns() - restore.logged_ns > kLogIntervalNs) log_progress(restore, "restoring");
  } else if (restore.goal == RestoreGoal::kRun) {
    if (restore.records > 0) log_progress(restore, "restore finished");
    outcome.finished.push_back({restore.task, restore.records});
    return;
  } else if (!std::exchange(restore.is_announced, true)) {
    log_progress(restore, "standby caught up");
    outcome.caught_up.push_back(restore.task);
  }
  const bool has_end = learn_end(restore);
  if (has_progressed || has_end) restore.shown_end_ns = restore.end_known_ns;
  if (has_progressed) {
    outcome.progressed.push_back(restore.task);
  } else if (has_end) {
    outcome.confirmed.push_back(restore.task);
  }
}

/// A standby that is cut off from Kafka gets nothing, and so does one whose task has nothing to do:
/// they look alike, so the silence decides for both.
bool Restorer::is_outdated(const TaskRestore& restore) const {
  if (restore.goal != RestoreGoal::kFollow || restore.current_ms == 0) return false;
  return max_age_ms_ > 0 && std::abs(clock_.now_ms() - restore.current_ms) > max_age_ms_;
}

Status Restorer::poll(TaskRestore& restore, Outcome& outcome) {
  for (StoreRestore& store : restore.stores) {
    if (store.is_done) continue;
    store.batch.clear();
    Result<FetchOutcome> polled = fetcher_->poll(store.partition, kSliceRecords, store.batch);
    if (!polled.ok() && polled.code() == ErrorCode::kNotFound) {
      restore.is_out_of_range = true;
      continue;
    }
    if (!polled.ok() && is_passing(polled.code())) continue;  // the next slice asks again
    if (!polled.ok()) return polled.status();
    store.outcome = *polled;
    if (polled->end_offset) store.saw_end_ns = clock_.steady_ns();
    const bool may_be_the_end = restore.goal == RestoreGoal::kRun && polled->end_offset.has_value();
    outcome.fetched |= polled->records > 0 || may_be_the_end;
  }
  return {};
}

void Restorer::feed(TaskRestore& restore) {
  if (restore.is_out_of_range) return;
  bool is_at_target = true;
  for (StoreRestore& store : restore.stores) {
    if (store.is_done) continue;
    restore.status = feed_store(restore, store);
    if (!restore.status.ok()) return;
    is_at_target = is_at_target && store.position >= store.target;
  }
  if (!is_at_target || restore.is_complete) return;
  restore.status = restore.task->state().finish_restore();
  restore.is_complete = true;
}

Status Restorer::feed_store(TaskRestore& restore, StoreRestore& store) {
  store.records.clear();
  int64_t end = store.position;
  for (const FetchedRecord& record : store.batch.records()) {
    if (record.offset < store.position) continue;
    MILLRACE_RETURN_IF_ERROR(check_record(*restore.task, *store.store, store.partition, record));
    // Operators compute with the time of a row as with that of an input, and anybody may write it.
    store.records.push_back(
        {record.key, record.value, std::clamp<int64_t>(record.timestamp_ms, 0, kEventTimeMaxMs)});
    restore.bytes += static_cast<int64_t>(record.key.size() + record.value.size());
    end = record.offset + 1;
  }
  restore.records += static_cast<int64_t>(store.records.size());
  const bool was_at_end = store.is_at_end;
  if (!store.records.empty()) store.is_at_end = false;
  if (store.outcome.end_offset) {
    end = std::max(end, *store.outcome.end_offset);
    store.is_at_end = true;
  }
  restore.has_progressed |= end != store.position || store.is_at_end != was_at_end;
  store.outcome = {};
  if (end == store.position) return {};
  store.position = end;
  return restore.task->state().restore(store.store->spec->name, store.records, end);
}

RestoreStatus Restorer::status_of(const TaskRestore& restore) const {
  const double seconds =
      std::max(1e-3, static_cast<double>(clock_.steady_ns() - restore.started_ns) / 1e9);
  return {restore.task->id(),
          restore.records,
          restore.bytes,
          restore.remaining(),
          static_cast<double>(restore.records) / seconds,
          restore.is_complete,
          restore.end_known_ns};
}

std::optional<RestoreStatus> Restorer::status(TaskId task) const {
  const TaskRestore* const restore = find(task);
  return restore == nullptr ? std::nullopt : std::optional<RestoreStatus>(status_of(*restore));
}

void Restorer::log_progress(TaskRestore& restore, std::string_view what) {
  restore.logged_ns = clock_.steady_ns();
  const RestoreStatus status = status_of(restore);
  spdlog::info("{} task={} records={} bytes={} remaining_records={} records_per_s={:.0f}", what,
               status.task.to_string(), status.records, status.bytes, status.remaining_records,
               status.records_per_second);
}

}  // namespace millrace::engine
