#include "world.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "bounds.h"
#include "instance.h"
#include "jobs/jobs.h"

namespace millrace::simulation {
namespace {

constexpr uint64_t kOrderSalt = 0x9e3779b97f4a7c15;
constexpr uint64_t kInputSalt = 0xbf58476d1ce4e5b9;
/// Rounds within which everything is processed once the faults have ended; a session's and a
/// transaction's time-out and a leader's patience are a part of them.
constexpr int kSettleRoundsMax = 3'000;
constexpr int64_t kSettleRoundMs = 20;
/// So many rounds in a row without anything to do are the end.
constexpr int kQuietRounds = 3;
constexpr int kOthersTurnsMax = 40;
constexpr int64_t kTransactionMs = 10'000;

}  // namespace

World::World(const WorldScript& script)
    : script_(script),
      maker_(make_scripted_job()),
      job_(make_scripted_job()),
      order_(script.seed),
      inputs_(script.seed),
      on_error_(script.on_error) {
  topics_.partitions = script.partitions;
  broker_.set_clock(clock_);
  topology_ = job_->next_topology().value();
  const Result<Topology> first = job_->topology();
  for (const Node& node : first->nodes()) {
    if (node.kind == NodeKind::kSource) topics_.task_inputs.push_back(node.topic.name);
  }
  checks_ = std::make_unique<Checks>(broker_, *topology_, "app");
  if (script_.on_disk) {
    const std::filesystem::path in_memory = "/dev/shm";
    root_ =
        (std::filesystem::exists(in_memory) ? in_memory : std::filesystem::temp_directory_path()) /
        fmt::format("millrace-simulation-{}", ::getpid());
    std::filesystem::remove_all(root_);
  }
  broker_.set_sessions(script_.is_static ? testing::MemoryBroker::Sessions::kStatic
                                         : testing::MemoryBroker::Sessions::kDynamic);
  create_topics();
  for (size_t i = 0; i < script_.instances; ++i) {
    Instance& instance = *instances_.emplace_back(std::make_unique<Instance>());
    instance.name = fmt::format("i{}", i);
    if (script_.on_disk) instance.disk = std::make_unique<Disk>();
    instance.kafka = broker_.clients();
    instance.link = make_link(*instance.kafka, hooks_of(instance));
  }
}

World::~World() {
  instances_.clear();
  if (!root_.empty()) std::filesystem::remove_all(root_);
}

Outcome World::run() {
  for (const auto& instance : instances_) start(*instance);
  auto next = script_.strikes.begin();
  for (int number = 0; number < script_.steps && !outcome_.failure; ++number) {
    order_ = Draws(script_.seed ^ (kOrderSalt * static_cast<uint64_t>(number + 1)));
    inputs_ = Draws(script_.seed ^ (kInputSalt * static_cast<uint64_t>(number + 1)));
    for (; next != script_.strikes.end() && next->step <= number; ++next) strike(*next);
    step();
  }
  if (!outcome_.failure) settle();
  return outcome_;
}

std::unique_ptr<Job> World::make_scripted_job() const {
  std::unique_ptr<Job> job = make_job(script_.job, script_.seed);
  return script_.has_upgrades ? make_upgraded_job(std::move(job), script_.ends_upgraded)
                              : std::move(job);
}

void World::step() {
  obey();
  if (inputs_.one_in(2)) feed();
  // Mostly turns follow each other at once; at times something is slow.
  int64_t ms = order_.between(0, 10);
  if (order_.one_in(6)) ms = order_.between(50, 500);
  if (order_.one_in(25)) ms = order_.between(1'000, 5'000);
  pass(ms);
  for (uint64_t turns = 1 + order_.below(2 * instances_.size()); turns > 0; --turns) turn_one();
}

void World::turn_one() {
  turn(*instances_[order_.below(instances_.size())]);
}

void World::turn(Instance& instance) {
  if (outcome_.failure || instance.engine == nullptr || instance.is_in_turn ||
      instance.frozen_until_ms > steady_ms()) {
    return;
  }
  ++outcome_.turns;
  const Phase before = phase_of(instance, std::nullopt);
  instance.is_in_turn = true;
  const Status status = instance.engine->run_once();
  instance.is_in_turn = false;
  see_disk(instance, before);
  if (instance.is_dead) return bury(instance);
  if (!status.ok() && status.code() == ErrorCode::kStoreIo && may_fail_on_disk(instance)) {
    return end_failed(instance);
  }
  if (!status.ok() && has_explanation(instance, status)) {
    instance.down_ms = kBackMs;
    return bury(instance);
  }
  if (!status.ok()) {
    note(fmt::format("{} ended by itself: {}: {}", instance.name, to_string(status.code()),
                     status.message()));
    return;
  }
  note(check_bounds(instance.name, *instance.engine, script_));
  count_look(instance);
  if (!topics_.aside.empty()) notice_new_changelogs();
  if (!std::exchange(instance.has_committed, false)) return;
  note(checks_->stores(instance.name, *instance.engine));
  observe();
}

void World::go_on(Instance& but, int64_t ms) {
  const bool was_nested = std::exchange(is_nested_, true);
  const bool was_in_turn = std::exchange(but.is_in_turn, true);
  const int64_t turns = std::min<int64_t>(kOthersTurnsMax, 1 + ms / 5);
  for (int64_t i = 0; i < turns; ++i) {
    pass(ms / turns);
    turn_one();
  }
  but.is_in_turn = was_in_turn;
  is_nested_ = was_nested;
}

int64_t World::steady_ms() const {
  return clock_.steady_ns() / 1'000'000;
}

void World::pass(int64_t ms) {
  clock_.advance(ms);
  latest_ms_ = std::max(latest_ms_, clock_.now_ms());
  while (!endings_.empty() && endings_.begin()->first <= steady_ms()) {
    const std::function<void()> ending = std::move(endings_.begin()->second);
    endings_.erase(endings_.begin());
    ending();
  }
  time_out_transactions();
}

void World::feed() {
  for (const Input& input : maker().make_inputs(inputs_, clock_.now_ms())) put(input);
}

void World::put(const Input& input) {
  if (!is_fed(input.topic)) return;
  const TopicPartition partition{input.topic, partition_for(input.topic, input.key)};
  broker_.append(
      partition,
      {.timestamp_ms = input.timestamp_ms, .key = input.key, .value = input.value, .headers = {}});
  ++outcome_.records;
}

void World::observe() {
  for (const bool is_input : {true, false}) {
    for (const std::string& topic : is_input ? job_->inputs() : job_->outputs()) {
      for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
        const TopicPartition partition{topic, p};
        int64_t& next = read_[partition];
        for (const testing::StoredRecord& record : broker_.read_committed(partition, next)) {
          next = record.offset + 1;
          if (!is_input) {
            note(job_->observe(partition, record, latest_ms_));
          } else if (record.key->starts_with(kPoisonKey)) {
            ++poisons_;
          } else {
            job_->accept(partition, record);
          }
        }
      }
    }
  }
  if (broker_.is_all_decided()) note(job_->check_commits());
}

