#include "apps/tools/known_types.h"

#include <algorithm>
#include <array>

#include "millrace/core/serde.h"

#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "forest_node_generated.h"

namespace millrace::apps {
namespace {

template <class Table>
KnownType type(std::string_view name, std::string_view topic = "") {
  return {name, type_info<Table>(), BinarySchema<Table>::kBytes, topic};
}

}  // namespace

std::span<const KnownType> known_types() {
  using namespace crm;
  static const std::array types{
      type<AccountChange>("AccountChange", kAccounts.name),
      type<MergeFact>("MergeFact", kMergeFacts.name),
      type<Redirect>("Redirect", kRedirects.name),
      type<AccountState>("AccountState", kAccountStates.name),
      type<FeatureEntitlement>("FeatureEntitlement", kEntitlements.name),
      type<ProductFeatures>("ProductFeatures", kProductFeatures.name),
      type<EntitlementInput>("EntitlementInput"),
      type<Erasure>("Erasure", kErasures.name),
      type<ErasureReport>("ErasureReport", kErasureReports.name),
      type<Conflict>("Conflict", kConflicts.name),
      type<AccountTerritory>("AccountTerritory", kAccountTerritories.name),
      type<TerritoryModel>("TerritoryModel", kTerritoryModels.name),
      type<Territory>("Territory", kTerritories.name),
      type<TerritoryRule>("TerritoryRule", kTerritoryRules.name),
      type<RuleTerritory>("RuleTerritory", kRuleTerritories.name),
      type<ManualTerritory>("ManualTerritory", kManualTerritories.name),
      type<TerritoryExclusion>("TerritoryExclusion", kTerritoryExclusions.name),
      type<AccountRow>("AccountRow"),
      type<MemberUpdate>("MemberUpdate"),
      type<ChildUpdate>("ChildUpdate"),
      type<ChildCounts>("ChildCounts"),
      type<ForestNode>("ForestNode")};
  return types;
}

const KnownType* find_type_by_name(std::string_view name) {
  for (const KnownType& known : known_types()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

const KnownType* find_type_by_topic(std::string_view topic, std::string_view output_prefix) {
  for (const KnownType& known : known_types()) {
    if (known.topic.empty()) continue;
    const bool is_output = std::ranges::find(crm::kOutputs, known.topic) != crm::kOutputs.end();
    if (known.topic == topic) return &known;
    if (is_output && crm::output_topic(known.topic, output_prefix) == topic) return &known;
  }
  return nullptr;
}

}  // namespace millrace::apps
