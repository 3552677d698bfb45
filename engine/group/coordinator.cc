#include "engine/group/coordinator.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/base/backoff.h"
#include "engine/group/group_view.h"
#include "engine/group/upgrade.h"

namespace millrace::engine {
namespace {

/// How long the others give a leader to publish, and by how much their patience differs.
constexpr int64_t kPatienceNs = 3'000 * kNsPerMs;
constexpr int64_t kPatienceSpreadNs = 2'000 * kNsPerMs;
constexpr int64_t kLogWaitMs = 10;
constexpr int kLastReportPolls = 100;
constexpr int64_t kLogTimeoutNs = 10'000 * kNsPerMs;
/// How often a leader looks whether the reports allow a better plan.
constexpr int64_t kConsiderIntervalNs = 200 * kNsPerMs;
/// How often to log a report that cannot be sent, and to look for the cause.
constexpr int64_t kReportFailureIntervalNs = 10'000 * kNsPerMs;
/// Asking more peers takes longer than it can save.
constexpr size_t kSnapshotPeersMax = 3;

/// Different members lose their patience at different times.
int64_t patience_of(const std::string& instance) {
  return kPatienceNs + static_cast<int64_t>(std::hash<std::string>()(instance) % kPatienceSpreadNs);
}

/// Every input of every task, so that the offsets of all of them live as long as the group.
std::vector<std::string> topics_to_join(std::span<const SubTopology> sub_topologies) {
  std::set<std::string> topics;
  for (const SubTopology& sub_topology : sub_topologies) {
    for (const ResolvedInput& input : sub_topology.inputs) topics.insert(input.topic);
  }
  return {topics.begin(), topics.end()};
}

std::vector<TaskWeight> weigh(std::span<const SubTopology> sub_topologies) {
  std::vector<TaskWeight> tasks;
  for (const SubTopology& sub_topology : sub_topologies) {
    const bool is_stateful =
        std::any_of(sub_topology.stores.begin(), sub_topology.stores.end(),
                    [](const ResolvedStore& store) { return store.output >= 0; });
    for (int32_t p = 0; p < sub_topology.partitions; ++p) {
      tasks.push_back({.task = {sub_topology.index, p}, .weight = 1, .is_stateful = is_stateful});
    }
  }
  std::sort(tasks.begin(), tasks.end(),
            [](const TaskWeight& a, const TaskWeight& b) { return a.task < b.task; });
  return tasks;
}

}  // namespace

Coordinator::Coordinator(ClientFactory& clients, Admin& admin, const EngineOptions& options,
                         std::string instance, const Clock& clock)
    : clients_(clients),
      admin_(admin),
      options_(options),
      instance_(std::move(instance)),
      clock_(clock),
      lives_(instance_),
      questions_{.members = {clients, admin, clock, instance_},
                 .topics = {clients, admin, clock, options.application_id}} {}

Coordinator::~Coordinator() = default;

Status Coordinator::open(std::span<const SubTopology> sub_topologies,
                         std::shared_ptr<const PeerKey> key) {
  sub_topologies_ = sub_topologies;
  tasks_ = weigh(sub_topologies);
  if (tasks_.size() > kPlanTasksMax) {
    return Error{
        ErrorCode::kConfig,
        fmt::format("the inputs have so many partitions that there are {} tasks, and a plan "
                    "takes {}: use input topics with fewer partitions",
                    tasks_.size(), kPlanTasksMax)};
  }
  if (log_ == nullptr) {
    Result<std::unique_ptr<GroupLog>> log =
        GroupLog::open(clients_, admin_, options_.application_id);
    if (!log.ok()) return log.status();
    log_ = std::move(*log);
    log_->prove_with(std::move(key));
    if (watches_lives()) log_->show_reports_to(lives_);
  }
  MILLRACE_RETURN_IF_ERROR(read_log());
  if (!log_->incarnation().empty()) return {};
  MILLRACE_RETURN_IF_ERROR(log_->propose_incarnation());
  MILLRACE_RETURN_IF_ERROR(log_->flush());
  const Result<GroupLog::Ends> ends = GroupLog::ends(admin_, group_topics(options_.application_id));
  if (!ends.ok()) return ends.status();
  log_->expect(*ends);
  MILLRACE_RETURN_IF_ERROR(read_log());
  if (!log_->incarnation().empty()) return {};
  return Error{ErrorCode::kRetriable, "the group's log does not show what was written to it yet"};
}

Status Coordinator::read_log() {
  const int64_t until_ns = clock_.steady_ns() + kLogTimeoutNs;
  while (!log_->is_current()) {
    const Result<bool> polled = log_->poll();
    if (!polled.ok()) return polled.status();
    if (log_->is_current()) break;
    if (clock_.steady_ns() > until_ns) {
      return Error{ErrorCode::kRetriable, "the group's log cannot be read to its end yet"};
    }
    log_->wait(kLogWaitMs);
  }
  return {};
}

Status Coordinator::join(InstanceReport report) {
  plans_from_ = log_->plans_end();
  sign(report);
  // Without the report a leader would let this instance start from nothing.
  MILLRACE_RETURN_IF_ERROR(log_->publish(report));
  MILLRACE_RETURN_IF_ERROR(log_->flush());
  reported_.last = std::move(report);
  may_resume_ = !options_.instance_id.empty();
  const GroupTopics topics = group_topics(options_.application_id);
  std::vector<std::string> subscribed = topics_to_join(sub_topologies_);
  subscribed.push_back(topics.control);
  Result<std::unique_ptr<Membership>> joined = clients_.join(subscribed, topics.spare, instance_);
  if (!joined.ok()) return joined.status();
  membership_ = std::move(*joined);
  return {};
}

Result<std::optional<OwnershipEvent>> Coordinator::poll() {
  Result<std::optional<MembershipEvent>> polled = membership_->poll();
  if (!polled.ok()) return polled.status();
  if (polled->has_value()) {
    MILLRACE_RETURN_IF_ERROR(check_partitions(**polled));
    if (auto event = take(**std::move(polled))) return event;
  }
  Result<bool> news = log_->poll();
  if (!news.ok() && !is_passing(news.code())) return news.status();
  has_news_ |= news.ok() && *news;
  MILLRACE_RETURN_IF_ERROR(check_lives());
  if (std::exchange(reported_.is_missing, false)) questions_.topics.ask_for_topics();
  MILLRACE_RETURN_IF_ERROR(questions_.topics.check_topics());
  if (!is_waiting_) {
    if (is_leader_) {
      reconsider();
      remove_old_reports();
    }
    return std::optional<OwnershipEvent>();
  }
  Result<std::optional<OwnershipEvent>> taken = take_plan();
  if (taken.ok() ? taken->has_value() : !is_passing(taken.code())) return taken;
  // While this instance may resume, it leads only a generation that has no plan yet.
  const bool may_lead =
      is_leader_ && !is_published_ && (!may_resume_ || !log_->has_plan(group_.generation));
  if (taken.ok() && is_waiting_ && may_lead) {
    if (const Status led = lead(); !led.ok() && !is_passing(led.code())) return led;
  }
  if (const int64_t patience_ns = patience_of(instance_);
      clock_.steady_ns() - waiting_since_ns_ > patience_ns) {
    questions_.topics.ask_for_topics();
    spdlog::warn("no plan after {} ms, asking for a new generation generation={}",
                 patience_ns / kNsPerMs, group_.generation);
    waiting_since_ns_ = clock_.steady_ns();
    membership_->request_rebalance();
  }
  return std::optional<OwnershipEvent>();
}

std::optional<OwnershipEvent> Coordinator::take(MembershipEvent event) {
  is_leader_ = false;
  is_waiting_ = false;
  questions_.members.drop();
  if (event.kind != MembershipEvent::Kind::kAssigned) {
    is_member_ = is_member_ && event.kind != MembershipEvent::Kind::kLost;
    return OwnershipEvent{event.kind == MembershipEvent::Kind::kLost
                              ? OwnershipEvent::Kind::kLost
                              : OwnershipEvent::Kind::kRevoked,
                          {}};
  }
  group_ = std::move(event.group);
  is_waiting_ = true;
  is_member_ = true;
  is_published_ = false;
  waiting_since_ns_ = clock_.steady_ns();
  if (group_.generation < 0) {
    // The group continued while the client took this in: it is a member of no generation.
    spdlog::warn("assigned tasks of no generation, joining once more");
    membership_->request_rebalance();
    return std::nullopt;
  }
  const std::string control = group_topics(options_.application_id).control;
  is_leader_ = std::any_of(event.partitions.begin(), event.partitions.end(),
                           [&](const TopicPartition& p) { return p.topic == control; });
  // Read all records from before the generation first, then make its plan.
  questions_.topics.ask_for_ends();
  return std::nullopt;
}

Status Coordinator::check_partitions(const MembershipEvent& event) const {
  for (const SubTopology& sub_topology : sub_topologies_) {
    for (const ResolvedInput& input : sub_topology.inputs) {
      const auto extra = std::find_if(
          event.partitions.begin(), event.partitions.end(), [&](const TopicPartition& assigned) {
            return assigned.topic == input.topic && assigned.partition >= sub_topology.partitions;
          });
      if (extra == event.partitions.end()) continue;
      return Error{
          ErrorCode::kConfig,
          fmt::format("topic '{}' has partition {} now, but this application was set up for {}: "
                      "keys would move between tasks while their state stays behind. Use an input "
                      "topic with the old count, or reset the application: delete its internal "
                      "topics and offsets, or give it a new application.id",
                      input.topic, extra->partition, sub_topology.partitions)};
    }
  }
  return {};
}

Status Coordinator::check_version_of(const std::string& member) const {
  const auto report = log_->reports().find(member);
  const bool is_other = member != instance_ && report != log_->reports().end();
  return is_other && !plan_
             ? check_same_numbers(inputs_by_number(sub_topologies_), report->second.report)
             : Status();
}

void Coordinator::acknowledge_revoked() {
  may_resume_ = false;
  plans_from_ = log_->plans_end();
  membership_->acknowledge_revoked();
}

bool Coordinator::has_read_all() {
  return questions_.topics.have_ends(*log_) && log_->is_current();
}

Result<std::optional<OwnershipEvent>> Coordinator::take_plan() {
  if (!has_read_all()) return std::optional<OwnershipEvent>();
  const GroupLog::PlanEntry* entry = log_->plan_of(group_.generation, plans_from_);
  if (entry == nullptr && may_resume_) {
    const Result<const GroupLog::PlanEntry*> resumed = plan_to_resume();
    if (!resumed.ok()) return resumed.status();
    entry = *resumed;
  }
  if (entry == nullptr) return std::optional<OwnershipEvent>();
  for (const auto& [member, id] : entry->plan.members) {
    MILLRACE_RETURN_IF_ERROR(check_version_of(member));
  }
  is_waiting_ = false;
  OwnershipEvent event{OwnershipEvent::Kind::kGiven, ownership_of(*entry)};
  plan_ = entry->plan;
  log_->raise_news();  // this plan, though its record came before
  spdlog::info("plan generation={} writer={} tasks={} active={} standby={} waited_ms={}",
               plan_->generation, plan_->writer, plan_->placements.size(),
               event.ownership.active.size(), event.ownership.standby.size(),
               (clock_.steady_ns() - waiting_since_ns_) / kNsPerMs);
  return std::optional<OwnershipEvent>(std::move(event));
}

Result<const GroupLog::PlanEntry*> Coordinator::plan_to_resume() {
  if (!log_->has_plan(group_.generation)) return nullptr;  // the generation is new
  const Result<std::optional<MemberQuestion::Members>> answer = questions_.members.poll();
  if (!answer.ok()) return answer.status();
  if (!answer->has_value()) return nullptr;  // the next turn asks again
  const MemberQuestion::Members& members = **answer;
  const auto is_unchanged = [&](const Plan& plan) {
    return plan.members.size() == members.size() &&
           std::all_of(members.begin(), members.end(), [&](const GroupMember& member) {
             const auto known = plan.members.find(member.instance);
             return known != plan.members.end() &&
                    (member.instance == instance_ || known->second == member.member_id);
           });
  };
  for (const GroupLog::PlanEntry& entry : log_->plans()) {
    if (entry.plan.generation != group_.generation || !is_unchanged(entry.plan)) continue;
    if (log_->has_unread_plan(group_.generation)) break;
    publish_for_next_to_resume(entry.plan, members);
    return &entry;
  }
  // Others may run that plan or one that this version cannot read, or it is of another life: only a
  // new generation is safe.
  may_resume_ = false;
  is_waiting_ = false;
  spdlog::info("the group has changed, asking for a new generation generation={}",
               group_.generation);
  membership_->request_rebalance();
  return nullptr;
}

void Coordinator::publish_for_next_to_resume(Plan plan, const std::vector<GroupMember>& members) {
  plan.writer = instance_;
  for (const GroupMember& member : members) plan.members[member.instance] = member.member_id;
  if (const Status sent = log_->publish(plan); !sent.ok()) {
    spdlog::warn("the next restart of another instance costs a rebalance: {}", sent.message());
  }
}

Ownership Coordinator::ownership_of(const GroupLog::PlanEntry& entry) {
  Ownership ownership{.group = group_, .active = {}, .standby = {}, .dead = {}, .dead_owners = {}};
  const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const Placement& placement : entry.plan.placements) {
    if (placement.active == instance_) {
      ownership.active.push_back(placement.task);
    } else if (contains(placement.standbys, instance_) || contains(placement.warmups, instance_)) {
      ownership.standby.push_back(placement.task);
    }
  }
  find_dead(entry, ownership);
  return ownership;
}

