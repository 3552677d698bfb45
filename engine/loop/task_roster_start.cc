#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/loop/table_watch.h"
#include "engine/loop/task_roster.h"

namespace millrace::engine {
namespace {

/// Most questions at a time that can wait for an answer, or will hardly get one.
constexpr size_t kPatientMax = 2;

/// Whether a snapshot of the task can save reading a changelog.
bool has_changelog_on_disk(const SubTopology& sub_topology) {
  return std::any_of(
      sub_topology.stores.begin(), sub_topology.stores.end(),
      [](const ResolvedStore& store) { return store.output >= 0 && !store.spec->in_memory; });
}

/// Whether a committed offset shows that the group's history is another than the local state's.
bool is_ahead_of_group(Task& task, const StartPosition& start) {
  const auto& local = task.state().positions().inputs;
  const std::vector<TaskInput>& inputs = task.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto known = local.find(inputs[i].partition);
    if (known != local.end() && known->second > start.offsets[i]) return true;
  }
  return false;
}

/// Whether any store that comes from a changelog has a row.
bool holds_rows(Task& task) {
  const auto& stores = task.sub_topology().stores;
  return std::any_of(stores.begin(), stores.end(), [&](const ResolvedStore& store) {
    return store.output >= 0 && task.state().store(store.spec->name).range({}, {})->valid();
  });
}

/// Partitions of the broadcast tables that a sub-topology reads.
std::vector<TopicPartition> tables_of(const SubTopology& sub_topology,
                                      const BroadcastReader* broadcasts) {
  std::set<std::string> names;
  for (const ResolvedNode& resolved : sub_topology.nodes) {
    names.insert(resolved.node->broadcasts.begin(), resolved.node->broadcasts.end());
  }
  std::vector<TopicPartition> tables;
  for (const std::string& name : names) {
    const int32_t partitions = broadcasts->topic(name).copy.partitions();
    for (int32_t p = 0; p < partitions; ++p) tables.push_back({name, p});
  }
  return tables;
}

}  // namespace

Status TaskRoster::prepare() {
  const BroadcastReader* const broadcasts = application_.broadcasts();
  if (broadcasts != nullptr && !broadcasts->is_loaded()) return {};
  if (has_plan_) MILLRACE_RETURN_IF_ERROR(open_tasks());
  MILLRACE_RETURN_IF_ERROR(ask());
  return take_answers();
}

Status TaskRoster::delay(TaskRecord& record, Status failure) {
  if (!is_passing(failure.code())) return failure;
  if (record.backoff.record_failure()) {
    spdlog::warn("task waits to start task={} attempt={} {}", record.id.to_string(),
                 record.backoff.attempts(), failure.message());
  }
  return {};
}

Status TaskRoster::open_tasks() {
  bool is_busy = std::any_of(records_.begin(), records_.end(), [](const auto& entry) {
    const TaskRecord& record = entry.second;
    return !record.is_standby && record.question != nullptr && record.backoff.attempts() == 0;
  });
  for (const bool is_standby : {false, true}) {
    for (auto& [id, record] : records_) {
      if (!record.is(Stage::kUnopened) || record.is_standby != is_standby) continue;
      if ((is_standby && is_busy) || !record.backoff.is_due()) continue;
      if (waits_for_snapshot(record)) continue;
      if (Status opened = open(record); opened.ok()) {
        is_busy = true;
      } else {
        MILLRACE_RETURN_IF_ERROR(delay(record, std::move(opened)));
      }
    }
  }
  return {};
}

bool TaskRoster::waits_for_snapshot(TaskRecord& record) {
  if (!snapshots_) return false;
  switch (snapshots_->download_stage(record.id)) {
    case SnapshotKeeper::DownloadStage::kUnderWay:
      return true;
    case SnapshotKeeper::DownloadStage::kEnded:
      snapshots_->install(record.id);
      return false;
    case SnapshotKeeper::DownloadStage::kNone:
      break;
  }
  const bool has_state = record.starts_empty || state_.is_on_disk(record.id);
  if (has_state || !has_changelog_on_disk(application_.sub_topology_of(record.id))) return false;
  if (!snapshots_->start_download(record.id, group_.snapshot_peers(record.id))) return false;
  registry_.add(record.id, {});
  show(record);
  return true;
}

