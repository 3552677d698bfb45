#include "engine/topics/internal_settings.h"

#include <algorithm>
#include <utility>

#include "engine/group/group_log.h"

namespace millrace::engine {
namespace {

/// Kafka's default of max.message.bytes; the plan's bounds rest on it.
constexpr size_t kMessageBytesMin = 1'048'588;
/// A row may be larger by this than the record it comes from, and a dead letter than its record.
constexpr size_t kRoomBytes = 65'536;
constexpr const char* kUnbounded = "9223372036854775807";

}  // namespace

InternalSettings::Settings InternalSettings::created_with() const {
  Settings all = others;
  all.insert(guarantees.begin(), guarantees.end());
  return all;
}

SettingsSource::SettingsSource(const EngineOptions& options,
                               const InternalSettings::Settings& known, size_t message_bytes_max)
    : options_(options), known_(known), message_bytes_max_(message_bytes_max) {}

InternalSettings SettingsSource::topic(std::string name) const {
  InternalSettings topic{.name = std::move(name), .guarantees = {}, .others = {}};
  topic.guarantees["unclean.leader.election.enable"] = "false";
  topic.others["max.message.bytes"] =
      std::to_string(std::max(kMessageBytesMin, message_bytes_max_ + kRoomBytes));
  if (options_.min_insync_replicas > 0) {
    topic.guarantees["min.insync.replicas"] = std::to_string(options_.min_insync_replicas);
  }
  return topic;
}

void SettingsSource::take_any_time(InternalSettings& topic) const {
  constexpr const char* kBefore = "message.timestamp.before.max.ms";
  constexpr const char* kAfter = "message.timestamp.after.max.ms";
  constexpr const char* kEither = "message.timestamp.difference.max.ms";
  topic.guarantees["message.timestamp.type"] = "CreateTime";
  for (const char* const bound : {kBefore, kAfter, kEither}) {
    if (known_.empty() ? bound != kEither : known_.contains(bound)) {
      topic.guarantees[bound] = kUnbounded;
    }
  }
}

void SettingsSource::keep_all(InternalSettings& topic) {
  topic.guarantees["cleanup.policy"] = "delete";
  topic.guarantees["retention.ms"] = "-1";
  topic.guarantees["retention.bytes"] = "-1";
}

InternalSettings SettingsSource::changelog(std::string name) const {
  InternalSettings changelog = topic(std::move(name));
  changelog.guarantees["cleanup.policy"] = "compact";
  take_any_time(changelog);
  changelog.others["segment.bytes"] = "67108864";
  changelog.others["min.cleanable.dirty.ratio"] = "0.25";
  changelog.others["min.compaction.lag.ms"] = "0";
  // Longer than an instance trusts local state (`state_max_age_ms`): else deleted keys come back.
  changelog.others["delete.retention.ms"] = "604800000";
  return changelog;
}

InternalSettings SettingsSource::exchange(std::string name) const {
  InternalSettings exchange = topic(std::move(name));
  keep_all(exchange);
  take_any_time(exchange);
  return exchange;
}

InternalSettings SettingsSource::dead_letters(std::string name) const {
  InternalSettings letters = topic(std::move(name));
  keep_all(letters);
  take_any_time(letters);
  letters.others = letters.created_with();
  letters.guarantees = {{"cleanup.policy", "delete"}, {"message.timestamp.type", "CreateTime"}};
  return letters;
}

std::vector<InternalSettings> SettingsSource::group() const {
  const GroupTopics names = group_topics(options_.application_id);
  std::vector<InternalSettings> topics;
  for (const std::string& name : {names.control, names.spare}) {
    InternalSettings& made = topics.emplace_back(topic(name));
    keep_all(made);
  }
  for (const std::string& name : {names.plan, names.instances}) {
    InternalSettings& made = topics.emplace_back(topic(name));
    made.guarantees["cleanup.policy"] = "compact";
    made.guarantees["message.timestamp.type"] = "LogAppendTime";
    // Small segments are compacted soon; the largest batch fits one.
    made.others["max.message.bytes"] = std::to_string(kMessageBytesMin);
    made.others["segment.bytes"] = std::to_string(kMessageBytesMin);
    made.others["segment.ms"] = "3600000";
    made.others["min.cleanable.dirty.ratio"] = "0.1";
    made.others["min.compaction.lag.ms"] = "0";
    made.others["delete.retention.ms"] = "86400000";
  }
  return topics;
}

}  // namespace millrace::engine
