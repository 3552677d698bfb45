#include "apps/synthetic/territory_layout.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "apps/synthetic/values.h"

namespace millrace::apps::synthetic {
namespace {

using crm::RuleOperator;

constexpr const char* kModel = "sf:model";
/// Of the territories of a country, an account is to be in about so many.
constexpr double kTerritoriesPerAccount = 3;

std::string id_of(std::string_view what, uint64_t number) {
  return fmt::format("{}:{}-{}", kSource, what, number);
}

std::unique_ptr<crm::RuleItemT> item(std::string field, RuleOperator op, std::string values) {
  auto made = std::make_unique<crm::RuleItemT>();
  made->field = std::move(field);
  made->operator_ = op;
  made->values = std::move(values);
  return made;
}

int64_t digits_for(const Profile& profile, uint32_t countries) {
  const double leaves = std::max(1.0, static_cast<double>(profile.territories) / countries);
  return std::clamp<int64_t>(std::llround(std::log10(leaves / kTerritoriesPerAccount)), 1, 5);
}

uint32_t countries_in(const Profile& profile) {
  return std::clamp<uint32_t>(profile.territories / 4, 1, static_cast<uint32_t>(kCountries.size()));
}

}  // namespace

TerritoryLayout::TerritoryLayout(const Profile& profile)
    : profile_(profile), prefix_digits_(digits_for(profile, countries_in(profile))) {}

uint32_t TerritoryLayout::countries() const {
  return countries_in(profile_);
}

uint32_t TerritoryLayout::first_second_rule() const {
  return profile_.rules > profile_.territories ? profile_.territories : 0;
}

Definition TerritoryLayout::model(int64_t rules_run_ms) const {
  crm::TerritoryModelT model;
  model.id = kModel;
  model.state = crm::TerritoryModelState::Active;
  model.activated_ms = 1;
  model.rules_run_ms = rules_run_ms;
  return model;
}

/// Empty for the top.
std::string TerritoryLayout::parent_of(Random& random, uint32_t territory) const {
  if (territory == 0) return {};
  if (territory <= countries()) return id_of("territory", 0);
  // Three in four right below a country.
  const uint32_t above = random.permille(750) ? countries() : territory - 1;
  return id_of("territory", 1 + random.below(above));
}

std::string TerritoryLayout::postal_prefix(Random& random) const {
  std::string list;
  for (uint64_t entries = 1 + random.below(3); entries > 0; --entries) {
    std::string prefix = fmt::format("{:05}", random.below(100'000));
    prefix.resize(static_cast<size_t>(prefix_digits_));
    list += (list.empty() ? "" : ", ") + prefix;
  }
  return list;
}

crm::TerritoryRuleT TerritoryLayout::rule(Random& random, uint32_t number) const {
  crm::TerritoryRuleT rule;
  rule.id = id_of("rule", number);
  if (number < countries()) {
    std::string list(kCountries[number]);
    if (random.permille(300)) list += ", " + std::string(random.one_of(kCountries));
    rule.items.push_back(item("country", RuleOperator::Equals, std::move(list)));
    return rule;
  }
  rule.active = number < first_second_rule() || !random.permille(90);
  rule.items.push_back(item("postal_code", RuleOperator::StartsWith, postal_prefix(random)));
  switch (random.below(6)) {
    case 0:
      rule.items.push_back(
          item("industry", RuleOperator::Equals,
               fmt::format("{}, {}", random.one_of(kIndustries), random.one_of(kIndustries))));
      break;
    case 1:
      rule.items.push_back(item("employees", RuleOperator::GreaterOrEqual, "100"));
      rule.items.push_back(item("rating", RuleOperator::NotEqual, "cold"));
      rule.filter = "1 AND (2 OR 3)";
      break;
    case 2:
      rule.items.push_back(
          item("name", RuleOperator::Contains, std::string(random.one_of(kNameWords))));
      // An eighth of all accounts has the word: alone it would leave them in many territories.
      rule.items.push_back(item("postal_code", RuleOperator::StartsWith, postal_prefix(random)));
      rule.filter = "1 OR (2 AND 3)";
      break;
    case 3:
      rule.items.push_back(item("revenue", RuleOperator::LessThan, "1000000"));
      rule.items.push_back(item("rating", RuleOperator::Equals, ""));
      rule.filter = "(1 AND 2) OR (1 AND 3)";
      break;
    default:
      break;
  }
  return rule;
}

crm::RuleTerritoryT TerritoryLayout::association(uint32_t number, uint32_t territory) const {
  crm::RuleTerritoryT association;
  association.id = id_of("association", number);
  association.rule = id_of("rule", number);
  association.territory = id_of("territory", territory);
  association.inherited = number < countries() || scrambled(number) % 4 == 0;
  return association;
}

std::vector<Definition> TerritoryLayout::initial(Random& random) {
  std::vector<Definition> all{model(0)};
  for (uint32_t i = 0; i < profile_.products; ++i) all.emplace_back(product(random, i));
  for (uint32_t i = 0; i < profile_.territories; ++i) {
    crm::TerritoryT territory;
    territory.id = id_of("territory", i);
    territory.model = kModel;
    territory.parent = parent_of(random, i);
    all.emplace_back(std::move(territory));
  }
  const uint32_t below_countries =
      std::max(profile_.territories, countries() + 2) - countries() - 1;
  for (uint32_t i = 0; i < profile_.rules; ++i) {
    const uint32_t territory = i < countries() ? i + 1 : countries() + 1 + i % below_countries;
    all.emplace_back(rule(random, i));
    all.emplace_back(association(i, territory));
  }
  return all;
}

Definition TerritoryLayout::changed_rule(Random& random) const {
  return rule(random, static_cast<uint32_t>(random.below(profile_.rules)));
}

Definition TerritoryLayout::moved_territory(Random& random) const {
  crm::TerritoryT territory;
  const auto number = static_cast<uint32_t>(random.below(profile_.territories));
  territory.id = id_of("territory", number);
  territory.model = kModel;
  territory.parent = parent_of(random, number);
  return territory;
}

DefinitionChange TerritoryLayout::changed_association(Random& random) const {
  const uint32_t first = first_second_rule();
  const auto number = first + static_cast<uint32_t>(random.below(profile_.rules - first));
  return {association(number, static_cast<uint32_t>(random.below(profile_.territories))),
          random.permille(300)};
}

DefinitionChange TerritoryLayout::changed_choice(Random& random, uint64_t account) const {
  const std::string territory = id_of("territory", random.below(profile_.territories));
  const std::string id = id_of("choice", random.below(profile_.accounts / 50 + 1));
  const bool is_removal = random.permille(300);
  if (random.permille(300)) {
    crm::TerritoryExclusionT exclusion;
    exclusion.id = id;
    exclusion.account = internal_record_id(Kind::kAccount, account);
    exclusion.territory = territory;
    return {std::move(exclusion), is_removal};
  }
  crm::ManualTerritoryT manual;
  manual.id = id;
  manual.account = internal_record_id(Kind::kAccount, account);
  manual.territory = territory;
  return {std::move(manual), is_removal};
}

crm::ProductFeaturesT TerritoryLayout::product(Random& random, uint32_t number) const {
  crm::ProductFeaturesT product;
  product.product = product_name(number);
  const uint64_t first = random.below(kFeatures.size());
  const uint64_t terms = 1 + random.below(3);
  for (uint64_t i = 0; i < terms; ++i) {
    const FeatureDefinition& feature = kFeatures[(first + i) % kFeatures.size()];
    auto term = std::make_unique<crm::FeatureTermT>();
    term->feature = feature.name;
    term->kind = feature.type;
    const uint64_t tier = random.below(kTiers.size());
    term->amount = static_cast<int64_t>(tier) + 1;
    term->per_unit = feature.type == crm::FeatureKind::QuantitySum;
    const bool has_text =
        feature.type == crm::FeatureKind::Tier || feature.type == crm::FeatureKind::Config;
    if (has_text) term->text = kTiers[tier];
    term->grace_days = random.permille(300) ? 14 : 0;
    product.terms.push_back(std::move(term));
  }
  std::ranges::sort(product.terms, {}, [](const auto& term) { return term->feature; });
  return product;
}

Definition TerritoryLayout::changed_product(Random& random) const {
  return product(random, static_cast<uint32_t>(random.below(profile_.products)));
}

}  // namespace millrace::apps::synthetic
