#pragma once

#include <span>
#include <string>
#include <vector>

#include "crm/territory/rules/matcher.h"
#include "crm/territory/rules/rule_set.h"

namespace millrace::crm::territory {

/// An account's place in a territory, and the reason; see account_territory.fbs.
struct Assignment {
  std::string territory;
  std::vector<std::string> rules{};  ///< sorted; empty for a manual choice alone
  bool manual = false;

  friend bool operator==(const Assignment&, const Assignment&) = default;
};

/// Manual choices about one account: ids of territories, sorted, no duplicates.
struct PersonalChoices {
  std::vector<std::string> manual{};
  std::vector<std::string> excluded{};
};

/// All territories of an account, sorted by id: those of `by_rules` and, whatever the rules, manual
/// ones that are live; none that it is excluded from. A manual territory hides none above it.
/// REQUIRES: `by_rules` is an answer of a Matcher on `rules`, given the same exclusions.
std::vector<Assignment> assignments(const RuleSet& rules, std::span<const TerritoryIndex> by_rules,
                                    const PersonalChoices& choices);

}  // namespace millrace::crm::territory