Status TaskRoster::open(TaskRecord& record) {
  const SubTopology& sub_topology = application_.sub_topology_of(record.id);
  Result<std::unique_ptr<TaskState>> state = state_.open(
      record.id, sub_topology, {.starts_empty = record.starts_empty, .tasks = records_.size()});
  if (!state.ok()) return state.status();
  record.starts_empty = false;
  record.current_ms = (*state)->positions().committed_at_ms;
  record.task = std::make_unique<Task>(record.id, sub_topology, application_.environment(),
                                       std::move(*state));
  record.move_to(Stage::kPreparing);
  QueryRegistry::Readers readers;
  for (const ResolvedStore& store : sub_topology.stores) {
    const TaskState& task_state = record.task->state();
    readers[store.spec->name] = task_state.reader(store.spec->name);
    for (const IndexSpec& index : store.spec->indexes) {
      const std::string name = index_store_name(store.spec->name, index.name);
      readers[name] = task_state.reader(name);
    }
  }
  registry_.add(record.id, std::move(readers));
  show(record);
  return {};
}

Status TaskRoster::ask() {
  const std::vector<TaskRecord*> wanted = next_to_ask();
  bool may_run = false;
  if (std::any_of(wanted.begin(), wanted.end(), [](auto* record) { return !record->is_standby; })) {
    const Result<bool> may_ask = may_ask_for_offsets();
    if (!may_ask.ok()) return may_ask.status();
    may_run = *may_ask;
  }
  for (TaskRecord* const record : wanted) {
    if (!record->is_standby && !(may_run && starts_.are_fenced(record->dead_owners))) continue;
    record->question = starts_.ask(question_about(*record));
  }
  return {};
}

StartQuestion TaskRoster::question_about(const TaskRecord& record) {
  StartQuestion question;
  question.changelogs = restorer_.changelogs_of(*record.task);
  if (record.is_standby) return question;
  question.tables = tables_of(record.task->sub_topology(), application_.broadcasts());
  question.needs_ends = record.task->sub_topology().has_wall_timers();
  for (const TaskInput& input : record.task->inputs()) question.inputs.push_back(input.partition);
  return question;
}

Status TaskRoster::ask_again(TaskRecord& record) {
  if (!record.backoff.is_due()) return {};
  const Result<bool> may_ask = may_ask_for_offsets();
  if (!may_ask.ok()) return may_ask.status();
  if (!*may_ask) return {};
  StartQuestion question = question_about(record);
  question.needs_partitions = true;
  record.question = starts_.ask(std::move(question));
  return {};
}

std::vector<TaskRecord*> TaskRoster::next_to_ask() {
  std::vector<TaskRecord*> wanted;
  std::vector<TaskRecord*> patient;
  size_t under_way = 0;
  for (auto& [id, record] : records_) {
    if (!record.is(Stage::kPreparing)) continue;
    const bool is_patient = record.is_standby || record.backoff.attempts() > 0;
    if (record.question != nullptr) {
      under_way += is_patient ? 1 : 0;
    } else if (record.backoff.is_due()) {
      (is_patient ? patient : wanted).push_back(&record);
    }
  }
  std::stable_sort(patient.begin(), patient.end(), [](const TaskRecord* a, const TaskRecord* b) {
    return std::pair(a->is_standby, a->backoff.due_ns()) <
           std::pair(b->is_standby, b->backoff.due_ns());
  });
  patient.resize(std::min(patient.size(), kPatientMax - std::min(kPatientMax, under_way)));
  wanted.insert(wanted.end(), patient.begin(), patient.end());
  return wanted;
}

Result<bool> TaskRoster::may_ask_for_offsets() {
  MILLRACE_RETURN_IF_ERROR(starts_.fence_dead());
  if (!backoff_.is_due()) return false;
  Result<bool> opened = session_.open_beside();
  if (opened.ok() || !is_passing(opened.code())) return opened;
  if (backoff_.record_failure()) {
    spdlog::warn("tasks wait to start attempt={} {}", backoff_.attempts(), opened.message());
  }
  return false;
}

Status TaskRoster::take_answers() {
  for (auto& [id, record] : records_) {
    if (record.question == nullptr || !record.question->is_there()) continue;
    const auto question = std::exchange(record.question, nullptr);
    const Result<StartAnswer>& answer = question->answer();
    Status begun = answer.ok() ? take(record, *answer) : answer.status();
    if (begun.ok()) {
      record.backoff.record_success();
      did_something_ = true;
    } else {
      MILLRACE_RETURN_IF_ERROR(delay(record, std::move(begun)));
    }
  }
  return {};
}