void Coordinator::find_dead(const GroupLog::PlanEntry& entry, Ownership& ownership) {
  std::erase_if(known_dead_, [&](const auto& known) {
    return known.second < log_->plans().front().offset;  // all remembered plans are newer
  });
  std::set<std::string> dead;
  std::map<TaskId, std::set<std::string>> owners;
  for (const GroupLog::PlanEntry& earlier : log_->plans()) {
    if (earlier.offset >= entry.offset) break;
    for (const TaskId task : ownership.active) {
      const Placement* const before = earlier.plan.find(task);
      if (before == nullptr || entry.plan.members.contains(before->active)) continue;
      owners[task].insert(before->active);
      const auto known = known_dead_.find(before->active);
      if (known != known_dead_.end() && earlier.offset <= known->second) continue;
      dead.insert(before->active);
    }
  }
  for (const std::string& name : dead) known_dead_[name] = entry.offset;
  ownership.dead = {dead.begin(), dead.end()};
  for (const auto& [task, names] : owners) {
    ownership.dead_owners[task] = {names.begin(), names.end()};
  }
}

Status Coordinator::lead() {
  if (!has_read_all()) return {};
  const Result<std::optional<MemberQuestion::Members>> members = questions_.members.poll();
  if (!members.ok()) return members.status();
  if (!members->has_value()) return {};
  for (const GroupMember& member : **members) {
    MILLRACE_RETURN_IF_ERROR(check_version_of(member.instance));
  }
  const Plan* const previous = log_->plans().empty() ? nullptr : &log_->plans().back().plan;
  MILLRACE_RETURN_IF_ERROR(log_->publish(plan_with(**members, previous)));
  is_published_ = true;
  return {};
}

