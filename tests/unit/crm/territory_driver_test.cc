// Territories of accounts that merge, on the real engine: what is published equals what brute force
// says about the accounts that the oracle of merges says there are.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"
#include "crm/territory/assignment_rows.h"
#include "territory/rule_steps.h"

namespace millrace::crm::territory_driver_test {

using namespace territory;  // NOLINT(google-build-using-namespace): its vocabulary is the test's
using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kIntervalMs = 100;

/// Root, NUL, territory → rules and, for a manual one, "manual".
using Table = std::map<std::string, std::vector<std::string>>;

Table published(TopologyDriver& driver) {
  Table table;
  for (const auto& [key, bytes] : driver.table_bytes(kAccountTerritories.name)) {
    const auto& row = *flatbuffers::GetRoot<AccountTerritory>(bytes.data());
    EXPECT_EQ(key, assignment_key(row.root()->str(), row.territory()->str()));
    std::vector<std::string>& rules = table[key];
    for (const auto* rule : *row.rules()) rules.push_back(rule->str());
    if (row.manual()) rules.emplace_back("manual");
  }
  return table;
}

/// Rules and choices that change, over the fields and values of a `World`.
class Rules {
 public:
  explicit Rules(World& world)
      : world_(world), steps_([&world](size_t last) { return world.up_to(last); }, accounts()) {
    for (const RuleStep& step : steps_.first()) take(step);
  }

  /// Records since the last call.
  std::vector<TableRecord> take() { return std::exchange(records_, {}); }

  void change_any() { take(steps_.any()); }

  Table expected() {
    Table table;
    for (const auto& [root, state] : world_.expected()) {
      if (state.status != AccountStatus::Active) continue;
      OracleAccount account;
      for (const auto& [name, value, member, ms] : state.fields) {
        if (value) account[name] = *value;
      }
      std::set<std::string> members;
      for (const auto& [member, via] : state.members) members.insert(member);
      for (const Assignment& assignment : oracle_.assign(account, members)) {
        std::vector<std::string>& rules = table[assignment_key(root, assignment.territory)];
        rules = assignment.rules;
        if (assignment.manual) rules.emplace_back("manual");
      }
    }
    return table;
  }

 private:
  static std::vector<std::string> accounts() {
    std::vector<std::string> ids;
    for (char letter = 'a'; letter <= 'g'; ++letter) ids.push_back(std::string("s:") + letter);
    return ids;
  }
  void take(const RuleStep& step) {
    oracle_.apply(step.meaning);
    records_.push_back(step.record);
  }