Status TaskRoster::take(TaskRecord& record, const StartAnswer& answer) {
  if (!record.is(Stage::kRestoring)) return begin(record, answer);
  record.start = answer.start;
  record.has_asked_again = true;
  return {};
}

Status TaskRoster::begin(TaskRecord& record, const StartAnswer& answer) {
  if (is_outdated(record, answer)) {
    return rebuild(record, "it was not current for longer than state.max.age.ms");
  }
  if (record.is_standby) {
    MILLRACE_RETURN_IF_ERROR(
        restorer_.begin(*record.task, RestoreGoal::kFollow, answer.changelogs));
    record.move_to(Stage::kFollowing);
    show(record);
    return {};
  }
  record.start = answer.start;
  if (is_ahead_of_group(*record.task, record.start)) {
    return rebuild(record, "it holds inputs that the group has not committed");
  }
  if (restorer_.contains(record.id)) {
    MILLRACE_RETURN_IF_ERROR(restorer_.promote(record.id, answer.changelogs));
  } else {
    MILLRACE_RETURN_IF_ERROR(restorer_.begin(*record.task, RestoreGoal::kRun, answer.changelogs));
  }
  record.move_to(Stage::kRestoring);
  show(record);
  return {};
}

bool TaskRoster::is_outdated(const TaskRecord& record, const StartAnswer& answer) const {
  const int64_t max_age_ms = instance_.options.state_max_age_ms;
  const int64_t age_ms = std::abs(instance_.clock.now_ms() - record.current_ms);
  if (record.current_ms == 0 || max_age_ms <= 0 || age_ms <= max_age_ms) return false;
  // The end of the transaction that wrote the last row is no row.
  const int64_t marker = session_.is_transactional() ? 1 : 0;
  return std::any_of(
      answer.changelogs.begin(), answer.changelogs.end(), [&](const ChangelogExtent& changelog) {
        return changelog.position >= 0 && changelog.position + marker < changelog.marks.high;
      });
}

Status TaskRoster::rebuild(TaskRecord& record, std::string_view why) {
  spdlog::warn("local state is rebuilt, for {} task={}", why, record.id.to_string());
  restorer_.cancel(record.id);
  if (snapshots_) snapshots_->forget(record.id);
  registry_.remove(record.id);
  MILLRACE_RETURN_IF_ERROR(record.task->state().close());
  record.task.reset();
  record.starts_empty = true;
  record.move_to(Stage::kUnopened);
  return {};
}

Status TaskRoster::build_indexes() {
  for (auto& [id, record] : records_) {
    if (!record.is(Stage::kRunning) && !record.is(Stage::kFollowing)) continue;
    const Result<bool> built = record.task->state().build_indexes();
    if (!built.ok()) return built.status();
    if (!*built) continue;
    did_something_ = true;
    break;
  }
  return {};
}

Status TaskRoster::restore_slice() {
  if (restorer_.is_active()) {
    const Result<Restorer::Outcome> outcome = restorer_.run_slice();
    if (!outcome.ok()) return outcome.status();
    MILLRACE_RETURN_IF_ERROR(take_outcome(*outcome));
  }
  return start_restored();
}

Status TaskRoster::take_outcome(const Restorer::Outcome& outcome) {
  did_something_ |= outcome.fetched || !outcome.finished.empty();
  for (const auto& [task, records] : outcome.finished) {
    instance_.metrics.clear_restore(task->id());
    instance_.metrics.restored_records().add(static_cast<double>(records));
    records_.at(task->id()).restored_records = records;
  }
  for (const Task* const task : outcome.out_of_range) {
    records_.at(task->id()).move_to(Stage::kPreparing);
  }
  for (const Task* const task : outcome.outdated) {
    TaskRecord& record = records_.at(task->id());
    record.move_to(Stage::kPreparing);
    MILLRACE_RETURN_IF_ERROR(
        rebuild(record, "nothing came from its changelogs for longer than state.max.age.ms"));
  }
  for (const Task* const task : outcome.progressed) {
    TaskRecord& record = records_.at(task->id());
    show(record);
    const RestoreStatus now = *restorer_.status(task->id());
    if (now.remaining_records == 0) record.current_ms = instance_.clock.now_ms();
    if (!record.is(Stage::kRestoring)) continue;
    instance_.metrics.set_restore(
        now.task, {now.records, now.bytes, now.remaining_records, now.records_per_second});
  }
  for (const Task* const task : outcome.confirmed) show(records_.at(task->id()));
  has_news_ |= !outcome.caught_up.empty();
  return {};
}