void Coordinator::reconsider() {
  const int64_t now_ns = clock_.steady_ns();
  if (!has_news_ || !plan_ || now_ns - considered_ns_ < kConsiderIntervalNs) return;
  const Result<std::optional<MemberQuestion::Members>> members = questions_.members.poll();
  if (members.ok() && !members->has_value()) return;
  considered_ns_ = now_ns;
  if (!members.ok()) return;  // the next generation ends with this error
  has_news_ = false;
  if (plan_with(**members, &*plan_).placements == plan_->placements) return;
  spdlog::info("a better plan is possible, asking for a new generation generation={}",
               group_.generation);
  membership_->request_rebalance();
}

void Coordinator::remove_old_reports() {
  if (!plan_ || plan_->generation != group_.generation) return;
  for (const std::string& instance : gone_.find(*log_, *plan_, clock_.steady_ns())) {
    const Status sent = log_->remove_report(instance);
    if (!sent.ok()) return;  // the next look finds it again
    spdlog::info("report removed, its instance is gone instance={}", instance);
  }
}

Plan Coordinator::plan_with(const MemberQuestion::Members& members, const Plan* previous) const {
  PlannerInput input;
  input.generation = group_.generation;
  input.writer = instance_;
  std::map<std::string, std::string> ids;
  for (const GroupMember& member : members) {
    // An instance is listed twice while the membership of its former process has not expired.
    if (!ids.emplace(member.instance, member.member_id).second) continue;
    const auto report = log_->reports().find(member.instance);
    if (report != log_->reports().end()) {
      input.members.push_back(report->second.report);
    } else {
      // Instances report before they join.
      spdlog::warn("group member that is no instance gets no task client.id={}", member.instance);
    }
  }
  input.tasks = tasks_;
  input.previous = previous;
  input.standby_replicas = options_.standby_replicas;
  input.acceptable_lag = options_.acceptable_recovery_lag;
  input.warmups_max = options_.warmup_replicas_max;
  Plan plan = make_plan(input);
  plan.members = std::move(ids);
  return plan;
}

