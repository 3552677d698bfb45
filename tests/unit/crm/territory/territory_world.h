#pragma once

#include <map>
#include <string>
#include <vector>

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/definitions.h"
#include "crm/territory/rules/field_value.h"
#include "crm/territory/rules/matcher.h"
#include "territory_oracle.h"

// A small world of territories, drawn by rapidcheck: to be called inside a property.
namespace millrace::crm::territory {

extern const std::vector<std::string> kWorldFields;

size_t below(size_t count);
std::string some_value();
std::string some_field();
/// Prefix and a number below `count`.
std::string named(const char* prefix, size_t count);

RuleDefinition some_rule();
RuleSetChange some_change();
/// An active model with six territories, eight rules and six associations.
std::vector<RuleSetChange> some_start();
OracleAccount some_account();
/// Ids, sorted, no duplicates.
std::vector<std::string> some_territories();

std::vector<AccountField> view_of(const OracleAccount& account);
/// `Size` is a number.
FieldTypes world_types();

}  // namespace millrace::crm::territory
