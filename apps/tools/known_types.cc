#include "apps/tools/known_types.h"

#include <algorithm>
#include <array>

#include "millrace/core/serde.h"

#include "binary_schemas/account_bfbs_generated.h"
#include "binary_schemas/account_row_bfbs_generated.h"
#include "binary_schemas/account_state_bfbs_generated.h"
#include "binary_schemas/account_territory_bfbs_generated.h"
#include "binary_schemas/child_counts_bfbs_generated.h"
#include "binary_schemas/child_update_bfbs_generated.h"
#include "binary_schemas/conflict_bfbs_generated.h"
#include "binary_schemas/entitlement_input_bfbs_generated.h"
#include "binary_schemas/erasure_bfbs_generated.h"
#include "binary_schemas/erasure_report_bfbs_generated.h"
#include "binary_schemas/feature_entitlement_bfbs_generated.h"
#include "binary_schemas/forest_node_bfbs_generated.h"
#include "binary_schemas/manual_territory_bfbs_generated.h"
#include "binary_schemas/member_update_bfbs_generated.h"
#include "binary_schemas/merge_fact_bfbs_generated.h"
#include "binary_schemas/product_features_bfbs_generated.h"
#include "binary_schemas/redirect_bfbs_generated.h"
#include "binary_schemas/rule_territory_bfbs_generated.h"
#include "binary_schemas/territory_bfbs_generated.h"
#include "binary_schemas/territory_exclusion_bfbs_generated.h"
#include "binary_schemas/territory_model_bfbs_generated.h"
#include "binary_schemas/territory_rule_bfbs_generated.h"
#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "forest_node_generated.h"

namespace millrace::apps {
namespace {

template <class Table, class Schema>
KnownType type(std::string_view name, std::string_view topic = "") {
  return {name, &Serde<Table>::validate, {Schema::data(), Schema::size()}, topic};
}

}  // namespace

std::span<const KnownType> known_types() {
  using namespace crm;
  static const std::array types{
      type<AccountChange, AccountChangeBinarySchema>("AccountChange", kAccounts.name),
      type<MergeFact, MergeFactBinarySchema>("MergeFact", kMergeFacts.name),
      type<Redirect, RedirectBinarySchema>("Redirect", kRedirects.name),
      type<AccountState, AccountStateBinarySchema>("AccountState", kAccountStates.name),
      type<FeatureEntitlement, FeatureEntitlementBinarySchema>("FeatureEntitlement",
                                                               kEntitlements.name),
      type<ProductFeatures, ProductFeaturesBinarySchema>("ProductFeatures", kProductFeatures.name),
      type<EntitlementInput, EntitlementInputBinarySchema>("EntitlementInput"),
      type<Erasure, ErasureBinarySchema>("Erasure", kErasures.name),
      type<ErasureReport, ErasureReportBinarySchema>("ErasureReport", kErasureReports.name),
      type<Conflict, ConflictBinarySchema>("Conflict", kConflicts.name),
      type<AccountTerritory, AccountTerritoryBinarySchema>("AccountTerritory",
                                                           kAccountTerritories.name),
      type<TerritoryModel, TerritoryModelBinarySchema>("TerritoryModel", kTerritoryModels.name),
      type<Territory, TerritoryBinarySchema>("Territory", kTerritories.name),
      type<TerritoryRule, TerritoryRuleBinarySchema>("TerritoryRule", kTerritoryRules.name),
      type<RuleTerritory, RuleTerritoryBinarySchema>("RuleTerritory", kRuleTerritories.name),
      type<ManualTerritory, ManualTerritoryBinarySchema>("ManualTerritory",
                                                         kManualTerritories.name),
      type<TerritoryExclusion, TerritoryExclusionBinarySchema>("TerritoryExclusion",
                                                               kTerritoryExclusions.name),
      type<AccountRow, AccountRowBinarySchema>("AccountRow"),
      type<MemberUpdate, MemberUpdateBinarySchema>("MemberUpdate"),
      type<ChildUpdate, ChildUpdateBinarySchema>("ChildUpdate"),
      type<ChildCounts, ChildCountsBinarySchema>("ChildCounts"),
      type<ForestNode, ForestNodeBinarySchema>("ForestNode")};
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
