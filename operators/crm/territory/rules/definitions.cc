#include "crm/territory/rules/definitions.h"

#include <initializer_list>

#include "crm/model/encode.h"
#include "crm/model/ids.h"

namespace millrace::crm::territory {
namespace {

Status check_ids(std::initializer_list<const flatbuffers::String*> ids) {
  for (const flatbuffers::String* id : ids) {
    if (is_internal_id(id->string_view())) continue;
    return Error{ErrorCode::kInvalidRecord, "an id of a territory record is not source:id"};
  }
  return {};
}

}  // namespace

Result<ModelDefinition> read_definition(const TerritoryModel& table) {
  MILLRACE_RETURN_IF_ERROR(check_ids({table.id()}));
  return ModelDefinition{table.id()->str(), table.state() == TerritoryModelState::Active,
                         table.activated_ms()};
}

Result<TerritoryDefinition> read_definition(const Territory& table) {
  MILLRACE_RETURN_IF_ERROR(check_ids({table.id(), table.model()}));
  return TerritoryDefinition{table.id()->str(), table.model()->str(),
                             std::string(text_of(table.parent()))};
}

Result<RuleDefinition> read_definition(const TerritoryRule& table) {
  MILLRACE_RETURN_IF_ERROR(check_ids({table.id()}));
  RuleDefinition rule{.id = table.id()->str(), .filter = std::string(text_of(table.filter()))};
  rule.active = table.active();
  for (const RuleItem* item : *table.items()) {
    rule.items.push_back(
        {item->field()->str(), item->operator_(), std::string(text_of(item->values()))});
  }
  return rule;
}

Result<AssociationDefinition> read_definition(const RuleTerritory& table) {
  MILLRACE_RETURN_IF_ERROR(check_ids({table.id(), table.rule(), table.territory()}));
  return AssociationDefinition{table.id()->str(), table.rule()->str(), table.territory()->str(),
                               table.inherited()};
}

}  // namespace millrace::crm::territory
