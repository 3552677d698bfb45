#include "engine/loop/internal_topics.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "engine/group/group_log.h"

namespace millrace::engine {
namespace {

using Config = std::map<std::string, std::string>;
using Counts = std::map<std::string, int32_t>;

Config wanted_config(bool is_changelog) {
  if (is_changelog) {
    return {{"cleanup.policy", "compact"},
            {"segment.bytes", "67108864"},
            {"min.cleanable.dirty.ratio", "0.25"},
            // Longer than local state is trusted (`state_max_age_ms`): else deleted keys come back.
            {"delete.retention.ms", "604800000"}};
  }
  return {{"cleanup.policy", "delete"}, {"retention.ms", "-1"}};
}

/// The topics by which the instances are a group. Every start reads compacted ones whole, so they
/// stay small; its times are the broker's, which refuses those of an instance whose clock is far
/// ahead.
std::vector<NewTopic> wanted_group_topics(const std::string& application_id) {
  const GroupTopics group = group_topics(application_id);
  const Config empty = {{"cleanup.policy", "delete"}};
  const Config compacted = {{"cleanup.policy", "compact"},
                            {"segment.bytes", "1048576"},
                            {"segment.ms", "3600000"},
                            {"message.timestamp.type", "LogAppendTime"},
                            {"min.cleanable.dirty.ratio", "0.1"}};
  return {{group.control, 1, empty},
          {group.spare, 1, empty},
          {group.plan, 1, compacted},
          {group.instances, 1, compacted}};
}

/// Those that decide about correctness; the rest is the operator's to tune.
constexpr std::string_view kChecked[] = {"cleanup.policy", "retention.ms"};

Status missing_topics(const Topology& topology, const Counts& existing) {
  std::vector<std::string> missing;
  for (const Node& node : topology.nodes()) {
    const bool is_external = node.kind == NodeKind::kSource || node.kind == NodeKind::kSink;
    if (!is_external || existing.contains(node.topic.name)) continue;
    missing.push_back(fmt::format("'{}' ({} by node '{}')", node.topic.name,
                                  node.kind == NodeKind::kSource ? "read" : "written", node.name));
  }
  for (const TopicUse& broadcast : topology.broadcasts()) {
    if (!existing.contains(broadcast.name)) {
      missing.push_back(fmt::format("'{}' (a broadcast table)", broadcast.name));
    }
  }
  if (missing.empty()) return {};
  return Error{ErrorCode::kConfig,
               fmt::format("topics do not exist: {}. Create them, with the partitions you want",
                           fmt::join(missing, ", "))};
}

/// Whether a topic that looks like one of ours is that of an application whose longer id begins
/// with ours ("crm" and "crm-eu"): every application has a control topic, which decides.
bool is_of_a_longer_id(const std::string& name, const std::string& application_id,
                       const Counts& existing) {
  for (size_t dash = name.find('-', application_id.size() + 1); dash != std::string::npos;
       dash = name.find('-', dash + 1)) {
    if (existing.contains(name.substr(0, dash) + "-control")) return true;
  }
  return false;
}

Status orphans(const std::string& application_id, const ResolvedTopology& resolved,
               const Counts& existing) {
  std::set<std::string> used;
  for (const InternalTopic& topic : resolved.internal_topics) used.insert(topic.name);
  std::vector<std::string> found;
  for (const auto& [name, partitions] : existing) {
    const bool is_internal = name.starts_with(application_id + "-") &&
                             (name.ends_with("-changelog") || name.ends_with("-exchange"));
    if (!is_internal || used.contains(name)) continue;
    if (!is_of_a_longer_id(name, application_id, existing)) found.push_back(name);
  }
  if (found.empty()) return {};
  return Error{
      ErrorCode::kConfig,
      fmt::format("the topology does not use these topics of application '{}': '{}'. A store or "
                  "exchange was renamed or removed: keep its old name, or delete the topics, or "
                  "set allow_orphans to leave them as they are",
                  application_id, fmt::join(found, "', '"))};
}

Status check_config(Admin& admin, const std::string& topic, const Config& wanted) {
  Result<TopicDescription> described = admin.describe_topic(topic);
  if (!described.ok()) return described.status();
  for (const std::string_view name : kChecked) {
    const auto value = wanted.find(std::string(name));
    const auto found = described->config.find(std::string(name));
    if (value == wanted.end() || found == described->config.end()) continue;
    if (found->second == value->second) continue;
    return Error{ErrorCode::kConfig,
                 fmt::format("internal topic '{}' has {}={} but needs {}, or state is lost. Change "
                             "it with kafka-configs, e.g. --alter --add-config {}={}",
                             topic, name, found->second, value->second, name, value->second)};
  }
  return {};
}

Status check_existing(Admin& admin, const InternalTopic& topic, int32_t partitions) {
  if (partitions != topic.partitions) {
    return Error{ErrorCode::kConfig,
                 fmt::format("internal topic '{}' has {} partitions but the topology needs {}: the "
                             "partition count of an input changed. Give the input its old count, "
                             "or reset the application: delete its internal topics and offsets",
                             topic.name, partitions, topic.partitions)};
  }
  return check_config(admin, topic.name, wanted_config(topic.is_changelog));
}

Status check_group_topic(Admin& admin, const NewTopic& topic, int32_t partitions) {
  if (partitions == topic.partitions) return check_config(admin, topic.name, topic.config);
  return Error{ErrorCode::kConfig,
               fmt::format("internal topic '{}' has {} partitions but an application's instances "
                           "need {}: stop all of them and delete it",
                           topic.name, partitions, topic.partitions)};
}

}  // namespace

std::string dead_letter_topic(const EngineOptions& options) {
  const bool is_wanted = options.on_invalid_record == OnError::kDeadLetter ||
                         options.on_user_error == OnError::kDeadLetter ||
                         options.on_refused_output == OnError::kDeadLetter;
  if (!is_wanted) return {};
  if (!options.dead_letter_topic.empty()) return options.dead_letter_topic;
  return options.application_id + "-dead-letters";
}

Result<ResolvedTopology> prepare_topics(Admin& admin, const Topology& topology,
                                        const EngineOptions& options) {
  Result<std::vector<TopicDescription>> listed = admin.list_topics();
  if (!listed.ok()) return listed.status();
  Counts existing;
  for (const TopicDescription& topic : *listed) existing[topic.name] = topic.partitions;
  MILLRACE_RETURN_IF_ERROR(missing_topics(topology, existing));

  Result<ResolvedTopology> resolved =
      resolve(topology, options.application_id, [&](const std::string& topic) {
        const auto found = existing.find(topic);
        return found == existing.end() ? std::nullopt : std::optional<int32_t>(found->second);
      });
  if (!resolved.ok()) return resolved;
  if (!options.allow_orphans) {
    MILLRACE_RETURN_IF_ERROR(orphans(options.application_id, *resolved, existing));
  }

  std::vector<NewTopic> wanted;
  for (const InternalTopic& topic : resolved->internal_topics) {
    if (const auto found = existing.find(topic.name); found != existing.end()) {
      MILLRACE_RETURN_IF_ERROR(check_existing(admin, topic, found->second));
    } else {
      wanted.push_back({topic.name, topic.partitions, wanted_config(topic.is_changelog)});
    }
  }
  if (const std::string letters = dead_letter_topic(options);
      !letters.empty() && !existing.contains(letters)) {
    wanted.push_back({letters, 1, {{"cleanup.policy", "delete"}}});
  }
  for (NewTopic& topic : wanted_group_topics(options.application_id)) {
    if (const auto found = existing.find(topic.name); found != existing.end()) {
      MILLRACE_RETURN_IF_ERROR(check_group_topic(admin, topic, found->second));
    } else {
      wanted.push_back(std::move(topic));
    }
  }
  if (wanted.empty()) return resolved;
  MILLRACE_RETURN_IF_ERROR(admin.create_topics(wanted));
  for (const NewTopic& topic : wanted) {
    spdlog::info("topic created topic={} partitions={}", topic.name, topic.partitions);
  }
  return resolved;
}

}  // namespace millrace::engine
