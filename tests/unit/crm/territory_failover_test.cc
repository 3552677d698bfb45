// Manual choices that changed while the instance that now owns the accounts only followed the
// table, and that Kafka compacted away before it read them.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "account_world.h"
#include "crm/account_topology.h"
#include "crm/territory/assignment_rows.h"
#include "territory/territory_records.h"
#include "tests/unit/engine/cluster.h"

namespace millrace::crm::territory_failover_test {

using namespace territory;  // NOLINT(google-build-using-namespace): its vocabulary is the test's
using engine::Cluster;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kIntervalMs = 100;

/// Accounts s:a, s:b and s:c, and territory s:rome without rules.
class ChoicesAfterAFailover : public ::testing::Test {
 protected:
  void SetUp() override {
    pipe(record_of(ModelDefinition{"s:m", true, 1}));
    pipe(record_of(TerritoryDefinition{"s:rome", "s:m"}));
    for (const std::string id : {"s:a", "s:b", "s:c"}) {
      pipe({kAccounts.name, id, change(ChangeType::Create, id, 1, {{"city", "oslo"}})});
    }
    for (const std::string name : {"one", "two"}) {
      ASSERT_TRUE(cluster_.start(name).ok());
      ASSERT_TRUE(cluster_.settle().ok());
    }
    if (owns_accounts("two")) std::swap(owner_, follower_);
    ASSERT_TRUE(owns_accounts(owner_));
  }

  static Result<Topology> topology() {
    AccountOptions options;
    options.territories = {.slice_accounts = 1, .slice_interval_ms = kIntervalMs};
    return account_topology(default_mapping(), options);
  }
  bool owns_accounts(const std::string& instance) {
    const Bytes root("s:a");
    return cluster_[instance].queries().get(kAccountTerritoryStore, root, root).ok();
  }
  void pipe(const TableRecord& record) {
    cluster_.broker.append(
        {std::string(record.topic), 0},
        {.timestamp_ms = 1'000, .key = record.key, .value = record.value, .headers = {}});
  }
  /// Choice s:1 puts the account into s:rome; empty: it is deleted.
  void choose(const std::string& account) {
    pipe(record_of_choice(ChoiceKind::kManual, "s:1", account, "s:rome"));
  }
  /// "root territory", with " manual".
  std::vector<std::string> who_is_where() {
    std::vector<std::string> lines;
    for (const auto& [key, values] : cluster_.values(std::string(kAccountTerritories.name))) {
      if (values.back().empty()) continue;
      std::string line = key;
      std::ranges::replace(line, '\0', ' ');
      const auto& row = *flatbuffers::GetRoot<AccountTerritory>(values.back().data());
      lines.push_back(line + (row.manual() ? " manual" : ""));
    }
    return lines;
  }

  /// Both meet that the choice is about s:a, the owner alone that it is about s:b. That version is
  /// gone before the other one reads on.
  void lose_a_version_and_fail_over_to(const std::string& account) {
    choose("s:a");
    ASSERT_TRUE(cluster_.settle().ok());
    ASSERT_THAT(who_is_where(), ElementsAre("s:a s:rome manual"));
    choose("s:b");
    for (int turn = 0; turn < 20; ++turn) {
      cluster_.clock.advance(kIntervalMs);
      ASSERT_TRUE(cluster_[owner_].run_once().ok());
    }
    ASSERT_THAT(who_is_where(), ElementsAre("s:b s:rome manual"));
    cluster_.kill(owner_);
    choose(account);
    cluster_.broker.compact(std::string(kManualTerritories.name), cluster_.clock.now_ms());
    for (int turn = 0; turn < 20; ++turn) {
      ASSERT_TRUE(cluster_.settle().ok());
      cluster_.clock.advance(kIntervalMs);
    }
    ASSERT_TRUE(owns_accounts(follower_));
  }

  std::string owner_ = "one";
  std::string follower_ = "two";
  Cluster cluster_{&topology, 1};
};

TEST_F(ChoicesAfterAFailover, AMovedChoiceCountsForNoAccountThatItWasAbout) {
  lose_a_version_and_fail_over_to("s:c");
  EXPECT_THAT(who_is_where(), ElementsAre("s:c s:rome manual"));
}

TEST_F(ChoicesAfterAFailover, ADeletedChoiceCountsForNoAccountThatItWasAbout) {
  lose_a_version_and_fail_over_to("");
  EXPECT_THAT(who_is_where(), IsEmpty());
}

}  // namespace millrace::crm::territory_failover_test
