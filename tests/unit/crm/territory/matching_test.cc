// Any rules, any accounts, any changes: the compiled rule set says what brute force says.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/matcher.h"
#include "crm/territory/rules/rule_set.h"
#include "territory_oracle.h"
#include "territory_world.h"

namespace millrace::crm::territory::matching_test {

struct Pair {
  RuleSet rules{world_types()};
  TerritoryOracle oracle;
  Matcher matcher{rules};

  Pair() { oracle.declare_number("Size"); }
  RuleSetOutcome apply(const std::vector<RuleSetChange>& changes) {
    for (const RuleSetChange& change : changes) oracle.apply(change);
    return rules.apply(changes);
  }
  std::vector<Assignment> assign(const OracleAccount& account, const PersonalChoices& choices) {
    const auto fields = view_of(account);
    return assignments(rules, matcher.match(fields, choices.excluded), choices);
  }
};

/// Whether the account meets a condition, asked of nothing but its own index.
bool meets(const AccessKey& key, const OracleAccount& account, const std::string& field) {
  FieldAccess index;
  index.add(key, 1);
  FieldValue value;
  const auto it = account.find(field);
  const bool is_null = it == account.end() || it->second.empty();
  if (!is_null) read_value(it->second, world_types().of(field), value);
  bool found = false;
  index.visit(is_null ? nullptr : &value, [&found](RuleIndex) { found = true; });
  return found;
}

bool is_affected(const AffectedAccounts& affected, const OracleAccount& account,
                 const PersonalChoices& choices) {
  if (affected.all) return true;
  const bool by_hand = std::ranges::any_of(affected.territories, [&](const std::string& id) {
    return std::ranges::count(choices.manual, id) > 0;
  });
  return by_hand || std::ranges::any_of(affected.keys, [&](const AffectedAccounts::Where& where) {
           return meets(where.key, account, where.field);
         });
}

RC_GTEST_PROP(TerritoryProperty, CompiledEqualsBruteForceAfterEveryChange, ()) {
  Pair pair;
  pair.apply(some_start());
  std::vector<std::pair<OracleAccount, PersonalChoices>> accounts(6);
  for (auto& [account, choices] : accounts) {
    account = some_account();
    choices = {some_territories(), some_territories()};
  }
  for (size_t step = 2 + below(8); step > 0; --step) {
    std::vector<std::vector<Assignment>> before;
    for (const auto& [account, choices] : accounts) before.push_back(pair.assign(account, choices));
    std::vector<RuleSetChange> changes;
    for (size_t count = 1 + below(3); count > 0; --count) changes.push_back(some_change());
    const RuleSetOutcome outcome = pair.apply(changes);
    for (size_t i = 0; i < accounts.size(); ++i) {
      const auto& [account, choices] = accounts[i];
      const std::vector<Assignment> now = pair.assign(account, choices);
      RC_ASSERT(now == pair.oracle.assign(account, choices));
      RC_ASSERT(now == before[i] || is_affected(outcome.affected, account, choices));
    }
  }
}

RC_GTEST_PROP(TerritoryProperty, OneTerritoryABranchAndNoneThatIsExcluded, ()) {
  Pair pair;
  pair.apply(some_start());
  for (size_t i = 0; i < 10; ++i) {
    const OracleAccount account = some_account();
    const PersonalChoices choices{some_territories(), some_territories()};
    const auto assigned = pair.assign(account, choices);
    RC_ASSERT(assigned == pair.oracle.assign(account, choices));
    for (const Assignment& a : assigned) {
      RC_ASSERT(std::ranges::count(choices.excluded, a.territory) == 0);
      for (const Assignment& b : assigned) {
        if (a.rules.empty() || b.rules.empty()) continue;
        RC_ASSERT(!pair.oracle.is_ancestor(a.territory, b.territory));
      }
    }
  }
}

RC_GTEST_PROP(TerritoryProperty, AskingOnlyWhatChangedGivesTheSameAnswer, ()) {
  Pair pair;
  pair.apply(some_start());
  OracleAccount account = some_account();
  const std::vector<std::string> excluded = some_territories();
  auto answer = pair.matcher.match(view_of(account), excluded);
  std::vector<TerritoryIndex> before(answer.begin(), answer.end());
  for (size_t i = 0; i < 10; ++i) {
    std::vector<std::string> names;
    for (size_t count = 1 + below(2); count > 0; --count) {
      names.push_back(some_field());
      account[names.back()] = some_value();
    }
    const std::vector<std::string_view> changed(names.begin(), names.end());
    answer = pair.matcher.match_changed(view_of(account), changed, before, excluded);
    const std::vector<TerritoryIndex> now(answer.begin(), answer.end());
    answer = pair.matcher.match(view_of(account), excluded);
    RC_ASSERT(now == std::vector<TerritoryIndex>(answer.begin(), answer.end()));
    before = now;
  }
}

RC_GTEST_PROP(TerritoryProperty, OrderAndRepetitionOfChangesDoNotMatter, ()) {
  std::vector<RuleSetChange> changes = some_start();
  Pair pair;
  pair.apply(changes);
  for (size_t i = changes.size(); i > 1; --i) std::swap(changes[i - 1], changes[below(i)]);
  Pair other;
  for (const RuleSetChange& change : changes) other.apply({change});
  for (const RuleSetChange& change : changes) other.apply({change, change});
  for (size_t i = 0; i < 10; ++i) {
    const OracleAccount account = some_account();
    RC_ASSERT(pair.assign(account, {}) == other.assign(account, {}));
  }
}

RC_GTEST_PROP(TerritoryProperty, NothingIsLeftWhenEverythingIsRemoved, ()) {
  Pair pair;
  pair.apply(some_start());
  for (size_t i = below(6); i > 0; --i) pair.apply({some_change()});
  std::vector<RuleSetChange> removals;
  for (size_t i = 0; i < 10; ++i) {
    const std::string number = std::to_string(i);
    removals.emplace_back(Removal{DefinitionKind::kRule, "s:r" + number});
    removals.emplace_back(Removal{DefinitionKind::kTerritory, "s:t" + number});
    removals.emplace_back(Removal{DefinitionKind::kAssociation, "s:a" + number});
  }
  pair.apply(removals);
  RC_ASSERT(pair.rules.rules().rules().size() == 0U);
  RC_ASSERT(pair.rules.rules().predicates().size() == 0U);
  RC_ASSERT(pair.rules.rules().fields().size() == 0U);
  RC_ASSERT(pair.rules.territories().nodes().size() == 0U);
}

}  // namespace millrace::crm::territory::matching_test
