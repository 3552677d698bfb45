// How a world's instances begin, end and reach the broker.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "instance.h"

namespace millrace::simulation {
namespace {

constexpr int64_t kSessionMs = 10'000;
/// Of all tables of rows: which rows are evicted decides which are read from a disk that fails.
constexpr uint64_t kHashSeed = 1;
/// For so long a client waits for a broker that is away.
constexpr int64_t kMembersLateMs = 2'000;

bool is_of_commit(Call call) {
  return call == Call::kFlush || call == Call::kSendOffsets || call == Call::kCommit ||
         call == Call::kAbort || call == Call::kStep;
}

}  // namespace

void World::start(Instance& instance) {
  EngineOptions options;
  options.application_id = "app";
  options.instance_id = instance.name;
  options.state_dir = root_.empty() ? root_ : root_ / instance.name;
  options.worker_threads = 1;
  options.poll_wait_ms = 0;
  options.commit_pipelined = script_.storage.is_pipelined;
  options.commit_interval_ms = script_.commit_interval_ms;
  options.commit_bytes_max = script_.commit_bytes_max;
  options.slice_records = script_.slice_records;
  options.input_buffer_bytes = script_.storage.input_buffer_bytes;
  options.cache_bytes = script_.storage.cache_bytes;
  options.write_buffer_bytes = script_.storage.write_buffer_bytes;
  if (script_.storage.has_snapshots) options.snapshot_dir = root_ / kSnapshots;
  options.snapshot_interval_ms = script_.storage.snapshot_interval_ms;
  options.snapshot_peers = false;
  options.state_cleanup_delay_ms = script_.storage.cleanup_delay_ms;
  options.standby_replicas = script_.standby_replicas;
  options.session_timeout_ms = kSessionMs;
  options.on_invalid_record = options.on_user_error = options.on_refused_output = on_error_;
  options.allow_orphans = script_.has_upgrades;
  EngineHooks hooks;
  hooks.on_commit_step = [this, &instance](CommitStep) -> Status {
    const Fate fate = on_call(instance, Call::kStep);
    return instance.is_dead && fate.before ? Status(*fate.before) : Status();
  };
  hooks.on_snapshot_step = [this, &instance]() -> Status {
    on_call(instance, Call::kSnapshot);
    return instance.is_dead ? Status(Error{ErrorCode::kAborted, "the process is gone"}) : Status();
  };
  hooks.is_repeatable = true;
  if (instance.disk != nullptr) instance.disk->revive();
  hooks.open_state = [disk = instance.disk.get()](TaskStateOptions state,
                                                  std::span<const StoreSpec> stores) {
    state.hash_seed = kHashSeed;
    return disk == nullptr ? TaskState::open(std::move(state), stores)
                           : disk->open_state(state, stores);
  };
  Result<std::unique_ptr<Engine>> made =
      Engine::create(instance.is_next ? job_->next_topology() : job_->topology(), options,
                     *instance.link, clock_, std::move(hooks));
  if (!made.ok()) return note(fmt::format("{} does not start: {}", instance.name, made.message()));
  instance.engine = std::move(*made);
  ++instance.life;
  instance.on_error = on_error_;
  instance.has_old_tables = false;
  instance.may_have_old_tables_until_ms = 0;
  instance.looks_left = 0;
}

void World::stop(Instance& instance, int64_t down_ms) {
  const Phase before = phase_of(instance, std::nullopt);
  instance.is_in_turn = true;
  const Status status = instance.engine->close();
  instance.is_in_turn = false;
  see_disk(instance, before);
  const bool may_fail = status.ok() || instance.is_dead ||
                        (status.code() == ErrorCode::kStoreIo && may_fail_on_disk(instance)) ||
                        has_explanation(instance, status);
  if (!may_fail) {
    note(fmt::format("{} does not stop in order: {}", instance.name, status.message()));
  }
  instance.down_ms = down_ms;
  bury(instance);
}

void World::kill(Instance& instance, int64_t down_ms) {
  instance.down_ms = down_ms;
  if (instance.disk != nullptr) instance.disk->cut_off();
  if (instance.is_in_turn) {
    instance.is_dead = true;
  } else {
    bury(instance);
  }
}

void World::bury(Instance& instance) {
  if (instance.disk != nullptr) instance.disk->finish_flushes();
  const Phase before = phase_of(instance, std::nullopt);
  instance.engine.reset();
  see_disk(instance, before);
  instance.is_dead = false;
  instance.has_committed = false;
  instance.has_old_tables = false;
  instance.may_have_old_tables_until_ms = 0;
  instance.frozen_until_ms = 0;
  instance.armed.clear();
  const int life = instance.life;
  later(instance.down_ms, [this, &instance, life] {
    if (instance.engine == nullptr && instance.life == life) start(instance);
  });
  later(kSessionMs, [this, &instance] {
    broker_.end_session(instance.name, testing::MemoryBroker::Whose::kGone);
  });
}

void World::freeze(Instance& instance, int64_t ms) {
  instance.frozen_until_ms = steady_ms() + ms;
  if (ms < kSessionMs) return;
  const int life = instance.life;
  later(kSessionMs, [this, &instance, life] {
    if (instance.life != life || instance.frozen_until_ms < steady_ms()) return;
    broker_.end_session(instance.name);
  });
}

Phase World::phase_of(const Instance& instance, std::optional<Call> call) const {
  if (instance.engine == nullptr) return Phase::kDown;
  if (call && is_of_commit(*call)) return Phase::kCommitting;
  switch (instance.engine->state()) {
    case EngineState::kRebalancing:
      return Phase::kRebalancing;
    case EngineState::kRestoring:
      return Phase::kRestoring;
    case EngineState::kRunning:
      return instance.engine->has_uncommitted() ? Phase::kProcessing : Phase::kIdle;
    default:
      return Phase::kStarting;
  }
}

LinkHooks World::hooks_of(Instance& instance) {
  LinkHooks hooks;
  hooks.on_call = [this, &instance](Call call) { return on_call(instance, call); };
  hooks.has_leader = [this](const TopicPartition& partition) {
    return !leaderless_.contains(partition);
  };
  hooks.on_committed = [this, &instance](int32_t generation,
                                         std::span<const engine::PartitionOffset> offsets) {
    instance.has_committed = true;
    note(checks_->committed(instance.name, generation, offsets));
  };
  hooks.on_members = [this, &instance](std::vector<engine::GroupMember>& members) {
    const MembersFault& fault = instance.members;
    if (fault.form != MembersFault::Form::kWithoutAsker || fault.until_ms <= steady_ms()) return;
    std::erase_if(members, [&](const engine::GroupMember& member) {
      return member.instance == instance.name;
    });
  };
  hooks.on_wait = [this, &instance](int64_t ms) { go_on(instance, ms); };
  return hooks;
}

Fate World::on_call(Instance& instance, Call call) {
  const Error dead{ErrorCode::kInternal, "the process is gone"};
  if (instance.is_dead) return {.before = dead};
  if (instance.disk != nullptr) instance.disk->finish_flushes();
  Fate fate;
  for (size_t i = 0; i < instance.armed.size() && !is_nested_; ++i) {
    Strike& armed = instance.armed[i];
    if (armed.calls > 1) {
      --armed.calls;
    } else if (!fate.before && !fate.after && applies(armed.kind, call)) {
      const Strike strike = armed;
      instance.armed.erase(instance.armed.begin() + static_cast<std::ptrdiff_t>(i--));
      fate = strike_in_call(instance, strike, call);
      if (instance.is_dead && !fate.before && !fate.after) return {.before = dead};
    }
  }
  if (fate.before || fate.after) return fate;
  if (is_away_ || instance.cut_until_ms > steady_ms()) return {.before = lost(call)};
  if (call != Call::kMembers || instance.members.until_ms <= steady_ms()) return {};
  if (instance.members.form == MembersFault::Form::kNothing) return {.before = lost(call)};
  if (instance.members.form == MembersFault::Form::kLate && !is_nested_) {
    go_on(instance, kMembersLateMs);
    if (instance.is_dead) return {.before = dead};
  }
  return {};
}

}  // namespace millrace::simulation
