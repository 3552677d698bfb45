#include "engine/topics/internal_topics.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "engine/output/topic_limits.h"
#include "engine/topics/changelog_checks.h"
#include "engine/topics/internal_settings.h"

namespace millrace::engine {
namespace {

using Counts = std::map<std::string, int32_t>;

/// Topics that are not ours, each with what the application does with it.
std::vector<std::pair<std::string, std::string>> external_topics(const Topology& topology) {
  std::vector<std::pair<std::string, std::string>> topics;
  for (const Node& node : topology.nodes()) {
    if (node.kind != NodeKind::kSource && node.kind != NodeKind::kSink) continue;
    topics.emplace_back(
        node.topic.name,
        fmt::format("{} by node '{}'", node.kind == NodeKind::kSource ? "read" : "written",
                    node.name));
  }
  for (const TopicUse& broadcast : topology.broadcasts()) {
    topics.emplace_back(broadcast.name, "a broadcast table");
  }
  return topics;
}

/// Adds topics to `existing` that the broker that listed them had not heard of yet.
Status missing_topics(Admin& admin, const Topology& topology, Counts& existing) {
  std::vector<std::string> missing;
  for (const auto& [name, use] : external_topics(topology)) {
    if (existing.contains(name)) continue;
    if (missing.empty()) {
      const Result<TopicDescription> described = admin.describe_topic(name);
      if (described.ok()) {
        existing[name] = described->partitions;
        continue;
      }
      if (described.code() != ErrorCode::kNotFound) return described.status();
    }
    missing.push_back(fmt::format("'{}' ({})", name, use));
  }
  if (missing.empty()) return {};
  return Error{ErrorCode::kConfig,
               fmt::format("topics do not exist: {}. Create them, with the partitions you want",
                           fmt::join(missing, ", "))};
}

/// The control topics of applications to which a topic that looks like one of ours would belong if
/// their longer id begins with ours ("crm" and "crm-eu"). Every application has one.
std::vector<std::string> controls_of_longer_ids(const std::string& name,
                                                const std::string& application_id) {
  std::vector<std::string> controls;
  for (size_t dash = name.find('-', application_id.size() + 1); dash != std::string::npos;
       dash = name.find('-', dash + 1)) {
    controls.push_back(name.substr(0, dash) + "-control");
  }
  return controls;
}

/// Whether a topic is there, and no other application's: the broker that listed the topics may have
/// missed that somebody deleted this one, or that another application was made.
Result<bool> is_orphan_indeed(Admin& admin, const std::string& name,
                              const std::vector<std::string>& controls) {
  const auto exists = [&](const std::string& topic) -> Result<bool> {
    const Result<TopicDescription> described = admin.describe_topic(topic);
    if (described.ok()) return true;
    if (described.code() == ErrorCode::kNotFound) return false;
    return described.error();
  };
  Result<bool> is_there = exists(name);
  if (!is_there.ok() || !*is_there) return is_there;
  for (const std::string& control : controls) {
    const Result<bool> is_anothers = exists(control);
    if (!is_anothers.ok()) return is_anothers;
    if (*is_anothers) return false;
  }
  return true;
}

Status orphans(Admin& admin, const std::string& application_id, const ResolvedTopology& resolved,
               const Counts& existing) {
  std::set<std::string> used;
  for (const InternalTopic& topic : resolved.internal_topics) used.insert(topic.name);
  std::vector<std::string> found;
  for (const auto& [name, partitions] : existing) {
    const bool is_internal = name.starts_with(application_id + "-") &&
                             (name.ends_with("-changelog") || name.ends_with("-exchange"));
    if (!is_internal || used.contains(name)) continue;
    const std::vector<std::string> controls = controls_of_longer_ids(name, application_id);
    const bool is_anothers =
        std::any_of(controls.begin(), controls.end(),
                    [&](const std::string& control) { return existing.contains(control); });
    if (is_anothers) continue;
    // One is enough to refuse, and a question may take as long as brokers that are away.
    if (found.empty()) {
      const Result<bool> is_orphan = is_orphan_indeed(admin, name, controls);
      if (!is_orphan.ok()) return is_orphan.status();
      if (!*is_orphan) continue;
    }
    found.push_back(name);
  }
  if (found.empty()) return {};
  return Error{
      ErrorCode::kConfig,
      fmt::format("the topology does not use these topics of application '{}': '{}'. A store or "
                  "exchange was renamed or removed: keep its old name, or delete the topics, or "
                  "set allow_orphans to leave them as they are",
                  application_id, fmt::join(found, "', '"))};
}

/// Limits of topics that are not ours, as far as our topics depend on them.
struct External {
  std::map<std::string, std::string> settings;  ///< of one of them, to see which the broker knows
  size_t message_bytes_max = 0;                 ///< of the largest record in any of them
};

/// Leaves out raw inputs whose settings this instance may not read.
Result<External> describe_external(Admin& admin, const Topology& topology) {
  std::set<std::string> may_be_hidden;
  std::set<std::string> names;
  for (const Node& node : topology.nodes()) {
    if (node.kind == NodeKind::kSource) may_be_hidden.insert(node.topic.name);
    if (node.kind == NodeKind::kSink) names.insert(node.topic.name);
  }
  for (const TopicUse& broadcast : topology.broadcasts()) names.insert(broadcast.name);
  names.insert(may_be_hidden.begin(), may_be_hidden.end());
  External external;
  for (const std::string& name : names) {
    Result<TopicDescription> described = admin.describe_topic(name);
    if (!described.ok() && described.code() == ErrorCode::kRefused && may_be_hidden.contains(name))
      continue;
    if (!described.ok()) return described.status();
    external.message_bytes_max =
        std::max(external.message_bytes_max, limits_of(described->config).batch_bytes_max);
    if (!described->config.empty()) external.settings = std::move(described->config);
  }
  return external;
}

Status wrong_partitions(const NewTopic& topic, int32_t partitions, bool is_of_the_group) {
  if (partitions == topic.partitions) return {};
  if (is_of_the_group) {
    return Error{ErrorCode::kConfig,
                 fmt::format("internal topic '{}' has {} partitions but an application's instances "
                             "need {}: stop all of them and delete it",
                             topic.name, partitions, topic.partitions)};
  }
  return Error{ErrorCode::kConfig,
               fmt::format("internal topic '{}' has {} partitions but the topology needs {}: the "
                           "partition count of an input changed. Give the input its old count, "
                           "or reset the application: delete its internal topics and offsets",
                           topic.name, partitions, topic.partitions)};
}

std::string alter_command(const std::string& bootstrap_servers, const std::string& topic,
                          const std::string& settings) {
  return fmt::format(
      "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} "
      "--add-config {}",
      bootstrap_servers, topic, settings);
}

/// A letter that does not fit is cut, which is no reason to refuse the start.
Status warn_of_small_letters(Admin& admin, const InternalSettings& letters,
                             const std::string& bootstrap_servers) {
  const Result<TopicDescription> described = admin.describe_topic(letters.name);
  if (!described.ok()) return described.status();
  const InternalSettings::Settings wanted = letters.created_with();
  const size_t has = limits_of(described->config).batch_bytes_max;
  if (has >= limits_of(wanted).batch_bytes_max) return {};
  spdlog::warn(
      "dead letters of large records will be cut topic={} max.message.bytes={}: to keep them whole "
      "run {}",
      letters.name, has,
      alter_command(bootstrap_servers, letters.name,
                    "max.message.bytes=" + wanted.at("max.message.bytes")));
  return {};
}

Status wrong_settings(Admin& admin, std::span<const InternalSettings> existing,
                      const std::string& bootstrap_servers) {
  std::vector<std::string> wrong;
  for (const InternalSettings& topic : existing) {
    const Result<TopicDescription> described = admin.describe_topic(topic.name);
    if (!described.ok()) return described.status();
    std::vector<std::string> found;
    std::vector<std::string> needed;
    for (const auto& [name, value] : topic.guarantees) {
      const auto setting = described->config.find(name);
      if (setting == described->config.end() || setting->second == value) continue;
      found.push_back(fmt::format("{}={}", name, setting->second));
      needed.push_back(fmt::format("{}={}", name, value));
    }
    if (found.empty()) continue;
    wrong.push_back(fmt::format(
        "internal topic '{}' has {} ({})", topic.name, fmt::join(found, ", "),
        alter_command(bootstrap_servers, topic.name, fmt::format("{}", fmt::join(needed, ",")))));
  }
  if (wrong.empty()) return {};
  return Error{
      ErrorCode::kConfig,
      fmt::format("these settings lose records or their times: {}. Run the commands in brackets",
                  fmt::join(wrong, "; "))};
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
  MILLRACE_RETURN_IF_ERROR(missing_topics(admin, topology, existing));

  Result<ResolvedTopology> resolved =
      resolve(topology, options.application_id, [&](const std::string& topic) {
        const auto found = existing.find(topic);
        return found == existing.end() ? std::nullopt : std::optional<int32_t>(found->second);
      });
  if (!resolved.ok()) return resolved;
  if (!options.allow_orphans) {
    MILLRACE_RETURN_IF_ERROR(orphans(admin, options.application_id, *resolved, existing));
  }

  const Result<External> external = describe_external(admin, topology);
  if (!external.ok()) return external.status();
  const SettingsSource source(options, external->settings, external->message_bytes_max);
  std::vector<NewTopic> wanted;
  std::vector<InternalSettings> kept;
  const auto want = [&](InternalSettings topic, int32_t partitions,
                        bool is_of_the_group) -> Status {
    NewTopic made{topic.name, partitions, topic.created_with()};
    const auto found = existing.find(topic.name);
    if (found == existing.end()) {
      wanted.push_back(std::move(made));
      return {};
    }
    kept.push_back(std::move(topic));
    return wrong_partitions(made, found->second, is_of_the_group);
  };
  for (const InternalTopic& topic : resolved->internal_topics) {
    MILLRACE_RETURN_IF_ERROR(
        want(topic.is_changelog ? source.changelog(topic.name) : source.exchange(topic.name),
             topic.partitions, false));
  }
  for (InternalSettings& topic : source.group()) {
    MILLRACE_RETURN_IF_ERROR(want(std::move(topic), 1, true));
  }
  if (const std::string letters = dead_letter_topic(options); !letters.empty()) {
    InternalSettings topic = source.dead_letters(letters);
    if (existing.contains(letters)) {
      MILLRACE_RETURN_IF_ERROR(warn_of_small_letters(admin, topic, options.bootstrap_servers));
      kept.push_back(std::move(topic));
    } else {
      wanted.push_back({letters, 1, topic.created_with()});
    }
  }
  MILLRACE_RETURN_IF_ERROR(wrong_settings(admin, kept, options.bootstrap_servers));
  MILLRACE_RETURN_IF_ERROR(check_changelogs(admin, *resolved, options, wanted));
  if (wanted.empty()) return resolved;
  MILLRACE_RETURN_IF_ERROR(admin.create_topics(wanted));
  for (const NewTopic& topic : wanted) {
    spdlog::info("topic created topic={} partitions={}", topic.name, topic.partitions);
  }
  return resolved;
}

}  // namespace millrace::engine
