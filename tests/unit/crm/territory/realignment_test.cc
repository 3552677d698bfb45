// After any changes of rules and accounts, in slices and with restarts, the rows say what a fresh
// match says.
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "account_territory_generated.h"
#include "crm/territory/account_territories.h"
#include "map_store.h"
#include "territory_oracle.h"
#include "territory_world.h"

namespace millrace::crm::territory::realignment_test {

using ::testing::SizeIs;

struct Account {
  OracleAccount fields;
  PersonalChoices choices{};
};

/// A task with its accounts, and what a reader of its topic knows.
struct Task final : AccountSource {
  MapStore index_store;
  MapStore row_store;
  std::map<std::string, Account> accounts;
  std::map<std::string, std::string> published;
  AccountTerritories territories{{index_store, row_store}, *this, world_types()};
  uint64_t version = 0;

  bool read(std::string_view root, AccountImage& image) override {
    const auto it = accounts.find(std::string(root));
    if (it == accounts.end()) return false;
    image = {view_of(it->second.fields), it->second.choices};
    return true;
  }

  void change_rules(const std::vector<RuleSetChange>& changes) {
    territories.change(++version, changes, 0);
  }
  AssignmentRows::Emit publish() {
    return [this](Bytes key, Bytes row, Bytes) {
      published.erase(key.to_string());
      if (!row.is_null()) published[key.to_string()] = row.to_string();
    };
  }
  void align(const std::string& root) { territories.align(root, 0, publish()); }
  size_t run_slice(size_t accounts_max) {
    return territories.run_slice(accounts_max, 0, publish());
  }
  /// Returns how many accounts were looked at.
  size_t drain() {
    size_t visited = 0;
    while (territories.is_pending()) visited += run_slice(3);
    return visited;
  }

  std::vector<Assignment> fresh(const Account& account) {
    Matcher matcher(territories.rules());
    const auto fields = view_of(account.fields);
    return assignments(territories.rules(), matcher.match(fields, account.choices.excluded),
                       account.choices);
  }

  std::map<std::string, std::vector<std::string>> published_rules() const {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto& [key, bytes] : published) {
      const auto* row = flatbuffers::GetRoot<AccountTerritory>(bytes.data());
      auto& rules_of_row = all[key + (row->manual() ? " manual" : "")];
      for (const auto* rule : *row->rules()) rules_of_row.push_back(rule->str());
    }
    return all;
  }
  std::map<std::string, std::vector<std::string>> expected_rules() {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto& [root, account] : accounts) {
      for (const Assignment& assignment : fresh(account)) {
        const std::string key = assignment_key(root, assignment.territory);
        all[key + (assignment.manual ? " manual" : "")] = assignment.rules;
      }
    }
    return all;
  }
};

RC_GTEST_PROP(TerritoryRealignment, ComesToWhatAFreshMatchSays, ()) {
  Task task;
  task.change_rules(some_start());
  for (size_t step = 20 + below(20); step > 0; --step) {
    const std::string root = named("s:account", 6);
    switch (below(5)) {
      case 0:
        task.change_rules({some_change()});
        break;
      case 1:
      case 2:
        task.accounts[root] = {some_account(), {some_territories(), some_territories()}};
        task.align(root);
        break;
      case 3:
        task.accounts.erase(root);
        task.align(root);
        break;
      default:
        task.run_slice(1 + below(3));
    }
  }
  task.drain();
  RC_ASSERT(task.published_rules() == task.expected_rules());
  RC_ASSERT(task.drain() == 0U);
}

