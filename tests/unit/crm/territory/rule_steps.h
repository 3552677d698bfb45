#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "territory_oracle.h"
#include "territory_records.h"

namespace millrace::crm::territory {

/// A person's choice about an account; without an account, that there is none any more.
struct ChoiceChange {
  ChoiceKind kind = ChoiceKind::kManual;
  std::string id;
  std::string account{};
  std::string territory{};
};

/// A change of rules or of choices, and the record that publishes it.
struct RuleStep {
  std::variant<RuleSetChange, ChoiceChange> meaning;
  TableRecord record;
};

/// Random changes of a few territories, rules and choices over the fields "city" and "name" with
/// values from "p" to "s".
class RuleSteps {
 public:
  /// A random number from 0 to the argument.
  using UpTo = std::function<size_t(size_t last)>;

  /// `accounts`: whom choices are about.
  RuleSteps(UpTo up_to, std::vector<std::string> accounts)
      : up_to_(std::move(up_to)), accounts_(std::move(accounts)) {}

  /// One of each definition, to begin with.
  std::vector<RuleStep> first();
  RuleStep any();

 private:
  TerritoryDefinition any_territory(size_t number);
  AssociationDefinition any_association(size_t number);
  RuleDefinition any_rule(size_t number);
  std::string any_values();
  RuleStep any_choice();

  UpTo up_to_;
  std::vector<std::string> accounts_;
};

/// The territories that the steps so far give to accounts, by brute force.
class RuleOracle {
 public:
  void apply(const std::variant<RuleSetChange, ChoiceChange>& meaning);
  /// By the fields of its golden record and what people chose for any of its members.
  std::vector<Assignment> assign(const OracleAccount& fields, const std::set<std::string>& members);

 private:
  TerritoryOracle rules_;
  std::map<std::pair<ChoiceKind, std::string>, ChoiceChange> choices_;
};

}  // namespace millrace::crm::territory
