#include "flat_json.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "millrace/core/serde.h"

#include "account_generated.h"
#include "account_row_generated.h"
#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "conflict_generated.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "forest_node_generated.h"
#include "manual_territory_generated.h"
#include "member_update_generated.h"
#include "merge_fact_generated.h"
#include "redirect_generated.h"
#include "rule_territory_generated.h"
#include "territory_exclusion_generated.h"
#include "territory_generated.h"
#include "territory_model_generated.h"
#include "territory_rule_generated.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;
using flatbuffers::ElementaryType;
using flatbuffers::TypeTable;

class JsonVisitor final : public flatbuffers::IterationVisitor {
 public:
  Json take() { return std::move(root_); }

  void StartSequence() override { open(Json::object()); }
  void EndSequence() override { close(); }
  void StartVector() override { open(Json::array()); }
  void EndVector() override { close(); }
  void Field(size_t, size_t, ElementaryType type, bool is_vector, const TypeTable* table,
             const char* name, const uint8_t* value) override {
    name_ = name;
    if (value == nullptr && !is_vector) add_default(type, table);
  }

  void UType(uint8_t value, const char* name) override { add_named(value, name); }
  void Bool(bool value) override { add(value); }
  void Char(int8_t value, const char* name) override { add_named(value, name); }
  void UChar(uint8_t value, const char* name) override { add_named(value, name); }
  void Short(int16_t value, const char* name) override { add_named(value, name); }
  void UShort(uint16_t value, const char* name) override { add_named(value, name); }
  void Int(int32_t value, const char* name) override { add_named(value, name); }
  void UInt(uint32_t value, const char* name) override { add_named(value, name); }
  void Long(int64_t value) override { add(value); }
  void ULong(uint64_t value) override { add(value); }
  void Float(float value) override { add(value); }
  void Double(double value) override { add(value); }
  void String(const flatbuffers::String* value) override { add(value->str()); }
  void Unknown(const uint8_t*) override { add("(of a newer schema)"); }

 private:
  void open(Json container) {
    Json& added = add(std::move(container));
    open_.push_back(&added);
  }
  void close() { open_.pop_back(); }

  /// The parents of an open container get nothing new until it is closed, so pointers stay valid.
  Json& add(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    Json& parent = *open_.back();
    if (!parent.is_array()) return parent[name_] = std::move(value);
    parent.push_back(std::move(value));
    return parent.back();
  }
  template <class T>
  void add_named(T value, const char* name) {
    if (name != nullptr) {
      add(name);
    } else {
      add(value);
    }
  }
  void add_default(ElementaryType type, const TypeTable* table) {
    if (type == flatbuffers::ET_STRING || type == flatbuffers::ET_SEQUENCE) return;
    if (type == flatbuffers::ET_BOOL) {
      add(false);
    } else {
      add_named(0, table == nullptr ? nullptr : flatbuffers::EnumName(0, table));
    }
  }

  Json root_;
  std::vector<Json*> open_;
  const char* name_ = "";
};

template <class Table>
constexpr KnownType type(std::string_view name, const TypeTable* (*table)(),
                         std::string_view topic = "") {
  return {name, &Serde<Table>::validate, table, topic};
}

/// Length of the UTF-8 sequence at `text`, 0 when there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_overlong =
      (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
  const bool is_outside =
      (byte(0) == 0xed && byte(1) > 0x9f) || (byte(0) == 0xf4 && byte(1) > 0x8f);
  return is_overlong || is_outside ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::span<const KnownType> known_types() {
  static const std::array types{
      type<crm::AccountChange>("AccountChange", crm::AccountChangeTypeTable, crm::kAccounts.name),
      type<crm::MergeFact>("MergeFact", crm::MergeFactTypeTable, crm::kMergeFacts.name),
      type<crm::Redirect>("Redirect", crm::RedirectTypeTable, crm::kRedirects.name),
      type<crm::AccountState>("AccountState", crm::AccountStateTypeTable, crm::kAccountStates.name),
      type<crm::FeatureEntitlement>("FeatureEntitlement", crm::FeatureEntitlementTypeTable,
                                    crm::kEntitlements.name),
      type<crm::ProductFeatures>("ProductFeatures", crm::ProductFeaturesTypeTable,
                                 crm::kProductFeatures.name),
      type<crm::EntitlementInput>("EntitlementInput", crm::EntitlementInputTypeTable),
      type<crm::Erasure>("Erasure", crm::ErasureTypeTable, crm::kErasures.name),
      type<crm::ErasureReport>("ErasureReport", crm::ErasureReportTypeTable,
                               crm::kErasureReports.name),
      type<crm::Conflict>("Conflict", crm::ConflictTypeTable, crm::kConflicts.name),
      type<crm::AccountTerritory>("AccountTerritory", crm::AccountTerritoryTypeTable,
                                  crm::kAccountTerritories.name),
      type<crm::TerritoryModel>("TerritoryModel", crm::TerritoryModelTypeTable,
                                crm::kTerritoryModels.name),
      type<crm::Territory>("Territory", crm::TerritoryTypeTable, crm::kTerritories.name),
      type<crm::TerritoryRule>("TerritoryRule", crm::TerritoryRuleTypeTable,
                               crm::kTerritoryRules.name),
      type<crm::RuleTerritory>("RuleTerritory", crm::RuleTerritoryTypeTable,
                               crm::kRuleTerritories.name),
      type<crm::ManualTerritory>("ManualTerritory", crm::ManualTerritoryTypeTable,
                                 crm::kManualTerritories.name),
      type<crm::TerritoryExclusion>("TerritoryExclusion", crm::TerritoryExclusionTypeTable,
                                    crm::kTerritoryExclusions.name),
      type<crm::AccountRow>("AccountRow", crm::AccountRowTypeTable),
      type<crm::MemberUpdate>("MemberUpdate", crm::MemberUpdateTypeTable),
      type<crm::ChildUpdate>("ChildUpdate", crm::ChildUpdateTypeTable),
      type<crm::ChildCounts>("ChildCounts", crm::ChildCountsTypeTable),
      type<crm::ForestNode>("ForestNode", crm::ForestNodeTypeTable)};
  return types;
}

const KnownType* find_type_by_name(std::string_view name) {
  for (const KnownType& known : known_types()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

const KnownType* find_type_by_topic(std::string_view topic) {
  for (const KnownType& known : known_types()) {
    if (!known.topic.empty() && known.topic == topic) return &known;
  }
  return nullptr;
}

nlohmann::ordered_json flat_json(Bytes bytes, const flatbuffers::TypeTable* table) {
  JsonVisitor visitor;
  flatbuffers::IterateFlatBuffer(bytes.bytes(), table, &visitor);
  return visitor.take();
}

nlohmann::ordered_json bytes_json(Bytes bytes) {
  if (bytes.is_null()) return nullptr;
  if (is_utf8(bytes.view())) return bytes.view();
  std::string hex;
  for (size_t i = 0; i < bytes.size(); ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[bytes.bytes()[i] >> 4];
    hex += kDigits[bytes.bytes()[i] & 15];
  }
  return {{"hex", hex}};
}

}  // namespace millrace::apps
