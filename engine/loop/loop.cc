#include "engine/loop/loop.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/metrics/metric_table.h"
#include "engine/snapshot/snapshot_directory.h"

namespace millrace::engine {
namespace {

constexpr int64_t kReportIntervalNs = 1'000 * kNsPerMs;
/// Longest pause between turns without a plan, since a rebalance should be short.
constexpr int64_t kPlanWaitMs = 2;

}  // namespace

Loop::Loop(Topology topology, EngineOptions options, ClientFactory& clients, const Clock& clock,
           EngineHooks hooks, StateDirectory directory, FailPoint fail_point, LoopSecrets secrets)
    : instance_(std::move(options), clients, clock, std::move(hooks)),
      directory_(std::move(directory)),
      self_{directory_.instance(), std::move(secrets.peer_key), std::move(secrets.peer_tls)},
      fail_point_(std::move(fail_point)),
      application_(std::move(topology), instance_, std::move(secrets.letter_key)),
      session_(clients, transactional_id(instance_.options, directory_.instance()),
               application_.outputs()),
      backoff_(clock, instance_.options.retry_backoff_max_ms),
      registry_(clock, directory_.instance()),
      router_(registry_, instance_.changes, instance_.clients, self_) {
  instance_.metrics.set_state(to_string(EngineState::kStarting));
  show_surroundings(instance_.metrics, instance_.options);
  instance_.metrics.on_collect([this] {
    const std::vector<TaskInfo> tasks = registry_.tasks();
    const auto restoring = std::ranges::count(tasks, TaskStage::kRestoring, &TaskInfo::stage);
    instance_.metrics.gauge(metric("millrace_restoring_tasks")).set(static_cast<double>(restoring));
  });
}

Loop::~Loop() = default;

Status Loop::run_once() {
  MILLRACE_RETURN_IF_ERROR(failure_);
  take_activity();  // of calls between turns
  Status status = connect();
  if (status.ok() && is_connected()) {
    status = follow_group();
    if (status.ok()) status = roster_->prepare();
    if (status.ok()) status = plane_->poll();
    if (status.ok() && !switches_.is_paused) status = plane_->process();
    if (status.ok()) status = plane_->commit_if_due();
    settle_commits();
    if (status.ok()) status = roster_->restore_slice();
    if (status.ok()) status = roster_->build_indexes();
  }
  if (!status.ok()) status = handle(std::move(status));
  finish_turn();
  if (status.ok()) wait_if_idle();
  return status;
}

Status Loop::connect() {
  if (is_connected() || !backoff_.is_due()) return {};
  MILLRACE_RETURN_IF_ERROR(application_.place());
  registry_.define(application_.sub_topologies());
  MILLRACE_RETURN_IF_ERROR(session_.open());
  if (plane_ == nullptr) {
    Result<std::unique_ptr<Fetcher>> input =
        instance_.clients.fetcher("input", RecordHeaders::kRead);
    if (!input.ok()) return input.status();
    plane_ = std::make_unique<DataPlane>(instance_, application_, session_, fail_point_,
                                         std::move(*input));
  }
  MILLRACE_RETURN_IF_ERROR(join());
  backoff_.record_success();
  did_something_ = true;
  return {};
}

Status Loop::join() {
  const EngineOptions& options = instance_.options;
  Result<std::unique_ptr<Fetcher>> changelogs =
      instance_.clients.fetcher("restore", RecordHeaders::kSkip);
  if (!changelogs.ok()) return changelogs.status();
  auto coordinator = std::make_unique<Coordinator>(instance_.clients, application_.admin(), options,
                                                   directory_.instance(), instance_.clock);
  MILLRACE_RETURN_IF_ERROR(coordinator->open(application_.sub_topologies(), self_.key));
  const std::string incarnation = options.application_id + "@" + coordinator->incarnation();
  LocalState state(options, instance_.clock, directory_, incarnation, instance_.hooks.open_state);
  MILLRACE_RETURN_IF_ERROR(state.find_closed(application_.sub_topologies()));
  std::unique_ptr<SnapshotKeeper> snapshots;
  if (!directory_.is_in_memory()) {
    snapshots = std::make_unique<SnapshotKeeper>(
        options, directory_, incarnation, instance_.metrics, instance_.clock,
        SnapshotSeams{.self = self_,
                      .on_step = instance_.hooks.on_snapshot_step,
                      .has_threads = !instance_.hooks.is_repeatable});
  }
  auto roster = std::make_unique<TaskRoster>(
      instance_, TaskRoster::Parts{.application = application_,
                                   .group = *coordinator,
                                   .session = session_,
                                   .plane = *plane_,
                                   .registry = registry_,
                                   .backoff = backoff_,
                                   .state = std::move(state),
                                   .snapshots = std::move(snapshots),
                                   .changelogs = std::move(*changelogs)});
  MILLRACE_RETURN_IF_ERROR(coordinator->join(state_report(*roster)));
  coordinator_ = std::move(coordinator);
  roster_ = std::move(roster);
  return {};
}

Status Loop::follow_group() {
  roster_->begin_turn();
  for (;;) {
    const Result<std::optional<OwnershipEvent>> polled = coordinator_->poll();
    if (!polled.ok()) {
      // Whoever took our place in the group owns our tasks: we must commit nothing.
      lose();
      if (polled.code() == ErrorCode::kRetriable) return {};
      const bool is_plain =
          polled.code() == ErrorCode::kFenced || polled.code() == ErrorCode::kRefused;
      return fail(Error{is_plain ? polled.code() : ErrorCode::kConfig,
                        fmt::format("membership: {}", polled.status().message())});
    }
    if (!polled->has_value()) return {};
    did_something_ = true;
    switch ((*polled)->kind) {
      case OwnershipEvent::Kind::kGiven:
        plane_->set_generation((*polled)->ownership.group);
        roster_->take((*polled)->ownership);
        break;
      case OwnershipEvent::Kind::kRevoked:
        revoke();
        MILLRACE_RETURN_IF_ERROR(failure_);
        coordinator_->acknowledge_revoked();
        break;
      case OwnershipEvent::Kind::kLost:
        lose();
        coordinator_->acknowledge_revoked();
        break;
    }
  }
}

void Loop::revoke() {
  if (const Status status = commit(); !status.ok()) return;
  roster_->suspend();
  report_state();
  spdlog::info("tasks revoked");
}

void Loop::lose() {
  spdlog::warn("assignment lost");
  // A commit that Kafka accepted before the loss stays; one that it refused is gone.
  if (const Status ended = plane_->finish_commit(); !ended.ok()) {
    session_.recover_from(ended.error());
  }
  settle_commits();
  roster_->suspend();
  session_.recover_from(Error{ErrorCode::kAborted, "the assignment was lost"});
}

void Loop::settle_commits() {
  const std::vector<Task*> committed = plane_->take_committed();
  if (committed.empty()) return;
  roster_->show_committed(committed);
  backoff_.record_success();
}

void Loop::report_state() {
  coordinator_->report(state_report(*roster_));
}

InstanceReport Loop::state_report(const TaskRoster& roster) const {
  InstanceReport report;
  report.instance = directory_.instance();
  report.endpoint = endpoint_;
  report.has_snapshots = !snapshot_directory().empty();
  report.rack = instance_.options.rack;
  report.capacity = instance_.options.capacity;
  report.is_draining = switches_.is_draining;
  report.held = roster.held();
  return report;
}

std::filesystem::path Loop::snapshot_directory() const {
  return directory_.is_in_memory() ? std::filesystem::path() : snapshot_root(instance_.options);
}

Status Loop::handle(Status failure) {
  MILLRACE_RETURN_IF_ERROR(failure_);  // the engine has ended
  if (is_connected()) {
    if (const Status ended = plane_->finish_commit(); !ended.ok()) {
      session_.recover_from(ended.error());
      if (!is_passing(ended.code())) failure = ended;
    }
    settle_commits();
  }
  if (!fail_point_.has_fired() && is_passing(failure.code())) {
    recover(failure.error());
    return {};
  }
  return fail(std::move(failure));
}

Status Loop::fail(Status failure) {
  failure_ = std::move(failure);
  set_state(EngineState::kFailed);
  spdlog::error("engine failed code={} {}", to_string(failure_.code()), failure_.message());
  return failure_;
}

void Loop::recover(const Error& failure) {
  if (backoff_.record_failure()) {
    spdlog::warn("going back to the last commit code={} attempt={} {}", to_string(failure.code),
                 backoff_.attempts(), failure.message);
  }
  instance_.metrics.aborts().add();
  session_.recover_from(failure);
  if (is_connected()) roster_->go_back();
}

void Loop::finish_turn() {
  update_state();
  did_something_ = take_activity();
  if (!is_connected()) return;
  if (std::optional<PeerView> view = coordinator_->take_view()) {
    router_.directory().publish(*std::move(view));
  }
  is_idle_ = roster_->is_settled() && !did_something_ && plane_->is_at_end();
  roster_->show_caught_up();
  if (roster_->is_settled()) plane_->prune_broadcasts();
  const bool is_due = instance_.clock.steady_ns() - reported_ns_ > kReportIntervalNs;
  if (roster_->take_news() || (is_due && roster_->has_plan())) report_state();
  if (is_due) {
    reported_ns_ = instance_.clock.steady_ns();
    plane_->report(roster_->cached_bytes());
    roster_->do_chores();
    instance_.lines.tell_left_out();
  }
  switches_.is_drained = switches_.is_draining && roster_->has_plan() && roster_->is_empty();
  if (switches_.is_drained) router_.end_subscriptions();
}

bool Loop::take_activity() {
  bool was_active = std::exchange(did_something_, false);
  if (is_connected()) {
    was_active |= plane_->take_activity();
    was_active |= roster_->take_activity();
  }
  return was_active;
}

void Loop::wait_if_idle() {
  if (did_something_) return;
  int64_t wait_ms = instance_.options.poll_wait_ms;
  if (!is_connected()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    return;
  }
  wait_ms = plane_->until_commit_ms(wait_ms);
  if (!roster_->has_plan()) wait_ms = std::min(wait_ms, kPlanWaitMs);
  if (wait_ms <= 0) return;
  if (plane_->tasks().empty()) {
    roster_->wait(wait_ms);
  } else {
    plane_->wait(wait_ms);
  }
}

void Loop::update_state() {
  if (!failure_.ok()) return;
  EngineState now = EngineState::kRunning;
  if (!is_connected()) {
    now = EngineState::kStarting;
  } else if (!roster_->has_plan()) {
    now = EngineState::kRebalancing;
  } else if (plane_->tasks().empty() && roster_->is_starting()) {
    now = EngineState::kRestoring;
  }
  if (now == switches_.state) return;
  spdlog::info("engine state={}", to_string(now));
  set_state(now);
}

void Loop::set_state(EngineState state) {
  switches_.state = state;
  instance_.metrics.set_state(to_string(state));
}

bool Loop::has_uncommitted() const {
  return plane_ != nullptr && plane_->has_uncommitted();
}

Status Loop::commit() {
  MILLRACE_RETURN_IF_ERROR(failure_);
  if (!is_connected()) return {};
  Status status = plane_->commit_now();
  settle_commits();
  if (!status.ok()) status = handle(std::move(status));
  return status;
}

Status Loop::close() {
  if (std::exchange(is_closed_, true)) return {};
  router_.end_subscriptions();
  Status status = failure_;
  if (status.ok()) {
    switches_.state = EngineState::kStopping;
    if (is_connected()) status = plane_->commit_now();
    if (!status.ok() && !fail_point_.has_fired() && is_passing(status.code())) {
      spdlog::warn("the last commit failed, its work will be done again: {}", status.message());
      session_.recover_from(status.error());
      status = {};
    }
  }
  if (!fail_point_.has_fired()) session_.close();
  if (is_connected()) {
    roster_->close();
    // Whoever fenced this instance speaks under its name now.
    coordinator_->close(!failure_.ok() && failure_.code() == ErrorCode::kFenced);
  }
  if (plane_ != nullptr) plane_->close();
  instance_.lines.tell_left_out(true);
  set_state(failure_.ok() ? EngineState::kStopped : EngineState::kFailed);
  return status;
}

}  // namespace millrace::engine
