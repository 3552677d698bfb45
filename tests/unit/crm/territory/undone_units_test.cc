// Units that fail and are skipped: rules and choices that they left in memory count for nobody, and
// no account is forgotten.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"
#include "territory_records.h"

namespace millrace::crm::undone_units_test {

using namespace territory;  // NOLINT(google-build-using-namespace): its vocabulary is the test's
using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int64_t kIntervalMs = 100;

/// Territory s:rome for accounts in Rome. Changes of the territories of `refused_` accounts cannot
/// be sent, so the units that make them fail.
class UndoneUnits : public ::testing::Test {
 protected:
  UndoneUnits() {
    pipe(record_of(ModelDefinition{"s:m", true, 1}));
    pipe(record_of(TerritoryDefinition{"s:rome", "s:m"}));
    pipe(record_of(AssociationDefinition{"s:a", "s:r", "s:rome"}));
    pipe_rule("rome");
    for (const std::string id : {"s:1", "s:2", "s:3"}) pipe_account(id, "rome");
    driver_.run();
    run_slices();
  }

  static DriverOptions skipping() {
    DriverOptions options;
    options.engine.on_user_error = OnError::kSkip;
    return options;
  }
  Result<Topology> topology() {
    AccountOptions options;
    options.territories = {.slice_accounts = 1, .slice_interval_ms = kIntervalMs};
    const Result<Topology> whole = account_topology(default_mapping(), options);
    if (!whole.ok()) return whole.status();
    std::vector<Node> nodes = whole->nodes();
    for (Node& node : nodes) {
      if (node.name == "account-territories-out") refuse_in(node);
    }
    return Topology::create(whole->name(), std::move(nodes), whole->stores(), whole->broadcasts());
  }
  void refuse_in(Node& node) {
    node.partition_key = [this, root_of = node.partition_key](Bytes key) {
      const Bytes root = root_of(key);
      if (refused_.contains(root.view())) throw std::runtime_error("refused");
      return root;
    };
  }

  void pipe(const TableRecord& record) {
    driver_.pipe_bytes(record.topic, record.key, record.value ? Bytes(*record.value) : Bytes(),
                       1'000);
  }
  void pipe_rule(const std::string& cities) {
    pipe(record_of(RuleDefinition{.id = "s:r", .items = {{"city", RuleOperator::Equals, cities}}}));
  }
  void pipe_account(const std::string& id, const std::string& city) {
    driver_.pipe_bytes(kAccounts.name, id,
                       change(ChangeType::Update, id, ++change_ms_, {{"city", city}}), 1'000);
  }
  /// The unit applies rules that wait, and must change the account's territories.
  void pipe_account_that_fails(const std::string& id, const std::string& city) {
    refused_ = {id};
    pipe_account(id, city);
    driver_.run();
    refused_.clear();
  }
  void run_slices(int slices = 10) {
    for (; slices > 0; --slices) {
      driver_.advance_time(kIntervalMs);
      driver_.run();
    }
  }
  std::vector<std::string> who_is_in_rome() {
    std::vector<std::string> roots;
    for (const auto& [key, bytes] : driver_.table_bytes(kAccountTerritories.name)) {
      roots.push_back(key.substr(0, key.find('\0')));
    }
    return roots;
  }

  std::set<std::string, std::less<>> refused_;
  int64_t change_ms_ = 0;
  TopologyDriver driver_{topology(), skipping()};
};

TEST_F(UndoneUnits, AChangeOfRulesComesAgain) {
  ASSERT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3"));
  pipe_rule("oslo");
  pipe_account_that_fails("s:1", "paris");
  pipe_account("s:4", "oslo");
  driver_.run();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3", "s:4"));
  run_slices();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:4"));
}

TEST_F(UndoneUnits, AChangeOfRulesThatIsTakenBackCountsForNobody) {
  pipe_rule("oslo");
  pipe_account_that_fails("s:1", "paris");
  pipe_rule("rome");
  pipe_account("s:4", "oslo");
  pipe_account("s:5", "rome");
  driver_.run();
  run_slices();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3", "s:5"));
}

TEST_F(UndoneUnits, AChoiceIsMadeUpForInSlices) {
  pipe_account("s:4", "oslo");
  driver_.run();
  refused_ = {"s:4"};
  pipe(record_of_choice(ChoiceKind::kManual, "s:c", "s:4", "s:rome"));
  driver_.run();
  refused_.clear();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3"));
  run_slices();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3", "s:4"));
}

TEST_F(UndoneUnits, AChoiceBetweenCountsByTheRulesOfTheStores) {
  pipe_rule("oslo");
  pipe_account_that_fails("s:1", "paris");
  pipe(record_of_choice(ChoiceKind::kExclusion, "s:e", "s:2", "s:rome"));
  driver_.run();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:3"));
  pipe_rule("rome, oslo");
  run_slices();
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:3"));
}

TEST_F(UndoneUnits, ASliceIsDoneAgainAndTakesNoChangeOfRulesBack) {
  pipe_rule("oslo");
  pipe(record_of(RuleDefinition{.id = "s:bad", .filter = "1 AND (2"}));
  driver_.run();
  refused_ = {"s:1"};
  run_slices(5);
  EXPECT_THAT(driver_.read(kConflicts), SizeIs(1));
  EXPECT_THAT(who_is_in_rome(), ElementsAre("s:1", "s:2", "s:3"));
  refused_.clear();
  run_slices();
  EXPECT_THAT(who_is_in_rome(), IsEmpty());
}

TEST_F(UndoneUnits, ASmallRowHasNoValueThatTheAccountHasNoMore) {
  pipe(record_of(Removal{DefinitionKind::kRule, "s:r"}));
  driver_.run();
  run_slices();
  pipe_account("s:1", "oslo");
  driver_.run();
  const auto row = driver_.store_bytes(kTerritoryIndexStore, "rs:1", "s:1");
  ASSERT_TRUE(row.has_value());
  EXPECT_THAT(*row, Not(HasSubstr("rome")));
  EXPECT_FALSE(
      driver_.store_bytes(kTerritoryIndexStore, std::string("vcity\0trome\0s:1", 15), "s:1"));
}

}  // namespace millrace::crm::undone_units_test
