#include "territory_world.h"

#include <algorithm>

#include <rapidcheck.h>

namespace millrace::crm::territory {

const std::vector<std::string> kWorldFields{"Country", "Revenue", "BillingPostalCode", "Size",
                                            "Tags"};

namespace {

const std::vector<std::string> kValues{"US",  "us",    "de",  "10",  "9",    "10.5",
                                       "-3",  "abcde", "bcd", "A;b", "b",    "C",
                                       "941", "94105", "9",   "",    "x;y;b"};

}  // namespace

size_t below(size_t count) {
  return *rc::gen::inRange<size_t>(0, count);
}
std::string some_value() {
  return kValues[below(kValues.size())];
}
std::string some_field() {
  return kWorldFields[below(kWorldFields.size())];
}
std::string named(const char* prefix, size_t count) {
  return prefix + std::to_string(below(count));
}

namespace {

std::string some_values() {
  std::string list = some_value();
  for (size_t more = below(3); more > 0; --more) list += ", " + some_value();
  return list;
}

std::string some_filter(size_t items, size_t depth) {
  if (depth == 0 || below(3) == 0) return std::to_string(below(items) + 1);
  const std::string word = below(2) == 0 ? " AND " : " or ";
  std::string text = "(" + some_filter(items, depth - 1);
  for (size_t more = below(3); more > 0; --more) text += word + some_filter(items, depth - 1);
  return text + ")";
}

}  // namespace

RuleDefinition some_rule() {
  RuleDefinition rule{.id = named("s:r", 8)};
  for (size_t items = 1 + below(3); items > 0; --items) {
    rule.items.push_back({some_field(), static_cast<RuleOperator>(below(11)), some_values()});
  }
  if (below(2) == 0) rule.filter = some_filter(rule.items.size(), 3);
  if (below(20) == 0) rule.filter = "1 AND (2";
  rule.active = below(8) != 0;
  return rule;
}

RuleSetChange some_change() {
  switch (below(12)) {
    case 0:
      return ModelDefinition{named("s:m", 2), below(4) != 0, static_cast<int64_t>(below(3))};
    case 1:
    case 2:
    case 3:
      return TerritoryDefinition{named("s:t", 8), below(5) == 0 ? "s:m1" : "s:m0",
                                 below(4) == 0 ? "" : named("s:t", 9)};
    case 4:
    case 5:
    case 6:
      return some_rule();
    case 7:
      return Removal{DefinitionKind::kTerritory, named("s:t", 8)};
    case 8:
      return Removal{below(2) == 0 ? DefinitionKind::kRule : DefinitionKind::kAssociation,
                     named(below(2) == 0 ? "s:r" : "s:a", 10)};
    default:
      return AssociationDefinition{named("s:a", 10), named("s:r", 8), named("s:t", 8),
                                   below(2) == 0};
  }
}

std::vector<RuleSetChange> some_start() {
  std::vector<RuleSetChange> changes{ModelDefinition{"s:m0", true, 1}};
  for (size_t i = 0; i < 6; ++i) {
    const std::string id = std::to_string(i);
    changes.emplace_back(
        TerritoryDefinition{"s:t" + id, "s:m0", i == 0 ? "" : "s:t" + std::to_string(below(i))});
    changes.emplace_back(
        AssociationDefinition{"s:a" + id, named("s:r", 8), "s:t" + id, below(2) == 0});
  }
  for (size_t i = 0; i < 8; ++i) {
    changes.emplace_back(some_rule());
    std::get<RuleDefinition>(changes.back()).id = "s:r" + std::to_string(i);
  }
  return changes;
}

OracleAccount some_account() {
  OracleAccount account;
  for (const std::string& field : kWorldFields) {
    if (below(5) != 0) account[field] = some_value();
  }
  return account;
}

std::vector<std::string> some_territories() {
  std::vector<std::string> ids;
  for (size_t count = below(3); count > 0; --count) ids.push_back(named("s:t", 8));
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<AccountField> view_of(const OracleAccount& account) {
  std::vector<AccountField> fields;
  for (const auto& [name, value] : account) fields.push_back({name, value});
  return fields;
}

FieldTypes world_types() {
  FieldTypes declared;
  declared.declare("Size", FieldType::Decimal);
  return declared;
}

}  // namespace millrace::crm::territory
