#include "apps/synthetic/encode.h"

#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/ids.h"
#include "crm/territory/territory_assigner.h"

namespace millrace::apps::synthetic {
namespace {

using nlohmann::json;

std::string_view change_type(crm::ChangeType type) {
  constexpr std::array<std::string_view, 5> kNames{"CREATE", "UPDATE", "DELETE", "UNDELETE",
                                                   "GAP_UPDATE"};
  return kNames.at(static_cast<size_t>(type));
}

/// Some APIs give ids without their suffix.
std::string reference_text(const std::string& id, uint64_t number) {
  constexpr size_t kShortIdBytes = 15;
  return number % 10 == 0 ? id.substr(0, kShortIdBytes) : id;
}

json value_json(const FieldText& field, uint64_t number) {
  if (!field.value) return nullptr;
  switch (field.field->type) {
    case ValueType::kText:
      return *field.value;
    case ValueType::kNumber:
      return std::stod(*field.value);
    case ValueType::kReference:
      return reference_text(*field.value, number);
  }
  return nullptr;
}

std::string transaction_text(const EventVersion& version) {
  return fmt::format("{:016x}", version.transaction);
}

/// Its time in nanoseconds, as newer instances of Salesforce have it.
int64_t commit_number(const EventVersion& version) {
  constexpr int64_t kNsOfMs = 1'000'000;
  return version.commit_ms * kNsOfMs + version.sequence;
}

json header_json(const RecordChange& change, const std::string& id) {
  json header{{"entityName", definition_of(change.kind).entity},
              {"recordIds", {id}},
              {"changeType", change_type(change.type)},
              {"changeOrigin", "com/salesforce/api/rest/60.0"},
              {"transactionKey", transaction_text(change.version)},
              {"sequenceNumber", change.version.sequence},
              {"commitTimestamp", change.version.commit_ms},
              {"commitNumber", commit_number(change.version)},
              {"commitUser", "005000000000001AAA"},
              {"nulledFields", json::array()},
              {"diffFields", json::array()},
              {"changedFields", json::array()}};
  if (change.type != crm::ChangeType::Update) return header;
  for (const FieldText& field : change.fields) {
    header["changedFields"].push_back(field.field->source_name);
  }
  return header;
}

RawRecord encoded(const RecordChange& change) {
  const std::string id = record_id(change.kind, change.number);
  json payload{{"ChangeEventHeader", header_json(change, id)}};
  for (const FieldText& field : change.fields) {
    const std::string_view name = field.field->source_name;
    const size_t dot = name.find('.');
    json value = value_json(field, change.number);
    if (dot == std::string_view::npos) {
      payload[name] = std::move(value);
    } else {
      payload[name.substr(0, dot)][name.substr(dot + 1)] = std::move(value);
    }
  }
  const json event{{"schema", "IeRuaY6cbI_HsV8Rv1Mc5g"},
                   {"payload", std::move(payload)},
                   {"event", {{"replayId", change.version.commit_ms}}}};
  return {kRawTopic, id, event.dump(), change.version.commit_ms};
}

RawRecord encoded(const MergeChange& change) {
  crm::MergeFactT fact;
  fact.victim = internal_record_id(Kind::kAccount, change.victim);
  fact.kind = change.kind;
  const std::string other = internal_record_id(Kind::kAccount, change.survivor);
  if (change.kind == crm::MergeFactKind::Merge) fact.survivor = other;
  if (change.kind == crm::MergeFactKind::Split) fact.successors.push_back(other);
  fact.version = std::make_unique<crm::VersionT>();
  fact.version->commit_timestamp_ms = change.version.commit_ms;
  fact.version->sequence_number = change.version.sequence;
  fact.version->transaction_key = transaction_text(change.version);
  fact.origin = "synthetic";
  return {crm::kMergeFacts.name, fact.victim, Flat<crm::MergeFact>(fact).bytes(),
          change.version.commit_ms};
}

/// Topics of the alternatives of `Definition`.
constexpr std::tuple kDefinitionTopics{
    crm::kTerritoryModels,   crm::kTerritories,         crm::kTerritoryRules, crm::kRuleTerritories,
    crm::kManualTerritories, crm::kTerritoryExclusions, crm::kProductFeatures};

template <class Table>
constexpr std::string_view topic_of() {
  return std::get<Topic<std::string, Table>>(kDefinitionTopics).name;
}

template <class Object>
const std::string& key_of(const Object& object) {
  return object.id;
}
const std::string& key_of(const crm::ProductFeaturesT& product) {
  return product.product;
}

RawRecord encoded(const DefinitionChange& change) {
  return std::visit(
      [&]<class Object>(const Object& object) -> RawRecord {
        using Table = typename Object::TableType;
        RawRecord record{topic_of<Table>(), key_of(object), {}, change.commit_ms};
        if (!change.is_removal) {
          record.value = Flat<Table>(object).bytes();
        }
        return record;
      },
      change.definition);
}

}  // namespace

RawRecord encode(const Event& event) {
  return std::visit([](const auto& each) { return encoded(each); }, event);
}

}  // namespace millrace::apps::synthetic
