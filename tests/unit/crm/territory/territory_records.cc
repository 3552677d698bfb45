#include "territory_records.h"

#include <memory>

#include "millrace/core/serde.h"

#include "manual_territory_generated.h"
#include "territory_exclusion_generated.h"

namespace millrace::crm::territory {
namespace {

std::string_view topic_of(DefinitionKind kind) {
  switch (kind) {
    case DefinitionKind::kModel:
      return "crm.territory-models";
    case DefinitionKind::kTerritory:
      return "crm.territories";
    case DefinitionKind::kRule:
      return "crm.territory-rules";
    case DefinitionKind::kAssociation:
      break;
  }
  return "crm.rule-territories";
}

TableRecord record(const ModelDefinition& model) {
  return record_of_run(model, 0);
}

TableRecord record(const TerritoryDefinition& territory) {
  TerritoryT table;
  table.id = territory.id;
  table.model = territory.model;
  table.parent = territory.parent;
  return {topic_of(DefinitionKind::kTerritory), table.id, Flat<Territory>(table).bytes()};
}

TableRecord record(const RuleDefinition& rule) {
  TerritoryRuleT table;
  table.id = rule.id;
  table.active = rule.active;
  table.filter = rule.filter;
  for (const ItemDefinition& item : rule.items) {
    auto added = std::make_unique<RuleItemT>();
    added->field = item.field;
    added->operator_ = item.op;
    added->values = item.values;
    table.items.push_back(std::move(added));
  }
  return {topic_of(DefinitionKind::kRule), table.id, Flat<TerritoryRule>(table).bytes()};
}

TableRecord record(const AssociationDefinition& association) {
  RuleTerritoryT table;
  table.id = association.id;
  table.rule = association.rule;
  table.territory = association.territory;
  table.inherited = association.inherited;
  return {topic_of(DefinitionKind::kAssociation), table.id, Flat<RuleTerritory>(table).bytes()};
}

TableRecord record(const Removal& removal) {
  return {topic_of(removal.kind), removal.id, std::nullopt};
}

template <class Table, class Object>
std::string choice_bytes(const std::string& id, const std::string& account,
                         const std::string& territory) {
  Object table;
  table.id = id;
  table.account = account;
  table.territory = territory;
  return Flat<Table>(table).bytes();
}

}  // namespace

TableRecord record_of(const RuleSetChange& change) {
  return std::visit([](const auto& definition) { return record(definition); }, change);
}

TableRecord record_of_run(const ModelDefinition& model, int64_t rules_run_ms) {
  TerritoryModelT table;
  table.id = model.id;
  table.state = model.active ? TerritoryModelState::Active : TerritoryModelState::Planning;
  table.activated_ms = model.activated_ms;
  table.rules_run_ms = rules_run_ms;
  return {topic_of(DefinitionKind::kModel), table.id, Flat<TerritoryModel>(table).bytes()};
}

TableRecord record_of_choice(ChoiceKind kind, const std::string& id, const std::string& account,
                             const std::string& territory) {
  const bool is_manual = kind == ChoiceKind::kManual;
  TableRecord record{is_manual ? "crm.manual-territories" : "crm.territory-exclusions", id, {}};
  if (account.empty()) return record;
  record.value =
      is_manual ? choice_bytes<ManualTerritory, ManualTerritoryT>(id, account, territory)
                : choice_bytes<TerritoryExclusion, TerritoryExclusionT>(id, account, territory);
  return record;
}

}  // namespace millrace::crm::territory
