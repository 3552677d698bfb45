#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "millrace/core/result.h"

#include "rule_territory_generated.h"
#include "territory_generated.h"
#include "territory_model_generated.h"
#include "territory_rule_generated.h"

namespace millrace::crm::territory {

/// See territory_model.fbs.
struct ModelDefinition {
  std::string id;
  bool active = false;
  int64_t activated_ms = 0;
};

/// See territory.fbs; only the fields that decide something.
struct TerritoryDefinition {
  std::string id;
  std::string model;
  std::string parent{};  ///< empty for a top territory
};

/// See territory_rule.fbs.
struct ItemDefinition {
  std::string field;
  RuleOperator op = RuleOperator::Equals;
  std::string values{};
};
struct RuleDefinition {
  std::string id;
  std::string filter{};
  std::vector<ItemDefinition> items{};
  bool active = true;
};

/// See rule_territory.fbs.
struct AssociationDefinition {
  std::string id;
  std::string rule;
  std::string territory;
  bool inherited = false;
};

/// The removal of a definition.
enum class DefinitionKind : unsigned char { kModel, kTerritory, kRule, kAssociation };
struct Removal {
  DefinitionKind kind = DefinitionKind::kRule;
  std::string id;
};

/// One change of a rule set: a definition replaces the one of the same kind and id.
using RuleSetChange = std::variant<ModelDefinition, TerritoryDefinition, RuleDefinition,
                                   AssociationDefinition, Removal>;

/// Copies of verified tables. Error: `kInvalidRecord` when an id has not the internal form.
Result<ModelDefinition> read_definition(const TerritoryModel& table);
Result<TerritoryDefinition> read_definition(const Territory& table);
Result<RuleDefinition> read_definition(const TerritoryRule& table);
Result<AssociationDefinition> read_definition(const RuleTerritory& table);

}  // namespace millrace::crm::territory
