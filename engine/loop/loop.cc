#include "engine/loop/loop.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "engine/loop/internal_topics.h"

namespace millrace::engine {
namespace {

constexpr int64_t kReportIntervalNs = 1'000 * kNsPerMs;
/// A rebalance is to be short: what it waits for is looked for this often.
constexpr int64_t kPlanWaitMs = 2;
constexpr std::chrono::milliseconds kHousekeepingInterval{5'000};

}  // namespace

std::string Loop::transactional_id(const std::string& instance) const {
  if (options_.guarantee == Guarantee::kAtLeastOnce) return {};
  return options_.application_id + "-" + instance;
}

Loop::Loop(Topology topology, EngineOptions options, ClientFactory& clients, const Clock& clock,
           StateDirectory directory, FailPoint fail_point, LoopSecrets secrets)
    : options_(std::move(options)),
      secrets_(std::move(secrets)),
      topology_(std::move(topology)),
      clients_(clients),
      clock_(clock),
      directory_(std::move(directory)),
      fail_point_(std::move(fail_point)),
      metrics_(options_.application_id),
      feed_(metrics_, outputs_, clock),
      registry_(clock),
      scheduler_(options_.worker_threads),
      session_(clients, transactional_id(directory_.instance()), outputs_),
      pacer_(options_),
      backoff_(clock, options_.retry_backoff_max_ms),
      committer_(session_, scheduler_, fail_point_, metrics_, clock, options_.commit_pipelined) {
  if (!directory_.is_in_memory()) {
    state_memory_ =
        make_shared_state_memory(options_.block_cache_bytes, options_.write_buffer_bytes);
  }
  environment_ = {&options_, &outputs_, &clock_,
                  nullptr,   -1,        secrets_.letter_key ? &*secrets_.letter_key : nullptr};
  metrics_.set_state(to_string(EngineState::kStarting));
}

Loop::~Loop() = default;

Status Loop::run_once() {
  MILLRACE_RETURN_IF_ERROR(failure_);
  did_something_ = false;
  Status status = connect();
  if (status.ok()) status = follow_group();
  if (status.ok()) status = prepare_tasks();
  if (status.ok()) status = poll_inputs();
  if (status.ok()) status = process();
  if (status.ok()) status = commit_if_due();
  if (status.ok()) status = restore_slice();
  if (!status.ok()) status = handle(std::move(status));
  finish_turn();
  if (status.ok()) wait_if_idle();
  return status;
}

Status Loop::connect() {
  if (coordinator_ != nullptr || !backoff_.is_due()) return {};
  if (admin_ == nullptr) {
    Result<std::unique_ptr<Admin>> admin = clients_.admin();
    if (!admin.ok()) return admin.status();
    admin_ = std::move(*admin);
  }
  if (sub_topologies_.empty()) {
    Result<ResolvedTopology> resolved = prepare_topics(*admin_, topology_, options_);
    if (!resolved.ok()) return resolved.status();
    MILLRACE_RETURN_IF_ERROR(open_broadcasts(*resolved));
    sub_topologies_ = std::move(resolved->sub_topologies);
    outputs_ = OutputTopics(resolved->output_topics);
    if (const std::string letters = dead_letter_topic(options_); !letters.empty()) {
      environment_.dead_letters = outputs_.add(letters);
    }
    registry_.define_stores(sub_topologies_);
  }
  MILLRACE_RETURN_IF_ERROR(outputs_.describe(*admin_));
  MILLRACE_RETURN_IF_ERROR(session_.open());
  Result<std::unique_ptr<Fetcher>> input = clients_.fetcher("input", RecordHeaders::kRead);
  if (!input.ok()) return input.status();
  Result<std::unique_ptr<Fetcher>> restore = clients_.fetcher("restore", RecordHeaders::kSkip);
  if (!restore.ok()) return restore.status();
  pump_.emplace(std::move(*input), *admin_, options_, metrics_);
  restorer_.emplace(std::move(*restore), scheduler_, clock_);
  auto coordinator =
      std::make_unique<Coordinator>(clients_, *admin_, options_, directory_.instance(), clock_);
  MILLRACE_RETURN_IF_ERROR(coordinator->open(sub_topologies_));
  incarnation_ = options_.application_id + "@" + coordinator->incarnation();
  MILLRACE_RETURN_IF_ERROR(find_closed_state());
  MILLRACE_RETURN_IF_ERROR(coordinator->join(state_report()));
  coordinator_ = std::move(coordinator);
  if (!directory_.is_in_memory()) {
    snapshots_ = std::make_unique<SnapshotKeeper>(options_, directory_, incarnation_, metrics_,
                                                  clock_, secrets_.query_token);
  }
  housekeeper_ = std::make_unique<Housekeeper>(clients_, metrics_, kHousekeepingInterval);
  backoff_.record_success();
  did_something_ = true;
  return {};
}

Status Loop::poll_inputs() {
  if (!pump_) return {};
  const Result<InputPump::Outcome> polled = pump_->poll();
  if (!polled.ok()) return polled.status();
  did_something_ |= polled->records > 0;
  const Result<bool> tables_at_end = poll_broadcasts();
  if (!tables_at_end.ok()) return tables_at_end.status();
  inputs_at_end_ = polled->is_at_end && *tables_at_end;
  queued_bytes_ = polled->queued_bytes;
  return {};
}

Status Loop::open_broadcasts(const ResolvedTopology& resolved) {
  if (resolved.broadcast_partitions.empty()) return {};
  Result<std::unique_ptr<Fetcher>> fetcher = clients_.fetcher("broadcast", RecordHeaders::kRead);
  if (!fetcher.ok()) return fetcher.status();
  auto reader = std::make_unique<BroadcastReader>(std::move(*fetcher), *admin_, options_, metrics_);
  MILLRACE_RETURN_IF_ERROR(reader->open(topology_, resolved));
  broadcasts_ = std::move(reader);
  environment_.broadcasts = broadcasts_.get();
  return {};
}

Result<bool> Loop::poll_broadcasts() {
  if (broadcasts_ == nullptr) return true;
  const Result<BroadcastReader::Outcome> polled = broadcasts_->poll();
  if (!polled.ok()) return polled.status();
  did_something_ |= polled->records > 0;
  // Without tasks there are no commits, which else make it forget.
  if (polled->records > 0 && !any_at(Stage::kRunning)) prune_broadcasts();
  return polled->is_at_end;
}

void Loop::prune_broadcasts() {
  // Tasks on their way to running go back to cursors that are not known here yet.
  if (broadcasts_ == nullptr || !has_plan_ || is_starting_tasks()) return;
  const std::vector<Task*> running = tasks_at(Stage::kRunning);
  broadcasts_->prune([&](const BroadcastTopic& topic, std::span<int64_t> floors) {
    for (const Task* const task : running) task->lower_floors(topic, floors);
  });
}

Status Loop::process() {
  if (is_paused_) return {};
  std::vector<Task*> runnable = tasks_at(Stage::kRunning);
  std::erase_if(runnable, [](const Task* task) { return !task->has_work(); });
  if (runnable.empty()) return {};
  did_something_ = true;
  if (committer_.is_under_way() && dirty_bytes() - frozen_bytes_ >= options_.commit_bytes_max) {
    MILLRACE_RETURN_IF_ERROR(finish_commit());
  }
  // While a transaction is on its way, what comes after it is held.
  Producer* producer = nullptr;
  if (!committer_.is_under_way()) {
    MILLRACE_RETURN_IF_ERROR(session_.begin());
    producer = &session_.producer();
  }
  std::vector<Status> results(runnable.size());
  scheduler_.for_each(runnable.size(),
                      [&](size_t i) { results[i] = runnable[i]->process_slice(producer); });
  for (Task* const task : runnable) feed_.add_slice(*task);
  for (Status& result : results) MILLRACE_RETURN_IF_ERROR(std::move(result));
  return {};
}

Status Loop::commit_if_due() {
  if (committer_.is_under_way()) {
    if (!committer_.is_done()) return {};
    MILLRACE_RETURN_IF_ERROR(finish_commit());
  }
  const int64_t now_ns = clock_.steady_ns();
  if (!has_uncommitted()) {
    pacer_.idle(now_ns);
    return {};
  }
  if (!pacer_.is_due(now_ns, dirty_bytes())) return {};
  return begin_commit();
}

Status Loop::begin_commit() {
  std::vector<Task*> dirty = tasks_at(Stage::kRunning, true);
  if (dirty.empty()) return {};
  did_something_ = true;
  frozen_bytes_ = dirty_bytes();
  MILLRACE_RETURN_IF_ERROR(
      committer_.begin(std::move(dirty), group_, [this] { pump_->fetcher().wake(); }));
  return options_.commit_pipelined ? Status() : finish_commit();
}

Status Loop::finish_commit() {
  if (!committer_.is_under_way()) return {};
  did_something_ = true;
  const Result<std::vector<Task*>> committed = committer_.finish();
  if (!committed.ok()) return committed.status();
  for (Task* const task : tasks_at(Stage::kRunning)) task->expect_delivered(session_.producer());
  std::vector<PartitionOffset> done;
  for (Task* const task : *committed) {
    publish(tasks_.at(task->id()));
    for (const TaskInput& input : task->inputs()) {
      if (input.node->kind != NodeKind::kExchange) continue;
      done.push_back({input.partition, input.frozen_position});
    }
  }
  housekeeper_->purge_before(done);
  prune_broadcasts();
  feed_.add_commit(*committed);
  pacer_.committed(clock_.steady_ns(), !inputs_at_end_);
  backoff_.record_success();
  return {};
}

Status Loop::commit_now() {
  MILLRACE_RETURN_IF_ERROR(finish_commit());
  MILLRACE_RETURN_IF_ERROR(begin_commit());
  return finish_commit();
}

Status Loop::restore_slice() {
  if (!restorer_ || !restorer_->is_active()) return {};
  Result<Restorer::Outcome> outcome = restorer_->run_slice();
  if (!outcome.ok()) return outcome.status();
  did_something_ |= outcome->fetched || !outcome->finished.empty();
  for (const auto& [task, records] : outcome->finished) {
    metrics_.clear_restore(task->id());
    metrics_.restored_records().Increment(static_cast<double>(records));
    MILLRACE_RETURN_IF_ERROR(start(tasks_.at(task->id()), records));
  }
  for (const Task* const task : outcome->out_of_range) {
    tasks_.at(task->id()).stage = Stage::kPreparing;
  }
  for (const Task* const task : outcome->progressed) {
    Owned& owned = tasks_.at(task->id());
    publish(owned);
    if (owned.stage != Stage::kRestoring) continue;
    const RestoreStatus now = *restorer_->status(task->id());
    metrics_.set_restore(now.task,
                         {now.records, now.bytes, now.remaining_records, now.records_per_second});
  }
  if (!outcome->caught_up.empty()) report_state();
  return {};
}

Status Loop::handle(Status failure) {
  if (const Status ended = finish_commit(); !ended.ok()) {
    session_.recover_from(ended.error());
    if (!is_passing(ended.code())) failure = ended;
  }
  if (!fail_point_.has_fired() && is_passing(failure.code())) {
    recover(failure.error());
    return {};
  }
  failure_ = failure;
  state_ = EngineState::kFailed;
  metrics_.set_state(to_string(EngineState::kFailed));
  spdlog::error("engine failed code={} {}", to_string(failure.code()), failure.message());
  return failure;
}

void Loop::finish_turn() {
  update_state();
  const std::vector<Task*> running = tasks_at(Stage::kRunning);
  const bool all_run = has_plan_ && !is_starting_tasks();
  is_idle_ = all_run && !did_something_ && inputs_at_end_ &&
             std::none_of(running.begin(), running.end(),
                          [](const Task* task) { return task->has_work(); });
  // Commits are too early to know that a task has caught up, and too late that it no longer has.
  for (auto& [id, owned] : tasks_) {
    if (owned.stage == Stage::kRunning && is_caught_up(owned) != owned.shown_as_caught_up) {
      publish(owned);
    }
  }
  if (clock_.steady_ns() - reported_ns_ > kReportIntervalNs) report();
  is_drained_ = is_draining_ && has_plan_ && tasks_.empty() && unopened_.empty();
}

void Loop::report() {
  reported_ns_ = clock_.steady_ns();
  const std::vector<Task*> running = tasks_at(Stage::kRunning);
  int64_t oldest_event_ms = -1;
  std::vector<PartitionOffset> positions;
  for (Task* const task : running) {
    const int64_t event_ms = task->committed_event_time_ms();
    if (!is_idle_ && event_ms >= 0 && (oldest_event_ms < 0 || event_ms < oldest_event_ms)) {
      oldest_event_ms = event_ms;
    }
    for (const TaskInput& input : task->inputs()) {
      positions.push_back({input.partition, input.committable()});
    }
  }
  feed_.set_memory(dirty_bytes(), queued_bytes_, running.size());
  feed_.set_freshness(oldest_event_ms);
  if (housekeeper_ != nullptr) housekeeper_->set_positions(std::move(positions));
  if (has_plan_) report_state();
  if (snapshots_) snapshots_->take_due(running);
  remove_old_state();
}

void Loop::wait_if_idle() {
  if (did_something_) return;
  int64_t wait_ms = options_.poll_wait_ms;
  if (!pump_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    return;
  }
  if (has_uncommitted() && !committer_.is_under_way()) {
    wait_ms = std::min(wait_ms, (pacer_.due_ns() - clock_.steady_ns()) / kNsPerMs + 1);
  }
  if (coordinator_ != nullptr && !has_plan_) wait_ms = std::min(wait_ms, kPlanWaitMs);
  if (wait_ms <= 0) return;
  Fetcher& fetcher = any_at(Stage::kRunning) ? pump_->fetcher() : restorer_->fetcher();
  fetcher.wait(wait_ms);
}

bool Loop::has_uncommitted() const {
  return committer_.is_under_way() || !tasks_at(Stage::kRunning, true).empty();
}

size_t Loop::dirty_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, owned] : tasks_) bytes += owned.task->dirty_bytes();
  return bytes;
}

Status Loop::commit() {
  MILLRACE_RETURN_IF_ERROR(failure_);
  Status status = commit_now();
  if (!status.ok()) status = handle(std::move(status));
  return status;
}

Status Loop::close() {
  if (std::exchange(is_closed_, true)) return {};
  Status status = failure_;
  if (status.ok()) {
    state_ = EngineState::kStopping;
    status = commit_now();
    if (!status.ok() && !fail_point_.has_fired() && is_passing(status.code())) {
      spdlog::warn("the last commit failed, its work will be done again: {}", status.message());
      session_.recover_from(status.error());
      status = {};
    }
  }
  if (!fail_point_.has_fired()) session_.close();
  for (auto place = tasks_.begin(); place != tasks_.end(); place = tasks_.begin()) {
    remove_task(place);
  }
  snapshots_.reset();
  if (coordinator_ != nullptr) coordinator_->close();
  housekeeper_.reset();
  state_ = failure_.ok() ? EngineState::kStopped : EngineState::kFailed;
  metrics_.set_state(to_string(state_));
  return status;
}

}  // namespace millrace::engine
