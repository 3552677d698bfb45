// After any changes of rules and accounts, in slices and with restarts, the rows say what a fresh
// match says.
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "account_territory_generated.h"
#include "crm/territory/account_territories.h"
#include "crm/territory/indexed_account.h"
#include "map_store.h"
#include "territory_oracle.h"
#include "territory_world.h"

namespace millrace::crm::territory::realignment_test {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

struct Account {
  OracleAccount fields;
  PersonalChoices choices{};
};

/// All that a unit of work changes, and takes back when it fails.
struct Committed {
  MapStore index_store;
  MapStore row_store;
  std::vector<RuleSetChange> changes;  ///< of rules, all since the beginning
  std::map<std::string, std::string> published;
};

/// A task with its accounts, and what a reader of its topic knows.
struct Task final : AccountSource, Committed {
  std::map<std::string, Account> accounts;
  AccountTerritories territories{{index_store, row_store}, *this, world_types()};
  size_t reads = 0;  ///< of accounts

  Task() { territories.load(0, {}, 0); }

  bool read(std::string_view root, AccountImage& image) override {
    ++reads;
    const auto it = accounts.find(std::string(root));
    if (it == accounts.end()) return false;
    image = {view_of(it->second.fields), it->second.choices};
    return true;
  }

  void change_rules(const std::vector<RuleSetChange>& more) {
    changes.insert(changes.end(), more.begin(), more.end());
    territories.change(territories.version() + 1, more, 0);
  }
  const Committed& committed() const { return *this; }
  /// Like the undo of a unit, and of those before it back to a commit.
  void go_back(const Committed& to) {
    static_cast<Committed&>(*this) = to;
    if (territories.is_ahead()) territories.load(territories.version(), changes, 0);
  }
  /// The index may be another one.
  void restart() { territories.load(territories.version(), changes, 0); }
  AssignmentRows::Emit publish() {
    return [this](Bytes key, Bytes row, Bytes) {
      published.erase(key.to_string());
      if (!row.is_null()) published[key.to_string()] = row.to_string();
    };
  }
  void align(const std::string& root) { territories.align(root, 0, publish()); }
  /// Aligns the account only if rules may depend on what is new.
  void set_fields(const std::string& root, OracleAccount fields) {
    const auto [account, is_new] = accounts.try_emplace(root);
    const OracleAccount before = std::exchange(account->second.fields, std::move(fields));
    const OracleAccount& now = account->second.fields;
    bool depends = is_new;
    for (const auto& [one, other] : {std::pair(before, now), std::pair(now, before)}) {
      for (const auto& field : one) {
        const auto it = other.find(field.first);
        const bool is_same = it != other.end() && it->second == field.second;
        depends = depends || (!is_same && territories.depends_on(field.first));
      }
    }
    if (depends) align(root);
  }
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

