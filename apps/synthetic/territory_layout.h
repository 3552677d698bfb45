#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/profile.h"
#include "apps/synthetic/random.h"

namespace millrace::apps::synthetic {

/// Territories, their rules and products, and their changes. The top territory has no rule. Below
/// it is one per country, whose rule all below inherit. Most rules match beginnings of postal
/// codes, long enough to leave an account in a few territories.
class TerritoryLayout {
 public:
  explicit TerritoryLayout(const Profile& profile);

  /// All initial definitions.
  std::vector<Definition> initial(Random& random);
  /// Ids as on the topics.
  Definition model(int64_t rules_run_ms) const;

  Definition changed_rule(Random& random) const;
  Definition moved_territory(Random& random) const;
  /// Adds a rule to a territory; or, with `is_removal`, removes it.
  DefinitionChange changed_association(Random& random) const;
  /// A person gives an account to a territory, keeps it out, or takes that back.
  DefinitionChange changed_choice(Random& random, uint64_t account) const;
  Definition changed_product(Random& random) const;

 private:
  uint32_t countries() const;
  /// Rules from this number on are second rules of a territory: a territory that loses one still
  /// has its first rule, so it does not take all accounts of the country.
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
