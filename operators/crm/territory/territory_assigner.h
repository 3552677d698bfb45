#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topic.h"
#include "millrace/core/topology.h"

#include "account_territory_generated.h"
#include "crm/model/topology_nodes.h"
#include "crm/territory/rule_feed.h"
#include "crm/territory/rules/field_value.h"
#include "manual_territory_generated.h"
#include "rule_territory_generated.h"
#include "territory_exclusion_generated.h"
#include "territory_generated.h"
#include "territory_model_generated.h"
#include "territory_rule_generated.h"

namespace millrace::crm {

/// Topics of territory rules, keyed by id: compacted, and read whole by every task.
inline constexpr Topic<std::string, TerritoryModel> kTerritoryModels{"crm.territory-models"};
inline constexpr Topic<std::string, Territory> kTerritories{"crm.territories"};
inline constexpr Topic<std::string, TerritoryRule> kTerritoryRules{"crm.territory-rules"};
inline constexpr Topic<std::string, RuleTerritory> kRuleTerritories{"crm.rule-territories"};
inline constexpr Topic<std::string, ManualTerritory> kManualTerritories{"crm.manual-territories"};
inline constexpr Topic<std::string, TerritoryExclusion> kTerritoryExclusions{
    "crm.territory-exclusions"};
/// The territories of every account: root, NUL, territory → the reason.
inline constexpr Topic<std::string, AccountTerritory> kAccountTerritories{
    "crm.account-territories"};

/// Stores of territories. The last of them is for queries: `territory::assignment_key` →
/// AccountTerritory, in the task of the root.
inline constexpr std::string_view kTerritoryRuleStore = "territory-rules";
inline constexpr std::string_view kTerritoryIndexStore = "territory-accounts";
inline constexpr std::string_view kAccountTerritoryStore = "account-territories";

struct TerritoryOptions {
  territory::RuleRuns runs = territory::RuleRuns::kContinuous;
  territory::FieldTypes types{};
  /// Every task does the work of a rule change in slices of so many accounts, so often, which
  /// leaves time for inputs.
  size_t slice_accounts = 50;
  int64_t slice_interval_ms = 20;
};

/// The broadcast tables of territories: rules and other definitions, then manual choices.
std::vector<TopicUse> territory_tables();
std::vector<StoreSpec> territory_stores();

/// Adds the processor behind the account aggregator, whose states it takes as records and as the
/// store `state_store`, and the sinks of topics `crm.account-territories` and `crm.conflicts`.
///
/// - An account that is not active has no territories. A manual choice for any member of a
///   component counts for its root.
/// - A change of rules applies to the accounts that come after it at once, and to the others in
///   slices, with an epoch of its own; see `RuleRuns` for when. Changes that come with nothing in
///   between are one run.
/// - Manual choices count at once, in either mode.
/// - An invalid rule is a conflict, which the task of partition 0 reports.
///
/// Every task holds the compiled rules in memory, compiles them when it starts, and has a copy of
/// the definitions in its state.
void add_territories(Nodes& nodes, NodeIndex aggregator, std::string_view state_store,
                     TerritoryOptions options);

}  // namespace millrace::crm
