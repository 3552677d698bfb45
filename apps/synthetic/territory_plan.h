#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/profile.h"
#include "apps/synthetic/random.h"

namespace millrace::apps::synthetic {

/// Territories, their rules and products, and how they change. The top one has no rule, below it is
/// one a country, whose rule all below inherit; most rules look at beginnings of postal codes, as
/// long as it takes to leave an account in a few territories.
class TerritoryPlan {
 public:
  explicit TerritoryPlan(const Profile& profile);

  /// All there is at first.
  std::vector<Definition> initial(Random& random);
  /// Ids as on the topics.
  Definition model(int64_t rules_run_ms) const;

  Definition changed_rule(Random& random) const;
  Definition moved_territory(Random& random) const;
  /// A rule comes to a territory; or, `is_removal`, leaves it.
  DefinitionChange changed_association(Random& random) const;
  /// A person gives an account to a territory, keeps it out, or takes that back.
  DefinitionChange changed_choice(Random& random, uint64_t account) const;
  Definition changed_product(Random& random) const;

 private:
  uint32_t countries() const;
  /// Rules from this number on are their territory's second: without it, not all accounts of the
  /// country are in the territory.
  uint32_t first_second_rule() const;
  std::string parent_of(Random& random, uint32_t territory) const;
  crm::TerritoryRuleT rule(Random& random, uint32_t number) const;
  crm::RuleTerritoryT association(uint32_t number, uint32_t territory) const;
  std::string postal_prefix(Random& random) const;
  crm::ProductFeaturesT product(Random& random, uint32_t number) const;

  const Profile profile_;
  const int64_t prefix_digits_;
};

}  // namespace millrace::apps::synthetic
