// The faults of a script strike a world.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "instance.h"
#include "storage/storage_script.h"

namespace millrace::simulation {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int kHoursOfADay = 25;

/// Mostly short, at times longer than a session.
int64_t duration_ms(Draws& draws) {
  return draws.one_in(3) ? draws.between(8'000, 25'000) : draws.between(1, 800);
}

}  // namespace

bool World::applies(Kind kind, Call call) {
  switch (kind) {
    case Kind::kRequestLost:
      return call != Call::kStep && call != Call::kSnapshot && call != Call::kMembership &&
             call != Call::kJoin;
    case Kind::kAnswerLost:
      return call == Call::kInit || call == Call::kCommit || call == Call::kAbort ||
             call == Call::kSendOffsets || call == Call::kTopics;
    case Kind::kAborted:
      return call == Call::kSend || call == Call::kSendOffsets || call == Call::kCommit;
    case Kind::kSnapshotCut:
    case Kind::kSnapshotGarbled:
    case Kind::kSnapshotFuture:
    case Kind::kSnapshotGone:
      return call == Call::kSnapshot;
    default:
      return true;
  }
}

/// Of the world's own clients, which no fault hits.
void World::note_error(const Status& status) {
  if (!status.ok()) note(status.message());
}

/// The client's words for a call that has no answer.
Error World::lost(Call call) {
  const bool is_unknown = call == Call::kCommit || call == Call::kAbort ||
                          call == Call::kSendOffsets || call == Call::kFlush;
  return {is_unknown ? ErrorCode::kTimedOut : ErrorCode::kRetriable, "no answer"};
}

void World::later(int64_t after_ms, std::function<void()> what) {
  endings_.emplace(steady_ms() + after_ms, std::move(what));
}

void World::count(const Strike& strike, Phase phase) {
  ++outcome_.faults;
  ++outcome_.coverage[{strike.kind, phase}];
}

void World::strike(const Strike& strike) {
  Instance& instance = *instances_[strike.victim % instances_.size()];
  if (strike.calls > 0) {
    if (instance.engine != nullptr) instance.armed.push_back(strike);
    return;
  }
  const Phase phase = phase_of(instance, std::nullopt);
  Draws draws(strike.salt);
  if (hit(instance, strike.kind, draws)) count(strike, phase);
}