Status Coordinator::check_lives() {
  const bool is_found = lives_.take_found();
  // Without a place in the group this process may be the one that the others took for gone.
  if (lives_.is_called_out() || (is_found && !is_member_)) {
    return Error{ErrorCode::kFenced,
                 fmt::format("another process runs as instance '{}' of this application: its state "
                             "directory was copied, or is shared between machines. Give each "
                             "process a state directory of its own; in a copy, delete the file "
                             "'instance'",
                             instance_)};
  }
  if (is_found) {
    spdlog::error(
        "another process was started as instance '{}', on a copy of this state directory "
        "or on the same one: telling it to end",
        instance_);
    report(reported_.last);
  }
  return {};
}

void Coordinator::sign(InstanceReport& report) const {
  report.inputs = inputs_by_number(sub_topologies_);
  if (watches_lives()) lives_.sign(report);
}

void Coordinator::report(InstanceReport report) {
  sign(report);
  // A leader that took this instance for gone may have removed it, and the last words of a static
  // member that ended may have come behind the first ones of its successor.
  const auto shown = log_->reports().find(instance_);
  const bool is_shown = shown != log_->reports().end() &&
                        shown->second.report.inputs.empty() == report.inputs.empty();
  if (report == reported_.last && is_shown) return;
  const Status sent = log_->publish(report);
  if (sent.ok()) {
    reported_.last = std::move(report);
    return;
  }
  const int64_t now_ns = clock_.steady_ns();
  if (reported_.failed_ns != 0 && now_ns - reported_.failed_ns < kReportFailureIntervalNs) return;
  reported_.failed_ns = now_ns;
  reported_.is_missing = true;
  spdlog::warn("state not reported: {}", sent.message());
}