Status TaskRoster::start_restored() {
  for (auto& [id, record] : records_) {
    if (!record.restored_records || record.question != nullptr) continue;
    const CursorPlace cursors = place_of_cursors(record);
    if (cursors == CursorPlace::kAhead) continue;
    const bool is_doubtful = cursors == CursorPlace::kBeyondEnds && !record.has_asked_again;
    MILLRACE_RETURN_IF_ERROR(is_doubtful ? ask_again(record) : start(record));
  }
  return {};
}

CursorPlace TaskRoster::place_of_cursors(const TaskRecord& record) const {
  const BroadcastReader* const broadcasts = application_.broadcasts();
  if (broadcasts == nullptr) return CursorPlace::kRead;
  return engine::place_of_cursors(record.task->sub_topology(), record.task->state(), *broadcasts,
                                  record.start.table_ends);
}

Status TaskRoster::check_offsets(const TaskRecord& record) const {
  const std::vector<TopicPartition>& unknown = record.start.unknown;
  if (unknown.empty() || !session_.is_transactional()) return {};
  const auto& known = record.task->state().positions().inputs;
  if (*record.restored_records == 0 && known.empty() && !holds_rows(*record.task)) return {};
  const bool is_all_here = *record.restored_records == 0 && !known.empty();
  for (const TopicPartition& input : unknown) {
    // State that a commit on this disk completed tells whether the task ever read the input.
    if (is_all_here && !known.contains(input)) continue;
    return Error{
        ErrorCode::kConfig,
        fmt::format(
            "task {0} has state, but the group '{1}' has no offsets for its input {2}: they "
            "expired or were deleted, and reading from the beginning would apply its records "
            "twice. Set the group's offset for {2} to where the application had read, or reset the "
            "application: delete its internal topics and the group's offsets. Only if the input is "
            "new to the topology, set its offset to the beginning",
            record.id.to_string(), instance_.options.application_id, input.to_string())};
  }
  return {};
}

Status TaskRoster::check_exchanges(const TaskRecord& record) const {
  const auto& known = record.task->state().positions().inputs;
  for (const PartitionOffset& cut : record.start.cut) {
    const auto& inputs = record.task->inputs();
    const bool is_exchange = std::any_of(inputs.begin(), inputs.end(), [&](const TaskInput& input) {
      return input.partition == cut.partition && input.node->kind == NodeKind::kExchange;
    });
    const auto read = known.find(cut.partition);
    if (!is_exchange || (read != known.end() && read->second >= cut.offset)) continue;
    const std::string partition = cut.partition.to_string();
    const std::string other_way =
        session_.is_transactional()
            ? ""
            : fmt::format(
                  ". If only the group's offsets expired, set its offset for {} to {} "
                  "instead: the engine had deleted the records that were processed",
                  partition, cut.offset);
    return Error{
        ErrorCode::kConfig,
        fmt::format("exchange {} begins at {} but the group '{}' has no offset for it: records "
                    "between its own tasks are lost, by kafka-delete-records, retention or a "
                    "broker's data loss, or the group's offsets are, and continuing would give "
                    "wrong results. Reset the application: stop all instances, delete its "
                    "internal topics, its group's offsets and the state directories{}",
                    partition, cut.offset, instance_.options.application_id, other_way)};
  }
  return {};
}

Status TaskRoster::check_tables(const TaskRecord& record) const {
  for (const auto& [table, partitions] : record.start.table_partitions) {
    const int32_t read = application_.broadcasts()->topic(table).copy.partitions();
    if (partitions > read) return table_has_grown(table, partitions, read);
  }
  return {};
}

Status TaskRoster::start(TaskRecord& record) {
  MILLRACE_RETURN_IF_ERROR(check_tables(record));
  Status lost = check_offsets(record);
  if (lost.ok()) lost = check_exchanges(record);
  if (!lost.ok()) {
    return record.has_asked_again ? lost : ask_again(record);
  }
  MILLRACE_RETURN_IF_ERROR(record.task->start(record.start.offsets, record.start.backlog_ends,
                                              record.start.stream_time_ms));
  MILLRACE_RETURN_IF_ERROR(plane_.add(*record.task));
  record.move_to(Stage::kRunning);
  did_something_ = true;
  show(record);
  instance_.changes.open(record.id);
  spdlog::info("task running task={}", record.id.to_string());
  return {};
}

}  // namespace millrace::engine