/// A coordinator aborts what is open for too long.
void World::time_out_transactions() {
  std::map<int64_t, int64_t> still_open;
  for (const auto& [id, number] : broker_.open_transactions()) {
    const auto known = begun_ms_.find(number);
    const int64_t since = known == begun_ms_.end() ? steady_ms() : known->second;
    if (steady_ms() - since > kTransactionMs) {
      broker_.time_out_transaction(id);
    } else {
      still_open[number] = since;
    }
  }
  begun_ms_ = std::move(still_open);
}

void World::note(Finding finding) {
  if (finding && !outcome_.failure) outcome_.failure = std::move(finding);
}

bool World::is_quiet() {
  // A topic that grew is noticed some time, and what is in it is missing until then.
  return broker_.open_transactions().empty() && !operator_.has_orders() &&
         (!operator_.knows(Event::kInputGrown) || is_growth_taken()) &&
         std::ranges::all_of(instances_, [this](const auto& instance) {
           return instance->engine != nullptr && !instance->has_old_tables &&
                  instance->may_have_old_tables_until_ms <= steady_ms() &&
                  instance->engine->is_idle() && !instance->engine->has_uncommitted();
         });
}

void World::settle() {
  heal();
  int quiet = 0;
  for (int round = 0; round < kSettleRoundsMax && !outcome_.failure; ++round) {
    obey();
    pass(kSettleRoundMs);
    for (const auto& instance : instances_) turn(*instance);
    quiet = is_quiet() ? quiet + 1 : 0;
    if (quiet < kQuietRounds) continue;
    observe();
    if (!job_->is_settled()) continue;
    note(job_->check_end(clock_.now_ms()));
    if (job_->due_ms() >= clock_.now_ms()) {
      pass(job_->due_ms() + 1 - clock_.now_ms());
      continue;
    }
    check_dead_letters();
    return;
  }
  std::string states;
  for (const auto& instance : instances_) {
    states +=
        fmt::format(" {}={}", instance->name,
                    instance->engine == nullptr ? "down" : to_string(instance->engine->state()));
  }
  if (!job_->is_settled()) states += ", with work left";
  note(fmt::format("not at rest {} rounds after the last fault:{}", kSettleRoundsMax, states));
}

void World::check_dead_letters() {
  const std::string topic = "app-dead-letters";
  int64_t letters = 0;
  for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
    letters += static_cast<int64_t>(broker_.read_committed({topic, p}).size());
  }
  const int64_t wanted = on_error_ == OnError::kDeadLetter ? poisons_ : 0;
  if (letters == wanted) return;
  note(fmt::format("there are {} dead letters of {} poison records", letters, wanted));
}

}  // namespace millrace::simulation
