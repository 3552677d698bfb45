#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/definitions.h"

namespace millrace::crm::territory {

using OracleAccount = std::map<std::string, std::string>;

/// Territories of accounts by brute force: every rule is asked about every account, straight from
/// its text. Shares no code with what it checks; folds ASCII only, and knows no quoted values.
class TerritoryOracle {
 public:
  TerritoryOracle();
  ~TerritoryOracle();

  /// `Size` and others named here are numbers.
  void declare_number(const std::string& field) { numbers_.insert(field); }
  void apply(const RuleSetChange& change);

  std::vector<Assignment> assign(const OracleAccount& account, const PersonalChoices& choices);
  /// Ids of territories that take the account by rules; for benchmarks as well.
  std::vector<std::string> match(const OracleAccount& account,
                                 const std::vector<std::string>& excluded);
  bool is_ancestor(const std::string& upper, const std::string& lower) const;

 private:
  struct Rule;
  struct Place;

  void prepare();
  bool is_live(const std::string& territory) const;
  std::string parent_of(const std::string& territory) const;
  std::set<std::string> rules_of(const std::string& territory) const;

  std::set<std::string> numbers_;
  std::map<std::string, ModelDefinition> models_;
  std::map<std::string, TerritoryDefinition> territories_;
  std::map<std::string, RuleDefinition> definitions_;
  std::map<std::string, AssociationDefinition> associations_;

  bool is_prepared_ = false;
  std::string active_;
  std::map<std::string, std::vector<const AssociationDefinition*>> own_;
  std::vector<const AssociationDefinition*> inherited_;
  std::map<std::string, std::unique_ptr<Rule>> rules_;
  std::vector<Place> places_;
};

}  // namespace millrace::crm::territory
