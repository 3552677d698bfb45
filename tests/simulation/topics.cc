// Topics that somebody grows, replaces or deletes under a running application.
#include <algorithm>

#include "millrace/core/partitioner.h"

#include "instance.h"

namespace millrace::simulation {
namespace {

/// An instance looks at the partitions of its tables every 30 s.
constexpr int64_t kTableLookMs = 35'000;
constexpr int32_t kPartitionsMax = 8;
/// Until clients look at a topic's partitions again.
constexpr int64_t kMetadataAgeMs = 5'000;
constexpr int kDrainRounds = 60;
constexpr int64_t kDrainRoundMs = 20;
/// Turns of an instance until it has surely looked at each input.
constexpr int kLooks = 3;

}  // namespace

/// Those that do not exist: of the job, and internal ones with settings of its own.
void World::create_topics() {
  for (const auto& [topic, is_compacted] : job_->topics()) create_topic(topic, topics_.partitions);
  for (const auto& [topic, config] : job_->settings()) create_topic(topic, topics_.partitions);
}

void World::create_topic(const std::string& topic, int32_t partitions) {
  const auto topics = job_->topics();
  const auto own = topics.find(topic);
  const auto settings = job_->settings();
  const auto more = settings.find(topic);
  auto config = more == settings.end() ? std::map<std::string, std::string>() : more->second;
  config.try_emplace("cleanup.policy", own == topics.end() || own->second ? "compact" : "delete");
  broker_.create_topic(topic, partitions, std::move(config));
}

/// Where a key was first, even if its topic has more partitions now: else its records would be in
/// two tasks. Inputs that are joined place a key alike.
int32_t World::partition_for(const std::string& topic, const std::string& key) {
  const bool is_task_input =
      std::ranges::find(topics_.task_inputs, topic) != topics_.task_inputs.end();
  int32_t partitions = broker_.partitions(topic);
  if (is_task_input) {
    for (const std::string& other : topics_.task_inputs) {
      if (is_fed(other)) partitions = std::min(partitions, broker_.partitions(other));
    }
  }
  const auto place = std::pair(is_task_input ? std::string() : topic, key);
  return topics_.places.try_emplace(place, partition_of(Bytes(key), partitions)).first->second;
}

bool World::change_topics(Kind kind, Draws& draws) {
  switch (kind) {
    case Kind::kInputGrown:
      return grow_input(draws);
    case Kind::kTableGrown:
      return grow_table(draws);
    case Kind::kInputReplaced:
      return replace_input(draws);
    case Kind::kChangelogDeleted:
      return delete_changelog(draws);
    default:
      return false;
  }
}

bool World::grow_input(Draws& draws) {
  const std::string topic = draws.one_of(topics_.task_inputs);
  const int32_t partitions = broker_.partitions(topic) + static_cast<int32_t>(draws.between(1, 2));
  if (!is_fed(topic) || partitions > kPartitionsMax) return false;
  broker_.add_partitions(topic, partitions);
  // One that is in its turn may have looked at its inputs before it creates the first topic.
  const bool has_begun =
      std::ranges::any_of(broker_.topics(),
                          [](const auto& name) { return name.starts_with(kInternalPrefix); }) ||
      std::ranges::any_of(instances_, [](const auto& instance) { return instance->is_in_turn; });
  if (!has_begun) {
    grow_others();  // the application will take its inputs as they are
    return true;
  }
  operator_.learn(Event::kInputGrown);
  later(draws.between(0, kMetadataAgeMs), [this] { look_at_partitions(); });
  return true;
}

/// As clients do that see more partitions than there were when they joined.
void World::look_at_partitions() {
  if (!operator_.knows(Event::kInputGrown)) return;
  broker_.rebalance();
  later(kMetadataAgeMs, [this] { look_at_partitions(); });
}

/// Whether the application was set up for the inputs as they are now: somebody deleted its
/// changelogs, or its first start was cut off, and it started again after the inputs had grown.
bool World::is_growth_taken() {
  for (const std::string& topic : topics_.task_inputs) {
    if (is_fed(topic) && !is_drained(topic)) return false;
  }
  // Not those of the next version's own stores: their inputs do not grow.
  const int32_t partitions = broker_.partitions(topics_.task_inputs.front());
  const Topology first_version = job_->topology().value();
  return std::ranges::all_of(first_version.stores(), [&](const StoreSpec& store) {
    const int32_t there =
        broker_.partitions(std::string(kInternalPrefix) + store.name + "-changelog");
    return there == 0 || there == partitions;
  });
}

void World::grow_others() {
  for (const std::string& topic : topics_.task_inputs) {
    topics_.partitions = std::max(topics_.partitions, broker_.partitions(topic));
  }
  for (const std::string& topic : topics_.task_inputs) {
    if (broker_.partitions(topic) > 0) broker_.add_partitions(topic, topics_.partitions);
  }
}

bool World::grow_table(Draws& draws) {
  if (topology_->broadcasts().empty()) return false;
  const std::string& topic = draws.one_of(topology_->broadcasts()).name;
  const int32_t partitions = broker_.partitions(topic) + 1;
  if (partitions > kPartitionsMax) return false;
  broker_.add_partitions(topic, partitions);
  operator_.learn(Event::kTableGrown);
  for (const auto& instance : instances_) {
    if (instance->engine == nullptr) continue;
    // One that is starting may look at the topic later, or has looked; then it notices soon.
    if (instance->engine->state() == EngineState::kStarting) {
      instance->may_have_old_tables_until_ms = steady_ms() + kTableLookMs;
    } else {
      instance->has_old_tables = true;
    }
  }
  return true;
}

/// Whether nothing in the topic waits for the application or for the end of a transaction.
bool World::is_drained(const std::string& topic) {
  const auto kafka = broker_.clients();
  const auto admin = kafka->admin().value();
  for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
    const TopicPartition partition{topic, p};
    const int64_t stable = broker_.last_stable_offset(partition);
    if (admin->watermarks(partition)->high != stable) return false;
    const int64_t from = std::max<int64_t>(broker_.committed_offset(partition), 0);
    if (!broker_.read_committed(partition, from).empty()) return false;
  }
  return true;
}

