#include "apps/cli/erasure_tool.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/partitioner.h"
#include "millrace/core/serde.h"

#include "apps/tools/flat_json.h"
#include "apps/tools/topic_reader.h"
#include "apps/tools/topic_writer.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/ids.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kChangelogSuffix = "-changelog";
constexpr std::array kDerivedTopics{crm::kRedirects.name, crm::kAccountStates.name,
                                    crm::kEntitlements.name, crm::kAccountTerritories.name};

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_id_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

Result<std::vector<std::string>> derived_topics(engine::ClientFactory& clients,
                                                const AuditOptions& options) {
  auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  const auto topics = (*admin)->list_topics();
  if (!topics.ok()) return topics.status();
  std::vector<std::string> derived;
  for (const engine::TopicDescription& topic : *topics) {
    const bool is_output = std::ranges::any_of(kDerivedTopics, [&](std::string_view name) {
      return crm::output_topic(name, options.output_prefix) == topic.name;
    });
    const bool is_changelog = topic.name.starts_with(options.application_id + "-") &&
                              topic.name.ends_with(kChangelogSuffix);
    if (is_output || is_changelog) derived.push_back(topic.name);
  }
  std::ranges::sort(derived);
  return derived;
}

void print(const std::string& topic, const std::map<std::string, MentionsInTopic::Mention>& found) {
  for (const auto& [key, mention] : found) {
    Json line{{"topic", topic},
              {"partition", mention.partition},
              {"offset", mention.offset},
              {"key", bytes_json(Bytes(key))}};
    if (mention.is_tombstone) {
      line["written"] = "tombstone";
    } else {
      line["names_it"] = mention.in_key ? "key" : "value";
    }
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}

}  // namespace

Status send_erasures(const EraseOptions& options, engine::ClientFactory& clients) {
  for (const std::string& id : options.ids) {
    if (crm::is_internal_id(id)) continue;
    return Error{ErrorCode::kInvalidArgument, id + ": not of the form source:id"};
  }
  auto writer = TopicWriter::open(std::string(crm::kErasures.name), clients);
  if (!writer.ok()) return writer.status();
  const int64_t time_ms = now_ms();
  for (const std::string& id : options.ids) {
    crm::ErasureT erasure;
    erasure.id = id;
    erasure.as_of_ms = options.as_of_ms > 0 ? options.as_of_ms : time_ms;
    const Flat<crm::Erasure> value(erasure);
    MILLRACE_RETURN_IF_ERROR(
        writer->send({.partition = partition_of(Bytes(id), writer->partitions()),
                      .key = Bytes(id),
                      .value = Bytes(value.bytes()),
                      .timestamp_ms = time_ms,
                      .headers = {}}));
  }
  return writer->flush();
}

bool mentions(Bytes bytes, std::string_view id) {
  const std::string_view text = bytes.view();
  for (size_t at = text.find(id); at != std::string_view::npos; at = text.find(id, at + 1)) {
    const bool begins = at == 0 || !is_id_byte(text[at - 1]);
    const size_t end = at + id.size();
    if (begins && (end == text.size() || text[end] == '\0')) return true;
  }
  return false;
}

void MentionsInTopic::add(int32_t partition, int64_t offset, Bytes key, Bytes value) {
  if (key.is_null()) return;
  const Mention now{.partition = partition,
                    .offset = offset,
                    .is_tombstone = value.is_null(),
                    .in_key = mentions(key, id_),
                    .in_value = !value.is_null() && mentions(value, id_)};
  if (now.in_key || now.in_value) {
    found_[key.to_string()] = now;
  } else {
    found_.erase(key.to_string());
  }
}

Status audit_erasure(const AuditOptions& options, engine::ClientFactory& clients) {
  if (!crm::is_internal_id(options.id)) {
    return Error{ErrorCode::kInvalidArgument, options.id + ": not of the form source:id"};
  }
  const auto topics = derived_topics(clients, options);
  if (!topics.ok()) return topics.status();
  int64_t tombstones = 0;
  int64_t left = 0;
  for (const std::string& topic : *topics) {
    MentionsInTopic said(options.id);
    MILLRACE_RETURN_IF_ERROR(read_topic(
        clients, topic, options.timeout_s * 1'000, [&](int32_t partition, const auto& record) {
          said.add(partition, record.offset, record.key, record.value);
          return true;
        }));
    print(topic, said.found());
    for (const auto& [key, mention] : said.found()) ++(mention.is_tombstone ? tombstones : left);
  }
  std::cout << Json{{"topics", topics->size()}, {"tombstones", tombstones}, {"left", left}}.dump()
            << "\n";
  return {};
}

}  // namespace millrace::apps