Fate World::strike_in_call(Instance& instance, const Strike& strike, Call call) {
  const bool is_storage = is_of_storage(strike.kind);
  if (!is_storage) count(strike, phase_of(instance, call));
  Draws draws(strike.salt);
  const Error dead{ErrorCode::kInternal, "the process is gone"};
  switch (strike.kind) {
    case Kind::kRequestLost:
      return {.before = lost(call)};
    case Kind::kAnswerLost:
      return {.after = lost(call)};
    case Kind::kAborted:
      return {.before = Error{ErrorCode::kAborted, "the transaction has to be aborted"}};
    case Kind::kKill: {
      const bool is_after = draws.one_in(2);
      kill(instance, duration_ms(draws));
      if (is_after) return {.after = dead};
      return {.before = dead};
    }
    case Kind::kFreeze: {
      const int64_t ms = duration_ms(draws);
      freeze(instance, ms);
      go_on(instance, ms);
      return {};
    }
    case Kind::kLate:
      go_on(instance, draws.between(1, 2'000));
      return {};
    default:
      if (hit(instance, strike.kind, draws) && is_storage) {
        count(strike, phase_of(instance, call));
      }
      if (instance.is_dead) return {.before = dead};
      return {};
  }
}

bool World::hit(Instance& instance, Kind kind, Draws& draws) {
  const bool is_up = instance.engine != nullptr;
  switch (kind) {
    case Kind::kKill:
      if (is_up) kill(instance, duration_ms(draws));
      return is_up;
    case Kind::kStop:
      if (is_up && instance.frozen_until_ms <= steady_ms()) stop(instance, duration_ms(draws));
      return is_up;
    case Kind::kFreeze:
      if (is_up) freeze(instance, duration_ms(draws));
      return is_up;
    case Kind::kCut:
      instance.cut_until_ms = steady_ms() + duration_ms(draws);
      if (instance.cut_until_ms - steady_ms() > 10'000) {
        later(10'000, [this, &instance] { broker_.end_session(instance.name); });
      }
      return is_up;
    case Kind::kBrokerAway:
      is_away_ = true;
      later(duration_ms(draws), [this] { is_away_ = false; });
      return true;
    case Kind::kLeaderless:
      return lose_leader(draws);
    case Kind::kMarkersHeld:
      broker_.hold_markers(true);
      later(duration_ms(draws), [this] { broker_.hold_markers(false); });
      return true;
    case Kind::kTransactionTimeout:
      broker_.time_out_transaction("app-" + instance.name);
      return true;
    case Kind::kRebalance:
      broker_.rebalance();
      return true;
    case Kind::kSessionEnd:
      broker_.end_session(instance.name);
      return true;
    case Kind::kCompaction:
      compact();
      return true;
    case Kind::kRetention:
      cut_inputs();
      return true;
    case Kind::kDay:
      let_a_day_pass();
      return true;
    case Kind::kClockStep:
      step_clock(draws.between(-kHourMs / 2, kHourMs / 2));
      latest_ms_ = std::max(latest_ms_, clock_.now_ms());
      return true;
    case Kind::kPause:
      if (!is_up) return false;
      instance.engine->pause();
      later(duration_ms(draws), [&instance] {
        if (instance.engine != nullptr) instance.engine->resume();
      });
      return true;
    case Kind::kPoison:
      return refuse(maker().make_poison(clock_.now_ms()));
    case Kind::kForeignReport:
      return report_as_stranger(draws);
    case Kind::kForeignTransaction:
      return send_as_stranger(draws);
    case Kind::kDiskLost:
    case Kind::kDiskTorn:
      return damage_disk(instance, kind, draws);
    default:
      return hit_later_kind(instance, kind, draws);
  }
}

bool World::hit_later_kind(Instance& instance, Kind kind, Draws& draws) {
  if (kind == Kind::kMembersLost) return lose_members(instance, draws);
  return change_topics(kind, draws) || change_versions(instance, kind, draws) ||
         hit_storage(instance, kind, draws);
}

/// Mostly while a new generation needs its plan.
bool World::lose_members(Instance& instance, Draws& draws) {
  constexpr std::array kForms{MembersFault::Form::kNothing, MembersFault::Form::kLate,
                              MembersFault::Form::kWithoutAsker};
  instance.members = {.until_ms = steady_ms() + duration_ms(draws), .form = draws.one_of(kForms)};
  if (!draws.one_in(3)) broker_.rebalance();
  return instance.engine != nullptr;
}

bool World::lose_leader(Draws& draws) {
  std::vector<TopicPartition> all;
  for (const std::string& topic : broker_.topics()) {
    // A group's own topics have one partition for all of them.
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) all.push_back({topic, p});
  }
  const TopicPartition lost = draws.one_of(all);
  leaderless_.insert(lost);
  later(duration_ms(draws), [this, lost] { leaderless_.erase(lost); });
  return true;
}

void World::compact() {
  observe();
  checks_->read_changelogs();
  std::vector<std::string> compacted{"app-plan", "app-instances"};
  for (const StoreSpec& store : topology_->stores()) {
    if (store.changelog) compacted.push_back(changelog_topic_name("app", store.name));
  }
  for (const auto& [topic, is_compacted] : job_->topics()) {
    if (is_compacted && is_read(topic)) compacted.push_back(topic);
  }
  for (const std::string& topic : compacted) {
    if (broker_.partitions(topic) > 0) broker_.compact(topic, steady_ms());
  }
}

/// Whether nothing in the topic waits for the application: who reads a compacted topic too late has
/// missed tombstones, and nobody can tell.
bool World::is_read(const std::string& topic) const {
  // Cursors into broadcast tables know when they are too late.
  if (topology_->find_broadcast(topic) != nullptr) return true;
  for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
    if (broker_.committed_offset({topic, p}) < broker_.last_stable_offset({topic, p})) return false;
  }
  return true;
}

/// Everything that was read goes: by retention in inputs, by the instances in exchanges.
void World::cut_inputs() {
  observe();
  const auto kafka = broker_.clients();
  const auto admin = kafka->admin().value();
  for (const std::string& topic : broker_.topics()) {
    if (const auto own = job_->topics().find(topic); own != job_->topics().end() && own->second) {
      continue;
    }
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
      const int64_t committed = broker_.committed_offset({topic, p});
      if (committed <= 0 || committed > broker_.last_stable_offset({topic, p})) continue;
      const std::vector<engine::PartitionOffset> before{{{topic, p}, committed}};
      note_error(admin->delete_records(before));
    }
  }
}