/// An input that was read to its end is deleted, with the group's offsets, and there is a new one
/// soon. Clients know a topic by its name alone: they notice the new one by its end. So nobody
/// writes to it before they have looked.
bool World::replace_input(Draws& draws) {
  if (operator_.knows(Event::kChangelogDeleted) || is_nested_) return false;
  const std::string topic = draws.one_of(topics_.task_inputs);
  if (!is_fed(topic)) return false;
  for (int round = 0; round < kDrainRounds && !is_drained(topic); ++round) {
    pass(kDrainRoundMs);
    for (const auto& instance : instances_) turn(*instance);
  }
  // Other faults may have struck meanwhile.
  if (outcome_.failure || operator_.has_orders() || !is_drained(topic)) return false;
  if (operator_.knows(Event::kChangelogDeleted)) return false;
  observe();
  const int32_t partitions = broker_.partitions(topic);
  broker_.delete_topic(topic);
  forget_reads(topic);
  checks_->forget(topic);
  operator_.learn(Event::kInputReplaced);
  topics_.quiet.insert(topic);
  const auto create = [this, topic, partitions] {
    if (!topics_.quiet.contains(topic)) return;  // a reset has made it
    // Whoever made the others wider meanwhile did not find this one.
    create_topic(topic, std::max(partitions, topics_.partitions));
    for (const auto& instance : instances_) {
      instance->looks_left = instance->engine == nullptr ? 0 : kLooks;
    }
  };
  if (draws.one_in(2)) {
    create();
  } else {
    later(draws.between(1, 500), create);
  }
  return true;
}

bool World::is_fed(const std::string& topic) const {
  return !topics_.quiet.contains(topic);
}

/// An instance was idle, and nothing was between it and the broker: it has looked at its inputs.
void World::count_look(Instance& instance) const {
  if (instance.looks_left > 0 && !is_away_ && leaderless_.empty() &&
      instance.cut_until_ms <= steady_ms() && instance.engine->is_idle() &&
      !instance.engine->has_uncommitted()) {
    --instance.looks_left;
  }
}

/// Inputs that all instances have looked at since they were replaced, and of which nobody holds an
/// older position, take records again.
void World::release_inputs() {
  if (topics_.quiet.empty()) return;
  for (const auto& instance : instances_) {
    if (instance->engine != nullptr && instance->looks_left > 0) return;
  }
  for (const auto& [id, number] : broker_.open_transactions()) {
    if (id.starts_with(kInternalPrefix)) return;
  }
  std::erase_if(topics_.quiet, [&](const std::string& topic) {
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
      if (broker_.committed_offset({topic, p}) > broker_.last_stable_offset({topic, p})) {
        return false;
      }
    }
    return broker_.partitions(topic) > 0;
  });
}

void World::set_lost_offsets() {
  for (const std::string& topic : topics_.task_inputs) {
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
      if (broker_.committed_offset({topic, p}) < 0) broker_.set_offset({topic, p}, 0);
    }
  }
}

void World::forget_reads(const std::string& topic) {
  std::erase_if(read_, [&](const auto& entry) { return entry.first.topic == topic; });
}

/// Whether the group has committed something of each topic that it reads.
bool World::has_committed_everywhere() {
  return std::ranges::all_of(topology_->nodes(), [this](const Node& node) {
    if (node.kind != NodeKind::kSource && node.kind != NodeKind::kExchange) return true;
    const std::string topic = node.kind == NodeKind::kSource
                                  ? node.topic.name
                                  : exchange_topic_name("app", node.topic.name);
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
      if (broker_.committed_offset({topic, p}) >= 0) return true;
    }
    return false;
  });
}

bool World::delete_changelog(Draws& draws) {
  if (operator_.knows(Event::kInputReplaced) || !has_committed_everywhere()) return false;
  const auto settings = job_->settings();
  std::vector<std::string> changelogs;
  for (const StoreSpec& store : topology_->stores()) {
    const std::string topic = changelog_topic_name("app", store.name);
    // The engine would create one with settings of its own.
    if (store.changelog && broker_.partitions(topic) > 0 && !settings.contains(topic)) {
      changelogs.push_back(topic);
    }
  }
  if (changelogs.empty()) return false;
  const std::string& topic = draws.one_of(changelogs);
  broker_.set_aside(topic);
  topics_.aside.insert(topic);
  operator_.learn(Event::kChangelogDeleted);
  return true;
}

/// An application of which nothing is committed may create a changelog that was deleted.
void World::notice_new_changelogs() {
  std::erase_if(topics_.aside, [this](const std::string& topic) {
    if (broker_.partitions(topic) == 0) return false;
    checks_->forget(topic);
    return true;
  });
}

bool World::bring_back_changelogs() {
  const bool is_whole = std::ranges::all_of(
      topics_.aside, [this](const std::string& topic) { return broker_.bring_back(topic); });
  topics_.aside.clear();
  operator_.forget(Event::kChangelogDeleted);
  return is_whole;
}

}  // namespace millrace::simulation
