#include "rule_steps.h"

#include <algorithm>

namespace millrace::crm::territory {
namespace {

constexpr size_t kTerritories = 6;
constexpr size_t kRules = 6;
constexpr size_t kAssociations = 9;
constexpr size_t kChoices = 4;

std::string id(const char* kind, size_t number) {
  return "s:" + (kind + std::to_string(number));
}

RuleStep step_of(RuleSetChange change) {
  TableRecord record = record_of(change);
  return {std::move(change), std::move(record)};
}

}  // namespace

std::vector<RuleStep> RuleSteps::first() {
  std::vector<RuleStep> steps{step_of(ModelDefinition{"s:m", true, 1})};
  for (size_t i = 0; i < kTerritories; ++i) steps.push_back(step_of(any_territory(i)));
  for (size_t i = 0; i < kRules; ++i) steps.push_back(step_of(any_rule(i)));
  for (size_t i = 0; i < kAssociations; ++i) steps.push_back(step_of(any_association(i)));
  return steps;
}

RuleStep RuleSteps::any() {
  switch (up_to_(7)) {
    case 0:
      return step_of(any_territory(up_to_(kTerritories - 1)));
    case 1:
      return step_of(any_association(up_to_(kAssociations - 1)));
    case 2:
      return step_of(Removal{static_cast<DefinitionKind>(1 + up_to_(2)),
                             id(up_to_(1) == 0 ? "r" : "t", up_to_(kRules))});
    case 3:
    case 4:
      return any_choice();
    default:
      return step_of(any_rule(up_to_(kRules - 1)));
  }
}

TerritoryDefinition RuleSteps::any_territory(size_t number) {
  const std::string parent = id("t", up_to_(kTerritories));
  return {id("t", number), "s:m", up_to_(1) == 0 ? "" : parent};
}

AssociationDefinition RuleSteps::any_association(size_t number) {
  const std::string rule = id("r", up_to_(kRules - 1));
  return {id("a", number), rule, id("t", up_to_(kTerritories - 1)), up_to_(1) == 0};
}

RuleDefinition RuleSteps::any_rule(size_t number) {
  RuleDefinition rule{.id = id("r", number)};
  for (size_t items = 1 + up_to_(1); items > 0; --items) {
    const char* const field = up_to_(1) == 0 ? "city" : "name";
    rule.items.push_back({field, static_cast<RuleOperator>(up_to_(10)), any_values()});
  }
  if (rule.items.size() == 2 && up_to_(1) == 0) rule.filter = "1 OR 2";
  rule.active = up_to_(7) != 0;
  return rule;
}

std::string RuleSteps::any_values() {
  std::string values(1, static_cast<char>('p' + up_to_(3)));
  if (up_to_(1) == 0) values += std::string(", ") + static_cast<char>('p' + up_to_(3));
  return values;
}

RuleStep RuleSteps::any_choice() {
  ChoiceChange choice{.kind = up_to_(2) == 0 ? ChoiceKind::kExclusion : ChoiceKind::kManual,
                      .id = id("c", up_to_(kChoices - 1))};
  if (up_to_(3) != 0) {
    choice.account = accounts_.at(up_to_(accounts_.size() - 1));
    choice.territory = id("t", up_to_(kTerritories - 1));
  }
  TableRecord record = record_of_choice(choice.kind, choice.id, choice.account, choice.territory);
  return {std::move(choice), std::move(record)};
}

void RuleOracle::apply(const std::variant<RuleSetChange, ChoiceChange>& meaning) {
  if (const auto* change = std::get_if<RuleSetChange>(&meaning)) return rules_.apply(*change);
  const auto& choice = std::get<ChoiceChange>(meaning);
  if (choice.account.empty()) {
    choices_.erase({choice.kind, choice.id});
  } else {
    choices_[{choice.kind, choice.id}] = choice;
  }
}

std::vector<Assignment> RuleOracle::assign(const OracleAccount& fields,
                                           const std::set<std::string>& members) {
  PersonalChoices chosen;
  for (const auto& [key, choice] : choices_) {
    if (!members.contains(choice.account)) continue;
    auto& ids = key.first == ChoiceKind::kManual ? chosen.manual : chosen.excluded;
    ids.push_back(choice.territory);
  }
  for (auto* ids : {&chosen.manual, &chosen.excluded}) {
    std::ranges::sort(*ids);
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  return rules_.assign(fields, chosen);
}

}  // namespace millrace::crm::territory