RC_GTEST_PROP(TerritoryRealignment, RestartOrRollbackInTheMiddleChangesNothing, ()) {
  Task task;
  std::vector<RuleSetChange> all = some_start();
  task.change_rules(all);
  for (size_t i = 0; i < 6; ++i) {
    const std::string root = "s:account" + std::to_string(i);
    task.accounts[root] = {some_account(), {}};
    task.align(root);
  }
  task.drain();
  const MapStore index_before = task.index_store;
  const MapStore rows_before = task.row_store;
  const auto published_before = task.published;
  const std::vector<RuleSetChange> changes{some_change(), some_change()};
  task.change_rules(changes);
  task.run_slice(2);
  all.insert(all.end(), changes.begin(), changes.end());
  if (below(2) == 0) {
    task.index_store = index_before;
    task.row_store = rows_before;
    task.published = published_before;
    task.territories.change(task.version, changes, 0);
    task.drain();
    RC_ASSERT(task.published_rules() == task.expected_rules());
    return;
  }
  AccountTerritories restarted{{task.index_store, task.row_store}, task, world_types()};
  restarted.load(task.version, all, 0);
  while (restarted.is_pending()) restarted.run_slice(2, 0, task.publish());
  RC_ASSERT(task.published_rules() == task.expected_rules());
}

class RealignmentTest : public ::testing::Test {
 protected:
  static constexpr size_t kAccounts = 300;

  RealignmentTest() {
    task_.change_rules(
        {ModelDefinition{"s:m", true, 1}, TerritoryDefinition{"s:t", "s:m"},
         TerritoryDefinition{"s:u", "s:m"}, AssociationDefinition{"s:a", "s:r", "s:t"},
         AssociationDefinition{"s:b", "s:q", "s:u"}, rule("s:r", "7"), rule("s:q", "200")});
    for (size_t i = 0; i < kAccounts; ++i) {
      const std::string root = "s:" + std::to_string(i);
      task_.accounts[root] = {{{"Number", std::to_string(i)}}};
      task_.align(root);
    }
    task_.drain();
  }
  static RuleDefinition rule(const std::string& id, const std::string& values) {
    return {.id = id, .items = {{"Number", RuleOperator::Equals, values}}};
  }

  Task task_;
};

TEST_F(RealignmentTest, VisitsOnlyAccountsThatTheChangeMayConcern) {
  task_.change_rules({rule("s:r", "8, 9")});
  EXPECT_EQ(task_.drain(), 3u);
  EXPECT_THAT(task_.published, SizeIs(3));
}

TEST_F(RealignmentTest, FieldThatNoRuleSpokeOfIsIndexedByOneScanOfAll) {
  RuleDefinition other = rule("s:r", "8");
  other.items.push_back({"Country", RuleOperator::NotEqual, "x"});
  task_.change_rules({other});
  EXPECT_EQ(task_.drain(), 2u);
  RuleDefinition by_country{.id = "s:r", .items = {{"Country", RuleOperator::Equals, "de"}}};
  task_.change_rules({by_country});
  EXPECT_EQ(task_.drain(), kAccounts);
  by_country.items[0].values = "us";
  task_.change_rules({by_country});
  EXPECT_EQ(task_.drain(), 0u);
}

TEST_F(RealignmentTest, EveryRunIsAnEpochThatOnlyNewRowsCarry) {
  const uint64_t before = task_.territories.epoch();
  task_.change_rules({rule("s:r", "7, 8")});
  task_.drain();
  const auto epoch_of = [this](const std::string& root) {
    const std::string& row = task_.published.at(assignment_key(root, "s:t"));
    return flatbuffers::GetRoot<AccountTerritory>(row.data())->alignment_epoch();
  };
  EXPECT_EQ(epoch_of("s:8"), before + 1);
  EXPECT_LE(epoch_of("s:7"), before);
  task_.change_rules({});
  EXPECT_EQ(task_.territories.epoch(), before + 1);
}

TEST_F(RealignmentTest, TerritoryThatGoesTakesManualAssociationsAlong) {
  task_.accounts["s:1"].choices.manual = {"s:t"};
  task_.align("s:1");
  ASSERT_TRUE(task_.published.contains(assignment_key("s:1", "s:t")));
  task_.change_rules({Removal{DefinitionKind::kTerritory, "s:t"}});
  EXPECT_EQ(task_.drain(), 2u);
  EXPECT_FALSE(task_.published.contains(assignment_key("s:1", "s:t")));
}

}  // namespace millrace::crm::territory::realignment_test