  /// Whether the small rows of accounts have no value that the account has not.
  bool has_no_old_values() {
    AccountImage row;
    for (const auto it = index_store.prefix("r"); it->valid(); it->next()) {
      unpack_account(it->row().value.view(), row);
      const OracleAccount& now = accounts.at(it->key().to_string().substr(1)).fields;
      for (const AccountField& field : row.fields) {
        const auto known = now.find(std::string(field.name));
        if (known == now.end() || known->second != *field.value) return false;
      }
    }
    return true;
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
  task.change_rules(some_start());
  for (size_t i = 0; i < 6; ++i) {
    const std::string root = "s:account" + std::to_string(i);
    task.accounts[root] = {some_account(), {}};
    task.align(root);
  }
  task.drain();
  const Committed before = task.committed();
  const std::vector<RuleSetChange> changes{some_change(), some_change()};
  task.change_rules(changes);
  task.run_slice(2);
  if (below(2) == 0) {
    task.go_back(before);
    task.change_rules(changes);
    task.drain();
    RC_ASSERT(task.published_rules() == task.expected_rules());
    return;
  }
  AccountTerritories restarted{{task.index_store, task.row_store}, task, world_types()};
  restarted.load(restarted.version(), task.changes, 0);
  while (restarted.is_pending()) restarted.run_slice(2, 0, task.publish());
  RC_ASSERT(task.published_rules() == task.expected_rules());
}

/// Few rules, so that they often begin and cease to mention a field.
RC_GTEST_PROP(TerritoryRealignment, ChangesThatRulesDoNotSeeCountOnceTheyMentionTheField, ()) {
  Task task;
  task.change_rules({ModelDefinition{"s:m0", true, 1}, TerritoryDefinition{"s:t0", "s:m0"},
                     TerritoryDefinition{"s:t1", "s:m0", "s:t0"},
                     AssociationDefinition{"s:a0", "s:r0", "s:t0", true},
                     AssociationDefinition{"s:a1", "s:r1", "s:t1"}});
  const auto change_a_rule = [&task] {
    RuleDefinition rule = some_rule();
    rule.id = named("s:r", 2);
    if (below(3) > 0) return task.change_rules({rule});
    task.change_rules({Removal{DefinitionKind::kRule, rule.id}});
  };
  for (size_t step = 30 + below(30); step > 0; --step) {
    const std::string root = named("s:account", 4);
    switch (below(7)) {
      case 0:
      case 1:
        change_a_rule();
        break;
      case 2: {
        const Committed before = task.committed();
        const auto accounts = task.accounts;
        change_a_rule();
        if (below(2) == 0) task.run_slice(2);
        if (below(2) == 0) task.set_fields(root, some_account());
        task.accounts = accounts;
        task.go_back(before);
        break;
      }
      case 3:
        task.accounts[root].choices = {some_territories(), some_territories()};
        task.align(root);
        break;
      case 4:
        task.run_slice(1 + below(3));
        break;
      default:
        task.set_fields(root, some_account());
    }
    RC_ASSERT(task.has_no_old_values());
  }
  task.drain();
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
  static RuleDefinition by_country(const std::string& id, const std::string& values) {
    return {.id = id, .items = {{"Country", RuleOperator::Equals, values}}};
  }
  /// Territories whose rules name 1,500 numbers, each a range of its own.
  static std::vector<RuleSetChange> many_ranges() {
    constexpr size_t kRules = 15;
    constexpr size_t kNumbers = 100;
    std::vector<RuleSetChange> changes;
    for (size_t i = 0; i < kRules; ++i) {
      const std::string id = "s:n" + std::to_string(i);
      std::string values;
      for (size_t number = 0; number < kNumbers; ++number) {
        values += (number == 0 ? "" : ", ") + std::to_string(i * kNumbers + number);
      }
      changes.emplace_back(TerritoryDefinition{id, "s:m"});
      changes.emplace_back(AssociationDefinition{id, id, id});
      changes.emplace_back(rule(id, values));
    }
    return changes;
  }

  Task task_;
};

TEST_F(RealignmentTest, VisitsOnlyAccountsThatTheChangeMayConcern) {
  task_.change_rules({rule("s:r", "8, 9")});
  EXPECT_EQ(task_.drain(), 3u);
  EXPECT_THAT(task_.published, SizeIs(3));
}

TEST_F(RealignmentTest, MatchesAccountsAgainWithoutReadingThem) {
  task_.reads = 0;
  RuleDefinition denial = rule("s:r", "8");
  denial.items[0].op = RuleOperator::NotEqual;
  task_.change_rules({denial});
  EXPECT_EQ(task_.drain(), kAccounts);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_EQ(task_.reads, 0U);
}

TEST_F(RealignmentTest, ReadsAccountsWhoseRowLacksAFieldThatRulesNowMention) {
  task_.accounts["s:8"].fields["Country"] = "x";
  task_.align("s:8");
  task_.reads = 0;
  RuleDefinition other = rule("s:r", "8, 9");
  other.items.push_back({"Country", RuleOperator::NotEqual, "x"});
  task_.change_rules({other});
  task_.drain();
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_EQ(task_.reads, 3U);
}

TEST_F(RealignmentTest, ReadsAllAccountsAgainThatAreInDoubt) {
  for (auto& [root, account] : task_.accounts) account.choices.excluded = {"s:t"};
  task_.territories.doubt_all(0);
  EXPECT_EQ(task_.drain(), kAccounts);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_FALSE(task_.published.contains(assignment_key("s:7", "s:t")));
}

/// Accounts in a slice are looked up together if they are neighbours, and one by one if not.
TEST_F(RealignmentTest, FindsRowsOfNeighboursAndOfOthers) {
  task_.change_rules({rule("s:r", "1, 2, 3, 100, 101, 102, 200, 250"), rule("s:q", "2, 101, 299")});
  while (task_.territories.is_pending()) task_.run_slice(100);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  RuleDefinition denial = rule("s:q", "2");
  denial.items[0].op = RuleOperator::NotEqual;
  task_.change_rules({denial, Removal{DefinitionKind::kRule, "s:r"}});
  while (task_.territories.is_pending()) task_.run_slice(100);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(kAccounts - 1));
}

TEST_F(RealignmentTest, ChangesThatComeMeanwhileShareTheWalk) {
  RuleDefinition denial = rule("s:r", "8");
  denial.items[0].op = RuleOperator::NotEqual;
  task_.change_rules({denial});
  EXPECT_EQ(task_.run_slice(100), 100U);
  denial.items[0].values = "9";
  task_.change_rules({denial});
  EXPECT_EQ(task_.drain(), kAccounts);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
}

TEST_F(RealignmentTest, FieldThatNoRuleSpokeOfIsIndexedByOneScanOfAll) {
  RuleDefinition other = rule("s:r", "8");
  other.items.push_back({"Country", RuleOperator::NotEqual, "x"});
  task_.change_rules({other});
  EXPECT_EQ(task_.drain(), 2u);
  task_.change_rules({by_country("s:r", "de")});
  EXPECT_EQ(task_.drain(), kAccounts);
  task_.change_rules({by_country("s:r", "us")});
  EXPECT_EQ(task_.drain(), 0u);
}

TEST_F(RealignmentTest, MoreRangesThanAreJoinedCostAnAccountAVisitEach) {
  task_.change_rules(many_ranges());
  EXPECT_EQ(task_.run_slice(10), 10U);
  RuleDefinition prefix = rule("s:q", "1");
  prefix.items[0].op = RuleOperator::StartsWith;
  task_.change_rules({prefix});
  const size_t ones = 111;
  EXPECT_LE(task_.drain(), kAccounts + ones + 1);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(kAccounts + ones + 1));
}

