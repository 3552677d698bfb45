#include "case_world.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/tools/flat_json.h"
#include "apps/tools/known_types.h"
#include "crm/account_topology.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm::cases {
namespace {

using Json = nlohmann::ordered_json;

Mapping mapping_of(const std::string& json) {
  Result<Mapping> mapping = parse_mapping(json);
  MILLRACE_ASSERT(mapping.ok(), mapping.message().c_str());
  return *std::move(mapping);
}

std::string time_text(const flatbuffers::Optional<int64_t>& ms) {
  return ms ? std::to_string(*ms) : "open";
}

}  // namespace

std::string file_text(const std::string& name) {
  const std::string path = fmt::format("{}/{}", MILLRACE_CASE_DATA, name);
  std::ifstream file(path, std::ios::binary);
  MILLRACE_ASSERT(file.good(), path.c_str());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> file_lines(const std::string& name) {
  std::istringstream text(file_text(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

testing::DriverOptions CaseWorld::options(const Mapping& mapping) {
  testing::DriverOptions options;
  for (const TopicMapping& topic : mapping.topics) options.topic_partitions[topic.topic] = 1;
  options.partitions = 2;
  return options;
}

CaseWorld::CaseWorld(const std::string& mapping_json)
    : mapping_(mapping_of(mapping_json)), driver_(account_topology(mapping_), options(mapping_)) {}

std::unique_ptr<CaseWorld> CaseWorld::of_case(const std::string& name) {
  auto world = std::make_unique<CaseWorld>(file_text("crm/mapping.json"));
  for (const std::string& line : file_lines("crm/" + name + "/input.jsonl")) world->feed_line(line);
  world->run();
  return world;
}

void CaseWorld::feed_line(const std::string& line) {
  const Json json = Json::parse(line);
  if (json.contains("load")) {
    const std::string topic = json["load"];
    const apps::KnownType* type = apps::find_type_by_topic(topic);
    MILLRACE_ASSERT(type != nullptr, topic.c_str());
    const Result<std::string> bytes = apps::FlatJson(*type).from_json(json["value"]);
    MILLRACE_ASSERT(bytes.ok(), bytes.message().c_str());
    driver_.pipe_bytes(topic, json["key"].get<std::string>(), Bytes(*bytes), 1'000);
    return driver_.run();
  }
  const std::string topic = json["topic"];
  if (json.contains("raw")) return feed(topic, json["raw"]);
  const Json& key = json["key"];
  const std::string key_text = key.is_string() ? key.get<std::string>() : key.dump();
  if (!json["value"].is_null()) return feed(topic, json["value"].dump(), key_text);
  driver_.pipe_bytes(topic, "k", Bytes(), 1'000, 0);
}

void CaseWorld::feed(const std::string& topic, const std::string& value, const std::string& key) {
  driver_.pipe_bytes(topic, key, Bytes(value), 1'000, 0);
}

void CaseWorld::run_sweeps() {
  constexpr int kSlices = 12;
  constexpr int64_t kPauseMs = 5;
  for (int slice = 0; slice < kSlices; ++slice) {
    driver_.run();
    driver_.advance_time(kPauseMs);
  }
}

bool CaseWorld::was_deleted(const std::string& root) {
  for (const testing::DriverRecord& record : driver_.read_bytes(kAccountStates.name)) {
    if (record.key && record.value) seen_accounts_.insert(*record.key);
  }
  return seen_accounts_.contains(root) && account(root).empty();
}

std::string CaseWorld::account(const std::string& root) {
  const auto table = driver_.table_bytes(kAccountStates.name);
  const auto found = table.find(root);
  if (found == table.end()) return "";
  const auto& state = *flatbuffers::GetRoot<AccountState>(found->second.data());
  std::string text = EnumNameAccountStatus(state.status());
  for (const GoldenField* field : *state.fields()) {
    text += field->value() == nullptr
                ? fmt::format(" {} is null", field->name()->str())
                : fmt::format(" {}={}", field->name()->str(), field->value()->str());
  }
  if (!state.incomplete()) return text;
  text += " incomplete(";
  if (state.incomplete_fields() != nullptr) {
    for (const auto* name : *state.incomplete_fields()) {
      text.append(text.ends_with('(') ? "" : " ").append(name->string_view());
    }
  }
  return text + ")";
}

std::set<std::string> CaseWorld::territories(const std::string& root) {
  std::set<std::string> territories;
  for (const auto& [key, bytes] : driver_.table_bytes(kAccountTerritories.name)) {
    const auto& row = *flatbuffers::GetRoot<AccountTerritory>(bytes.data());
    if (row.root()->str() == root) territories.insert(row.territory()->str());
  }
  return territories;
}

std::string CaseWorld::entitlement(const std::string& root, const std::string& feature) {
  for (const auto& [key, bytes] : driver_.table_bytes(kEntitlements.name)) {
    const auto& row = *flatbuffers::GetRoot<FeatureEntitlement>(bytes.data());
    if (row.root()->str() != root || row.feature()->str() != feature) continue;
    std::string text;
    for (const EntitlementSegment* segment : *row.segments()) {
      text += fmt::format("{}{}..{} {}", text.empty() ? "" : ", ", time_text(segment->from_ms()),
                          time_text(segment->to_ms()), segment->amount());
    }
    return text;
  }
  return "";
}

std::string CaseWorld::root_of(const std::string& id) {
  const auto table = driver_.table_bytes(kRedirects.name);
  const auto found = table.find(id);
  if (found == table.end()) return id;
  return flatbuffers::GetRoot<Redirect>(found->second.data())->root()->str();
}

}  // namespace millrace::crm::cases
