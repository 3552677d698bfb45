#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "account_world.h"
#include "crm/account_topology.h"
#include "crm/checks/input_checks.h"
#include "engine/core/resolved_topology.h"
#include "flow_runner.h"

namespace millrace::crm::account_flow_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class AccountFlowTest : public ::testing::Test {
 protected:
  void account(const std::string& value) { runner_.pipe(kAccounts.name, 0, value, 1); }
  void merge_fact(const std::string& value) { runner_.pipe(kMergeFacts.name, 0, value, 1); }
  State stored_state(const std::string& root) {
    return state_of(runner_.all_rows(kAccountStateStore).at(root));
  }
  std::map<std::string, std::string> topic_table() {
    std::map<std::string, std::string> table;
    for (const auto& output : runner_.output(kAccountStates.name)) {
      table.erase(output.key);
      if (output.value) table[output.key] = *output.value;
    }
    return table;
  }

  Topology topology_ = account_topology().value();
  FlowRunner runner_{topology_, 2, 1};
};

TEST_F(AccountFlowTest, AccountWithoutMergesIsItsOwnComponent) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Acme"}}));
  runner_.run();
  const State state = stored_state("s:a");
  EXPECT_EQ(state.status, AccountStatus::Active);
  EXPECT_THAT(state.members, ElementsAre(Pair("s:a", "")));
  EXPECT_THAT(state.fields, ElementsAre(std::tuple("name", std::optional<std::string>("Acme"),
                                                   "s:a", int64_t{5})));
  EXPECT_EQ(state.event_time_ms, 5);
}

TEST_F(AccountFlowTest, MergeMovesTheVictimAndLeavesATombstone) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  account(change(ChangeType::Create, "s:b", 6, {{"name", "New"}}));
  runner_.run();
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  EXPECT_THAT(topic_table(), ElementsAre(Pair("s:b", ::testing::_)));
  const State state = stored_state("s:b");
  EXPECT_THAT(state.members, ElementsAre(Pair("s:a", "s:b"), Pair("s:b", "")));
  EXPECT_EQ(std::get<1>(state.fields.at(0)), "New");
  EXPECT_EQ(stored_state("s:a").status, AccountStatus::Absorbed);
}

TEST_F(AccountFlowTest, ComponentWithoutRowsIsPendingWithItsMembers) {
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  const State state = stored_state("s:b");
  EXPECT_EQ(state.status, AccountStatus::Pending);
  EXPECT_THAT(state.members, SizeIs(2));
  EXPECT_THAT(state.fields, IsEmpty());
}

TEST_F(AccountFlowTest, UnmergeBringsTheVictimsStateBackWithAHigherCounter) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  runner_.run();
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  merge_fact(fact(MergeFactKind::Unmerge, "s:a", "", 8));
  runner_.run();
  const std::string bytes = topic_table().at("s:a");
  EXPECT_EQ(state_of(bytes).status, AccountStatus::Active);
  EXPECT_EQ(flatbuffers::GetRoot<AccountState>(bytes.data())->version(), 3u);
}

TEST_F(AccountFlowTest, DeletedAccountIsATombstoneAndStillResolves) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  runner_.run();
  account(change(ChangeType::Delete, "s:a", 6));
  runner_.run();
  EXPECT_THAT(topic_table(), IsEmpty());
  EXPECT_EQ(stored_state("s:a").status, AccountStatus::Deleted);
  EXPECT_THAT(stored_state("s:a").fields, IsEmpty());
  EXPECT_THAT(stored_state("s:a").members, SizeIs(1));
}

TEST_F(AccountFlowTest, RepeatedInputWritesNothing) {
  for (int i = 0; i < 3; ++i) {
    account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
    merge_fact(fact(MergeFactKind::Merge, "s:b", "s:a", 7));
    runner_.run();
  }
  const auto& written = runner_.output(kAccountStates.name);
  const auto times_a = std::ranges::count(written, "s:a", &FlowRunner::Output::key);
  EXPECT_LE(times_a, 3);
  EXPECT_THAT(runner_.output(kRedirects.name), SizeIs(2));
}

TEST(AccountTopology, HasOneResolverTaskAndOneSubTopologyForTheRest) {
  const Topology topology = account_topology().value();
  const auto resolved = resolve(
      topology, "crm", [](const std::string& topic) { return topic == kMergeFacts.name ? 3 : 4; });
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  std::vector<int32_t> partitions;
  for (const SubTopology& sub : resolved->sub_topologies) partitions.push_back(sub.partitions);
  EXPECT_THAT(partitions, ElementsAre(3, 1, 4));
}

TEST(AccountTopology, InputsThatSayNothingAreRefusedAtTheSource) {
  EXPECT_TRUE(validate_merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 1)).ok());
  EXPECT_FALSE(validate_merge_fact(fact(MergeFactKind::Merge, "a", "s:b", 1)).ok());
  EXPECT_FALSE(validate_merge_fact("not a buffer").ok());
  EXPECT_TRUE(validate_account_change(change(ChangeType::Create, "s:a", 1)).ok());
  EXPECT_FALSE(validate_account_change(change(ChangeType::Create, "a", 1)).ok());
}

/// The latest of each key, after checking that no key's counter ever goes back (M8).
std::map<std::string, State> read_table(const std::vector<FlowRunner::Output>& records) {
  std::map<std::string, State> table;
  std::map<std::string, uint64_t> counters;
  for (const FlowRunner::Output& record : records) {
    table.erase(record.key);
    if (!record.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(record.value->data())->version();
    EXPECT_GT(counter, counters[record.key]) << record.key;
    counters[record.key] = counter;
    table[record.key] = state_of(*record.value);
  }
  return table;
}

TEST(AccountFlowProperty, DrainedFlowEqualsTheOracleInAnyOrder) {
  const Topology topology = account_topology().value();
  for (uint32_t seed = 0; seed < 3'000; ++seed) {
    World world(seed);
    FlowRunner runner(topology, static_cast<int32_t>(seed % 3) + 1, seed);
    for (auto& [topic, value] : world.records()) {
      const auto partition = world.up_to(static_cast<size_t>(runner.partitions() - 1));
      runner.pipe(topic, static_cast<int32_t>(partition), value, 1);
    }
    runner.run();

    const std::map<std::string, State> expected = world.expected();
    const auto stored = runner.all_rows(kAccountStateStore);
    std::map<std::string, State> published;
    for (const auto& [root, state] : expected) {
      ASSERT_TRUE(stored.contains(root)) << "seed " << seed << ' ' << root;
      ASSERT_EQ(state_of(stored.at(root)), state) << "seed " << seed << ' ' << root;
      if (state.status != AccountStatus::Deleted) published[root] = state;
      for (const auto& [id, via] : state.members) {
        const auto redirects = runner.all_rows(kRedirectStore);
        const auto redirect = redirects.find(id);
        const std::string resolved =
            redirect == redirects.end()
                ? id
                : flatbuffers::GetRoot<Redirect>(redirect->second.data())->root()->str();
        ASSERT_EQ(resolved, root) << "seed " << seed << ' ' << id;
      }
    }
    ASSERT_EQ(read_table(runner.output(kAccountStates.name)), published) << "seed " << seed;
  }
}

}  // namespace millrace::crm::account_flow_test