  World& world_;
  RuleSteps steps_;
  RuleOracle oracle_;
  std::vector<TableRecord> records_;
};

void pipe(TopologyDriver& driver, const TableRecord& record, int64_t timestamp_ms = 1'000) {
  driver.pipe_bytes(record.topic, record.key, record.value ? Bytes(*record.value) : Bytes(),
                    timestamp_ms);
}

/// A crash that is still armed may come first.
void run_realignment(TopologyDriver& driver) {
  for (int slices = 0; slices < 40; ++slices) {
    driver.advance_time(kIntervalMs);
    if (!driver.try_run().ok()) driver.crash_and_restart();
  }
}

class TerritoriesOnTheEngine : public ::testing::Test {
 protected:
  static Result<Topology> topology(RuleRuns runs = RuleRuns::kContinuous) {
    AccountOptions options;
    options.territories = {.runs = runs, .slice_accounts = 1, .slice_interval_ms = kIntervalMs};
    return account_topology(default_mapping(), options);
  }
  static DriverOptions options_for(uint32_t seed) {
    DriverOptions options;
    options.partitions = static_cast<int32_t>(seed % 3) + 1;
    return options;
  }
};

TEST_F(TerritoriesOnTheEngine, EqualTheOracleInAnyOrder) {
  size_t rows = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    World world(seed);
    Rules rules(world);
    TopologyDriver driver(topology(), options_for(seed));
    for (const auto& [topic, value] : world.records()) {
      if (world.up_to(2) == 0) rules.change_any();
      if (world.up_to(1) == 0) {
        for (const TableRecord& record : rules.take()) pipe(driver, record);
      }
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
      if (world.up_to(3) == 0) driver.run();
      if (world.up_to(3) == 0) driver.advance_time(kIntervalMs);
    }
    for (const TableRecord& record : rules.take()) pipe(driver, record);
    run_realignment(driver);
    const Table expected = rules.expected();
    EXPECT_EQ(published(driver), expected);
    rows += expected.size();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(rows, 60U);
}

TEST_F(TerritoriesOnTheEngine, EqualTheOracleAfterCrashesInRealignments) {
  constexpr size_t kLastStep = static_cast<size_t>(CommitStep::kDone);
  for (uint32_t seed = 100; seed < 140; ++seed) {
    World world(seed);
    Rules rules(world);
    TopologyDriver driver(topology(), options_for(seed));
    const auto run = [&] {
      if (world.up_to(2) == 0) {
        driver.crash_at(static_cast<CommitStep>(world.up_to(kLastStep)),
                        static_cast<int>(world.up_to(1)) + 1);
      }
      driver.advance_time(kIntervalMs);
      if (!driver.try_run().ok() || world.up_to(4) == 0) driver.crash_and_restart();
    };
    for (const auto& [topic, value] : world.records()) {
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
    }
    for (int step = 0; step < 20; ++step) {
      for (const TableRecord& record : rules.take()) pipe(driver, record);
      run();
      if (world.up_to(1) == 0) rules.change_any();
    }
    for (const TableRecord& record : rules.take()) pipe(driver, record);
    run_realignment(driver);
    EXPECT_EQ(published(driver), rules.expected());
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

/// Territory s:berlin for accounts in Berlin, s:rome for those in Rome.
class TwoCities : public TerritoriesOnTheEngine {
 protected:
  static RuleDefinition city_rule(const std::string& city, const std::string& values) {
    return {.id = "s:in-" + city, .items = {{"city", RuleOperator::Equals, values}}};
  }
  static void pipe_cities(TopologyDriver& driver) {
    pipe(driver, record_of(ModelDefinition{"s:m", true, 1}));
    for (const std::string city : {"berlin", "rome"}) {
      pipe(driver, record_of(TerritoryDefinition{"s:" + city, "s:m"}));
      pipe(driver, record_of(city_rule(city, city)));
      pipe(driver, record_of(AssociationDefinition{"s:a-" + city, "s:in-" + city, "s:" + city}));
    }
  }
  static void pipe_account(TopologyDriver& driver, const std::string& id, const std::string& city,
                           int64_t ms = 1) {
    driver.pipe_bytes(kAccounts.name, id, change(ChangeType::Create, id, ms, {{"city", city}}),
                      1'000);
  }
  static void pipe_fact(TopologyDriver& driver, MergeFactKind kind, int64_t ms) {
    driver.pipe_bytes(kMergeFacts.name, "s:v", fact(kind, "s:v", "s:w", ms), 1'000);
  }
  /// "root territory", with " manual".
  static std::vector<std::string> who_is_where(TopologyDriver& driver) {
    std::vector<std::string> lines;
    for (const auto& [key, rules] : published(driver)) {
      std::string line = key;
      std::ranges::replace(line, '\0', ' ');
      if (!rules.empty() && rules.back() == "manual") line += " manual";
      lines.push_back(line);
    }
    return lines;
  }
};

TEST_F(TwoCities, AMergeTakesTheVictimsTerritoriesAndAnUnmergeGivesThemBack) {
  TopologyDriver driver(topology(), options_for(1));
  pipe_cities(driver);
  pipe_account(driver, "s:v", "berlin");
  pipe_account(driver, "s:w", "rome");
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:v s:berlin", "s:w s:rome"));
  pipe_fact(driver, MergeFactKind::Merge, 5);
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:w s:rome"));
  pipe_fact(driver, MergeFactKind::Unmerge, 6);
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:v s:berlin", "s:w s:rome"));
}

TEST_F(TwoCities, WhatAPersonSaidAboutAVictimCountsForItsRoot) {
  TopologyDriver driver(topology(), options_for(1));
  pipe_cities(driver);
  pipe_account(driver, "s:v", "berlin");
  pipe_account(driver, "s:w", "oslo");
  pipe(driver, record_of_choice(ChoiceKind::kManual, "s:c", "s:v", "s:rome"));
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:v s:berlin", "s:v s:rome manual"));
  pipe_fact(driver, MergeFactKind::Merge, 5);
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:w s:rome manual"));
  pipe(driver, record_of_choice(ChoiceKind::kExclusion, "s:e", "s:v", "s:rome"));
  driver.run();
  EXPECT_THAT(who_is_where(driver), IsEmpty());
  pipe(driver, record_of_choice(ChoiceKind::kExclusion, "s:e", "", ""));
  driver.run();
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:w s:rome manual"));
}

TEST_F(TwoCities, AChangeOfARuleIsRealignedInSlicesAndGoesOnAfterARestart) {
  TopologyDriver driver(topology());
  pipe_cities(driver);
  for (int i = 0; i < 6; ++i) pipe_account(driver, "s:" + std::to_string(i), "rome");
  driver.run();
  driver.read_bytes(kAccountTerritories.name);
  pipe(driver, record_of(city_rule("berlin", "berlin, rome")));
  pipe(driver, record_of(city_rule("rome", "none")));
  driver.run();
  driver.advance_time(kIntervalMs);
  driver.run();
  EXPECT_EQ(who_is_where(driver).size(), 6U);
  EXPECT_EQ(driver.read_bytes(kAccountTerritories.name).size(), 2U);
  driver.crash_and_restart();
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:0 s:berlin", "s:1 s:berlin", "s:2 s:berlin",
                                                "s:3 s:berlin", "s:4 s:berlin", "s:5 s:berlin"));
  EXPECT_EQ(driver.read_bytes(kAccountTerritories.name).size(), 10U);
  for (const auto& [key, bytes] : driver.table_bytes(kAccountTerritories.name)) {
    EXPECT_EQ(flatbuffers::GetRoot<AccountTerritory>(bytes.data())->alignment_epoch(), 2U);
  }
}

TEST_F(TwoCities, OnSignalChangesOfRulesWaitForIt) {
  TopologyDriver driver(topology(RuleRuns::kOnSignal));
  const ModelDefinition model{"s:m", true, 1};
  pipe_cities(driver);
  pipe_account(driver, "s:0", "rome");
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), IsEmpty());
  pipe(driver, record_of_run(model, 77), 2'000);
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:0 s:rome"));
  pipe(driver, record_of(city_rule("rome", "none")), 3'000);
  driver.run();
  driver.restart();
  pipe_account(driver, "s:1", "rome");
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:0 s:rome", "s:1 s:rome"));
  pipe(driver, record_of_run(model, 77), 4'000);
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:0 s:rome", "s:1 s:rome"));
  pipe(driver, record_of_run(model, 78), 5'000);
  driver.run();
  // Came late by another topic: the signal is for it, too.
  pipe(driver, record_of(city_rule("berlin", "rome")), 4'999);
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:0 s:berlin", "s:1 s:berlin"));
}

TEST_F(TwoCities, ARuleThatMakesNoSenseIsAConflictOnce) {
  TopologyDriver driver(topology(), options_for(2));
  pipe_cities(driver);
  RuleDefinition rule = city_rule("rome", "rome");
  rule.filter = "1 AND (2";
  pipe(driver, record_of(rule));
  driver.run();
  run_realignment(driver);
  const auto conflicts = driver.read(kConflicts);
  ASSERT_EQ(conflicts.size(), 1U);
  EXPECT_EQ(conflicts[0].value().kind(), ConflictKind::TerritoryRuleFault);
  EXPECT_EQ(conflicts[0].key(), "s:in-rome");
}

TEST_F(TwoCities, TablesThatWereForgottenWhileNobodyReadThemAreMetAnew) {
  TopologyDriver driver(topology());
  pipe_cities(driver);
  pipe_account(driver, "s:0", "rome");
  pipe_account(driver, "s:1", "berlin");
  pipe(driver, record_of_choice(ChoiceKind::kManual, "s:c", "s:0", "s:berlin"));
  driver.run();
  pipe(driver, record_of(Removal{DefinitionKind::kRule, "s:in-rome"}));
  pipe(driver, record_of_choice(ChoiceKind::kManual, "s:c", "s:1", "s:rome"));
  driver.advance_time(25LL * 3600 * 1000);
  driver.restart();
  driver.run();
  run_realignment(driver);
  EXPECT_THAT(who_is_where(driver), ElementsAre("s:1 s:berlin", "s:1 s:rome manual"));
}

}  // namespace millrace::crm::territory_driver_test
