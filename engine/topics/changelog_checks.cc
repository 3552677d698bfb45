#include "engine/topics/changelog_checks.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

constexpr const char* kTombstoneRetention = "delete.retention.ms";
/// How much longer a new changelog keeps deletions than an instance trusts local state.
constexpr int64_t kRetentionMarginMs = 24LL * 3600 * 1000;

NewTopic* find(std::vector<NewTopic>& topics, const std::string& name) {
  const auto found = std::find_if(topics.begin(), topics.end(),
                                  [&](const NewTopic& topic) { return topic.name == name; });
  return found == topics.end() ? nullptr : &*found;
}

/// The first input of the sub-topology that a task has committed, be it at offset 0: then changes
/// of a broadcast table or punctuations may have left rows.
Result<std::optional<PartitionOffset>> committed_input(Admin& admin,
                                                       const SubTopology& sub_topology) {
  std::vector<TopicPartition> inputs;
  for (const ResolvedInput& input : sub_topology.inputs) {
    for (int32_t p = 0; p < sub_topology.partitions; ++p) inputs.push_back({input.topic, p});
  }
  const Result<std::vector<PartitionOffset>> offsets = admin.committed(inputs);
  if (!offsets.ok()) return offsets.status();
  const auto found = std::find_if(offsets->begin(), offsets->end(),
                                  [](const PartitionOffset& known) { return known.offset >= 0; });
  if (found == offsets->end()) return std::optional<PartitionOffset>();
  return std::optional<PartitionOffset>(*found);
}

std::string creation_of(const NewTopic& topic, const std::string& bootstrap_servers) {
  std::string command =
      fmt::format("kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {}",
                  bootstrap_servers, topic.name, topic.partitions);
  for (const auto& [name, value] : topic.config) {
    command += fmt::format(" --config {}={}", name, value);
  }
  return command;
}

/// REQUIRES: the store's changelog is `missing`.
Status check_that_nothing_was_read(Admin& admin, const SubTopology& sub_topology,
                                   const ResolvedStore& store, const NewTopic& missing,
                                   const EngineOptions& options) {
  const Result<std::optional<PartitionOffset>> read = committed_input(admin, sub_topology);
  if (!read.ok()) return read.status();
  if (!read->has_value()) return {};
  // Another instance may have created it, and committed, since this one listed the topics.
  const Result<TopicDescription> made = admin.describe_topic(missing.name);
  if (made.ok()) return {};
  if (made.code() != ErrorCode::kNotFound) return made.status();
  return Error{
      ErrorCode::kConfig,
      fmt::format(
          "changelog '{}' of store '{}' does not exist, but group '{}' has committed offset "
          "{} of {}: the topic was deleted, and the store would start from nothing in the "
          "middle of its inputs. Bring the topic back, or reset the application: stop all "
          "instances, delete its internal topics, its group's offsets and the state "
          "directories. If the store is new and may begin empty here, create the topic "
          "first: {}",
          missing.name, store.spec->name, options.application_id, (*read)->offset,
          (*read)->partition.to_string(), creation_of(missing, options.bootstrap_servers))};
}

Status check_retention(Admin& admin, const std::string& changelog, const EngineOptions& options) {
  const Result<TopicDescription> described = admin.describe_topic(changelog);
  if (!described.ok()) return described.status();
  const auto text = described->config.find(kTombstoneRetention);
  if (text == described->config.end()) return {};
  int64_t retention_ms = 0;
  const bool is_known = read_number(text->second, retention_ms);
  if (!is_known || retention_ms > options.state_max_age_ms) return {};
  return Error{
      ErrorCode::kConfig,
      fmt::format(
          "changelog '{0}' has {1}={2}, but state.max.age.ms={3} lets an instance use state "
          "that is older: deleted rows would come back. Set state.max.age.ms below {2}, or "
          "change the topic: kafka-configs.sh --bootstrap-server {5} --alter --entity-type topics "
          "--entity-name {0} --add-config {1}={4}",
          changelog, kTombstoneRetention, text->second, options.state_max_age_ms,
          options.state_max_age_ms + kRetentionMarginMs, options.bootstrap_servers)};
}

void keep_tombstones(NewTopic& changelog, const EngineOptions& options) {
  std::string& retention = changelog.config[kTombstoneRetention];
  const int64_t least_ms = options.state_max_age_ms + kRetentionMarginMs;
  int64_t planned_ms = 0;
  const bool is_known = read_number(retention, planned_ms);
  if (!is_known || planned_ms < least_ms) retention = std::to_string(least_ms);
}

}  // namespace

Status check_changelogs(Admin& admin, const ResolvedTopology& resolved,
                        const EngineOptions& options, std::vector<NewTopic>& wanted) {
  for (const SubTopology& sub_topology : resolved.sub_topologies) {
    for (const ResolvedStore& store : sub_topology.stores) {
      if (store.changelog_topic.empty()) continue;
      NewTopic* const missing = find(wanted, store.changelog_topic);
      if (missing == nullptr) {
        MILLRACE_RETURN_IF_ERROR(check_retention(admin, store.changelog_topic, options));
        continue;
      }
      keep_tombstones(*missing, options);
      MILLRACE_RETURN_IF_ERROR(
          check_that_nothing_was_read(admin, sub_topology, store, *missing, options));
    }
  }
  return {};
}

}  // namespace millrace::engine