TEST_F(RealignmentTest, AllAccountsTakeThePlaceOfManyRangesThatWait) {
  task_.change_rules(many_ranges());
  EXPECT_EQ(task_.run_slice(10), 10U);
  RuleDefinition denial = rule("s:q", "2");
  denial.items[0].op = RuleOperator::NotEqual;
  task_.change_rules({denial});
  EXPECT_EQ(task_.drain(), kAccounts);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
}

TEST_F(RealignmentTest, SliceThatThrowsIsDoneAgainAndLeavesNothingInMemory) {
  task_.change_rules({rule("s:r", "1, 2, 3"), rule("s:q", "2, 3")});
  const Committed before = task_.committed();
  size_t emitted = 0;
  const auto emit = [&emitted](Bytes, Bytes, Bytes) {
    if (++emitted == 3) throw std::runtime_error("refused");
  };
  EXPECT_THROW(task_.territories.run_slice(100, 0, emit), std::runtime_error);
  task_.go_back(before);
  EXPECT_TRUE(task_.territories.is_pending());
  for (const std::string number : {"1", "5"}) task_.set_fields("s:5", {{"Number", number}});
  EXPECT_EQ(task_.drain(), 5U);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(5));
}

TEST_F(RealignmentTest, IndexThatWasLostFillsAsAccountsChange) {
  task_.index_store = {};
  task_.restart();
  EXPECT_EQ(task_.drain(), 0U);
  for (size_t i = 0; i < kAccounts; ++i) task_.align("s:" + std::to_string(i));
  task_.change_rules({rule("s:r", "8")});
  EXPECT_EQ(task_.drain(), 2U);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(2));
}

TEST_F(RealignmentTest, RulesThatWereTakenBackDoNotCountForRowsThatComeMeanwhile) {
  const Committed before = task_.committed();
  const std::vector<RuleSetChange> without_number{by_country("s:r", "de"), by_country("s:q", "us")};
  task_.change_rules(without_number);
  task_.go_back(before);
  task_.accounts["s:8"].choices.manual = {"s:u"};
  task_.align("s:8");
  task_.set_fields("s:9", {{"Number", "7"}});
  EXPECT_THAT(task_.published, SizeIs(4));
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  task_.change_rules(without_number);
  task_.set_fields("s:10", {{"Number", "11"}});
  task_.change_rules({rule("s:r", "8, 11")});
  task_.drain();
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(4));
}

TEST_F(RealignmentTest, ChangeOfChoicesThatIsUndoneReachesItsAccountInSlices) {
  const Committed before = task_.committed();
  const auto choose = [this](const std::string& root) {
    task_.accounts[root].choices.manual = {"s:t"};
    task_.territories.note_choices(0);
    task_.align(root);
  };
  choose("s:8");
  task_.go_back(before);
  choose("s:9");
  task_.territories.settle_choices(0);
  EXPECT_EQ(task_.drain(), kAccounts);
  EXPECT_EQ(task_.published_rules(), task_.expected_rules());
  EXPECT_THAT(task_.published, SizeIs(4));
  choose("s:10");
  task_.territories.settle_choices(0);
  EXPECT_FALSE(task_.territories.is_pending());
}

TEST_F(RealignmentTest, RowsKeepNoOldValuesOfFieldsThatRulesMentionNoMore) {
  task_.change_rules({by_country("s:r", "de")});
  task_.set_fields("s:8", {{"Number", "8"}, {"Country", "secret"}});
  task_.change_rules({rule("s:r", "8")});
  task_.drain();
  task_.restart();
  task_.set_fields("s:8", {{"Number", "8"}});
  for (const auto& [key, row] : task_.index_store.rows()) {
    EXPECT_THAT(key + row.value, Not(HasSubstr("secret")));
  }
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