std::vector<std::string> Coordinator::snapshot_peers(TaskId task) const {
  std::vector<std::pair<int64_t, std::string>> found;
  for (const auto& [instance, entry] : log_->reports()) {
    const InstanceReport& report = entry.report;
    const auto held = report.held.find(task);
    const bool is_member = plan_ && instance != instance_ && plan_->members.contains(instance);
    if (!is_member || !report.has_snapshots || report.endpoint.empty()) continue;
    if (held != report.held.end()) found.emplace_back(held->second, report.endpoint);
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  if (found.size() > kSnapshotPeersMax) found.resize(kSnapshotPeersMax);
  std::vector<std::string> endpoints;
  endpoints.reserve(found.size());
  for (auto& [position, endpoint] : found) endpoints.push_back(std::move(endpoint));
  return endpoints;
}

std::optional<PeerView> Coordinator::take_view() {
  // News of the next plan count once it is being run.
  if (!plan_ || is_waiting_ || !log_->take_news()) return std::nullopt;
  return view_of(*plan_, *log_, instance_);
}

void Coordinator::close(bool is_fenced) {
  if (membership_ == nullptr) return;
  if (!options_.instance_id.empty() && !is_fenced) {
    // Else the version that it ran would count while its session lasts.
    reported_.last.inputs.clear();
    bool is_sent = log_->publish(reported_.last).ok();
    for (int i = 0; is_sent && i < kLastReportPolls; ++i) {
      const Result<bool> news = log_->poll();
      const auto shown = log_->reports().find(instance_);
      is_sent = news.ok() && shown != log_->reports().end() && !shown->second.report.inputs.empty();
      if (is_sent) log_->wait(kLogWaitMs);
    }
  }
  questions_.topics.stop();
  membership_->close();
}

}  // namespace millrace::engine
