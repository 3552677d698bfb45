#include "territory_shapes.h"

#include <string>
#include <utility>

#include <fmt/format.h>

namespace millrace::crm::territory {
namespace {

constexpr size_t kCountries = 40;
constexpr size_t kRegions = 400;
constexpr size_t kIndustries = 30;

std::string country(size_t i) {
  return fmt::format("Country {}", i % kCountries);
}
std::string industry(size_t i) {
  return fmt::format("Industry {}", i % kIndustries);
}

/// The area of a territory: an interval of postal codes of its country, or a prefix of them.
struct Area {
  size_t country = 0;
  size_t first = 0;
  size_t last = 0;
};
constexpr size_t kPostalCodes = 100'000;

Area area_of(size_t leaf, size_t leaves) {
  const size_t per_country = leaves / kCountries + 1;
  const size_t width = kPostalCodes / per_country;
  const size_t first = leaf / kCountries * width;
  return {leaf % kCountries, first, std::min(first + width, kPostalCodes) - 1};
}

}  // namespace

size_t leaves_of(size_t territories) {
  return territories - kCountries - kRegions - 1;
}

RuleDefinition area_rule(size_t leaf, size_t leaves) {
  const Area area = area_of(leaf, leaves);
  RuleDefinition rule{.id = fmt::format("b:area-{}", leaf)};
  rule.items.push_back({"BillingCountry", RuleOperator::Equals, country(area.country)});
  rule.items.push_back(
      {"BillingPostalCode", RuleOperator::GreaterOrEqual, fmt::format("{:05}", area.first)});
  rule.items.push_back(
      {"BillingPostalCode", RuleOperator::LessOrEqual, fmt::format("{:05}", area.last)});
  return rule;
}

RuleDefinition segment_rule(size_t leaf, Random& random) {
  RuleDefinition rule{.id = fmt::format("b:segment-{}", leaf), .filter = "(1 AND 2) OR 3"};
  rule.items.push_back({"Industry", RuleOperator::Equals,
                        industry(random.below(kIndustries)) + ", " + industry(leaf)});
  rule.items.push_back({"AnnualRevenue", RuleOperator::GreaterOrEqual,
                        fmt::format("{}", random.below(1000) * 1000)});
  rule.items.push_back({"Name", RuleOperator::StartsWith, fmt::format("Account {}", leaf % 1000)});
  return rule;
}

std::vector<RuleSetChange> make_changes(size_t territories) {
  Random random(1);
  std::vector<RuleSetChange> changes{ModelDefinition{"b:model", true, 1},
                                     TerritoryDefinition{"b:top", "b:model"}};
  const auto territory = [&](std::string id, std::string parent) {
    changes.emplace_back(TerritoryDefinition{std::move(id), "b:model", std::move(parent)});
  };
  const auto rule = [&](RuleDefinition definition, std::string of, bool inherited) {
    changes.emplace_back(
        AssociationDefinition{definition.id, definition.id, std::move(of), inherited});
    changes.emplace_back(std::move(definition));
  };
  for (size_t i = 0; i < kCountries; ++i) {
    const std::string id = fmt::format("b:country-{}", i);
    territory(id, "b:top");
    RuleDefinition definition{.id = fmt::format("b:of-country-{}", i)};
    definition.items.push_back({"BillingCountry", RuleOperator::Equals, country(i)});
    definition.items.push_back({"Type", RuleOperator::NotEqual, "Competitor, Partner"});
    definition.items.push_back({"Status", RuleOperator::Equals, "Active, Trial"});
    rule(std::move(definition), id, true);
  }
  for (size_t i = 0; i < kRegions; ++i) {
    territory(fmt::format("b:region-{}", i), fmt::format("b:country-{}", i % kCountries));
  }
  const size_t leaves = leaves_of(territories);
  for (size_t leaf = 0; leaf < leaves; ++leaf) {
    const std::string id = fmt::format("b:leaf-{}", leaf);
    territory(id, fmt::format("b:region-{}", leaf % kRegions));
    rule(area_rule(leaf, leaves), id, false);
    if (leaf % 2 == 0) rule(segment_rule(leaf, random), id, false);
  }
  return changes;
}

OracleAccount make_account(Random& random) {
  OracleAccount account;
  account["BillingCountry"] = country(random.skewed_below(kCountries));
  account["BillingPostalCode"] = fmt::format("{:05}", random.below(kPostalCodes));
  account["Industry"] = industry(random.skewed_below(kIndustries));
  account["AnnualRevenue"] = fmt::format("{}", random.below(2'000'000));
  account["Name"] = fmt::format("Account {} of many", random.below(100'000));
  account["Type"] = random.below(10) == 0 ? "Partner" : "Customer";
  account["Status"] = random.below(10) == 0 ? "Dormant" : "active";
  for (size_t i = 0; i < 20; ++i) account[fmt::format("Custom{}__c", i)] = "not in any rule";
  return account;
}

std::vector<OracleAccount> make_accounts(size_t count) {
  Random random(2);
  std::vector<OracleAccount> accounts(count);
  for (OracleAccount& account : accounts) account = make_account(random);
  return accounts;
}

}  // namespace millrace::crm::territory