/// Tombstones that were compacted before it are gone after it.
void World::step_clock(int64_t wrong_by_ms) {
  clock_.step(wrong_by_ms - wrong_by_ms_);
  wrong_by_ms_ = wrong_by_ms;
}

void World::let_a_day_pass() {
  compact();
  for (int hour = 0; hour < kHoursOfADay; ++hour) {
    pass(kHourMs);
    for (int round = 0; round < 4; ++round) {
      pass(10);
      for (const auto& instance : instances_) turn(*instance);
    }
  }
  compact();
}

/// Anybody may write to the topics of the group.
bool World::report_as_stranger(Draws& draws) {
  const std::string topic = draws.one_in(2) ? "app-plan" : "app-instances";
  if (broker_.partitions(topic) == 0) return false;
  std::string bytes;
  for (uint64_t i = draws.below(200); i > 0; --i) bytes += static_cast<char>(draws.below(256));
  broker_.append({topic, 0}, {.timestamp_ms = clock_.now_ms(),
                              .key = draws.one_in(2) ? "i0" : bytes.substr(0, 5),
                              .value = bytes,
                              .headers = {}});
  return true;
}

bool World::send_as_stranger(Draws& draws) {
  const std::shared_ptr<engine::ClientFactory> kafka = broker_.clients();
  const std::shared_ptr<engine::Producer> producer =
      kafka->producer(fmt::format("stranger-{}", strangers_++)).value();
  note_error(producer->init_transactions());
  note_error(producer->begin_transaction());
  std::map<std::string, int32_t> handles;
  for (const std::string& topic : job_->inputs()) {
    if (is_fed(topic)) handles[topic] = producer->topic_handle(topic).value();
  }
  for (const Input& input : maker().make_inputs(draws, clock_.now_ms())) {
    if (!is_fed(input.topic)) continue;
    note_error(producer->send({handles.at(input.topic),
                               partition_for(input.topic, input.key),
                               Bytes(input.key),
                               input.value ? Bytes(*input.value) : Bytes(),
                               input.timestamp_ms,
                               {}}));
    ++outcome_.records;
  }
  const bool is_good = !draws.one_in(3);
  later(draws.between(1, 5'000), [this, kafka, producer, is_good] {
    const Status ended = is_good ? producer->commit_transaction() : producer->abort_transaction();
    // It may have been open for too long.
    if (!ended.ok() && ended.code() != ErrorCode::kFenced) note_error(ended);
  });
  return true;
}

/// The instance is killed, and what it comes back to is not what it left.
bool World::damage_disk(Instance& instance, Kind kind, Draws& draws) {
  if (instance.engine == nullptr) return false;
  instance.has_damage = true;
  kill(instance, draws.between(1, 2'000));
  std::vector<std::filesystem::path> tasks;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root_ / instance.name / "app")) {
    if (entry.is_directory()) tasks.push_back(entry.path());
  }
  if (tasks.empty()) return false;
  std::ranges::sort(tasks);
  const std::filesystem::path task = draws.one_of(tasks);
  if (kind == Kind::kDiskLost) {
    std::filesystem::remove_all(task);
    return true;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(task)) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  }
  if (files.empty()) return false;
  std::ranges::sort(files);
  const std::filesystem::path file = draws.one_of(files);
  std::filesystem::resize_file(file, draws.below(std::filesystem::file_size(file)));
  return true;
}

void World::heal() {
  is_away_ = false;
  leaderless_.clear();
  broker_.hold_markers(false);
  for (const auto& instance : instances_) {
    instance->armed.clear();
    if (instance->disk != nullptr) instance->disk->heal();
    instance->cut_until_ms = 0;
    instance->members = {};
    instance->frozen_until_ms = 0;
    if (script_.has_upgrades && instance->is_next != script_.ends_upgraded) {
      instance->is_next = script_.ends_upgraded;
      if (instance->engine != nullptr) stop(*instance, kBackMs);
    }
    if (instance->engine == nullptr) start(*instance);
    if (instance->engine != nullptr) instance->engine->resume();
  }
}

}  // namespace millrace::simulation
