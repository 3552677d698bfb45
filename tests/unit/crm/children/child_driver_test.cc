// Children and their moves on the real engine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/model/ids.h"

namespace millrace::crm::child_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;

constexpr size_t kLastStep = static_cast<size_t>(CommitStep::kDone);
constexpr int kSlicesMax = 1'000;
constexpr const char* kMovesChangelog = "test-child-moves-changelog";

DriverOptions options_with(int32_t partitions) {
  DriverOptions options;
  options.partitions = partitions;
  options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
  return options;
}

/// The children that the accounts on the topic say that they have, by root.
std::map<std::string, uint64_t> published_contacts(TopologyDriver& driver) {
  std::map<std::string, uint64_t> contacts;
  for (const auto& [root, bytes] : driver.table_bytes(kAccountStates.name)) {
    const auto* counts = flatbuffers::GetRoot<AccountState>(bytes.data())->children();
    if (counts != nullptr) contacts[root] = counts->contacts();
  }
  return contacts;
}

uint64_t sum(const std::map<std::string, uint64_t>& contacts) {
  uint64_t total = 0;
  for (const auto& [root, count] : contacts) total += count;
  return total;
}

class SlicedMerge : public ::testing::Test {
 protected:
  static constexpr int kChildren = 70;
  static constexpr size_t kSlice = 8;
  const std::string a_ = "sf:" + sf_id("001", 'a');
  const std::string b_ = "sf:" + sf_id("001", 'b');
  const std::string c_ = "sf:" + sf_id("001", 'c');

  void pipe_children(TopologyDriver& driver) {
    for (const char letter : {'a', 'b', 'c'}) {
      driver.pipe_bytes(kRawTopic, "k",
                        RawChange{.entity = "Account", .id = sf_id("001", letter), .ms = 1}.event(),
                        1'000);
    }
    for (int i = 0; i < kChildren; ++i) {
      const RawChange child{.entity = "Contact",
                            .id = canonical_salesforce_id(fmt::format("003{:012}", i)).value(),
                            .ms = 1,
                            .fields = {{"AccountId", sf_id("001", 'a')}}};
      driver.pipe_bytes(kRawTopic, std::to_string(i), child.event(), 1'000);
    }
  }
  static void merge(TopologyDriver& driver, const std::string& victim, const std::string& survivor,
                    int64_t ms) {
    driver.pipe_bytes(kMergeFacts.name, "k", fact(MergeFactKind::Merge, victim, survivor, ms),
                      1'000);
  }
  Result<Topology> topology_ = account_topology(child_mapping(), {.child_move_slice = kSlice});
};

/// Moves of all accounts to their end, a slice a millisecond. A crash that is still armed may come.
void run_slices(TopologyDriver& driver) {
  for (int slice = 0; slice < kSlicesMax; ++slice) {
    if (!driver.try_run().ok()) {
      driver.crash_and_restart();
      continue;
    }
    if (driver.table_bytes(kMovesChangelog).empty()) return;
    driver.advance_time(1);
  }
  FAIL() << "the moves do not end";
}

TEST_F(SlicedMerge, MovesASliceAtATimeAndNoChildIsEverLost) {
  TopologyDriver driver(topology_, options_with(2));
  pipe_children(driver);
  driver.run();
  ASSERT_EQ(published_contacts(driver)[a_], kChildren);
  merge(driver, a_, b_, 5);
  for (uint64_t moved = kSlice; moved < kChildren; moved += kSlice) {
    driver.run();
    EXPECT_EQ(published_contacts(driver)[b_], moved);
    EXPECT_EQ(sum(published_contacts(driver)), kChildren);
    driver.advance_time(1);
  }
  driver.run();
  EXPECT_EQ(published_contacts(driver), (std::map<std::string, uint64_t>{{b_, kChildren}}));
  EXPECT_FALSE(driver.table_bytes(kAccountStates.name).contains(a_));
}

TEST_F(SlicedMerge, GoesOnAfterACrashAtAnyStepOfACommit) {
  for (size_t step = 0; step <= kLastStep; ++step) {
    for (int after = 0; after < 3; ++after) {
      TopologyDriver driver(topology_, options_with(2));
      pipe_children(driver);
      merge(driver, a_, b_, 5);
      driver.run();
      for (int slice = 0; slice < after; ++slice) {
        driver.advance_time(1);
        driver.run();
      }
      driver.advance_time(1);
      driver.crash_at(static_cast<CommitStep>(step), after % 2 + 1);
      if (!driver.try_run().ok()) driver.crash_and_restart();
      run_slices(driver);
      EXPECT_EQ(published_contacts(driver), (std::map<std::string, uint64_t>{{b_, kChildren}}))
          << "step " << step << " after " << after;
    }
  }
}

TEST_F(SlicedMerge, StartsOverWhenTheRootMovesAgain) {
  TopologyDriver driver(topology_, options_with(2));
  pipe_children(driver);
  merge(driver, a_, b_, 5);
  driver.run();
  driver.advance_time(1);
  driver.run();
  merge(driver, b_, c_, 6);
  run_slices(driver);
  EXPECT_EQ(published_contacts(driver), (std::map<std::string, uint64_t>{{c_, kChildren}}));
  driver.pipe_bytes(kMergeFacts.name, "k", fact(MergeFactKind::Unmerge, a_, "", 7), 1'000);
  driver.run();
  EXPECT_EQ(sum(published_contacts(driver)), kChildren);
  run_slices(driver);
  EXPECT_EQ(published_contacts(driver), (std::map<std::string, uint64_t>{{a_, kChildren}}));
}

TEST_F(SlicedMerge, ChildrenThatChangeMeanwhileEndAtTheNewRoot) {
  TopologyDriver driver(topology_, options_with(2));
  pipe_children(driver);
  merge(driver, a_, b_, 5);
  driver.run();
  for (const int number : {0, 30, kChildren - 1, kChildren}) {
    driver.pipe_bytes(
        kRawTopic, std::to_string(number),
        RawChange{.entity = "Contact",
                  .id = canonical_salesforce_id(fmt::format("003{:012}", number)).value(),
                  .type = number == 30 ? ChangeType::Delete : ChangeType::Create,
                  .ms = 9,
                  .fields = {{"AccountId", sf_id("001", 'a')}}}
            .event(),
        1'000);
  }
  run_slices(driver);
  EXPECT_EQ(published_contacts(driver), (std::map<std::string, uint64_t>{{b_, kChildren}}));
}

UnmergedChildren policy_of(uint32_t seed) {
  return seed % 2 == 0 ? UnmergedChildren::kReturn : UnmergedChildren::kStay;
}

void expect_oracle(const ChildWorld& world, TopologyDriver& driver, UnmergedChildren children) {
  const auto rows_of = [&driver](std::string_view store) {
    return driver.table_bytes(fmt::format("test-{}-changelog", store));
  };
  EXPECT_EQ(accounts_with_children(rows_of), world.expected(children));
}

/// M3 and M5, over what a reader of the topic sees.
void expect_roots(const ChildWorld& world, TopologyDriver& driver) {
  std::map<std::string, std::string> roots;
  for (const auto& [id, bytes] : driver.table_bytes(kRedirects.name)) {
    roots[id] = flatbuffers::GetRoot<Redirect>(bytes.data())->root()->str();
  }
  EXPECT_EQ(roots, world.roots());
}

/// M6 and M8: only roots have states, and counters never go back.
void expect_states_of_roots(const ChildWorld& world, TopologyDriver& driver) {
  const std::map<std::string, std::string> roots = world.roots();
  for (const auto& [root, bytes] : driver.table_bytes(kAccountStates.name)) {
    const auto known = roots.find(root);
    EXPECT_TRUE(known == roots.end() || known->second == root) << root;
    EXPECT_FALSE(flatbuffers::GetRoot<AccountState>(bytes.data())->delete_pending()) << root;
  }
  std::map<std::string, uint64_t> counters;
  for (const auto& record : driver.read_bytes(kAccountStates.name)) {
    if (!record.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(record.value->data())->version();
    EXPECT_GT(counter, counters[*record.key]) << *record.key;
    counters[*record.key] = counter;
  }
}

TEST(ChildrenOnTheEngine, EqualTheOracleAfterCrashesAtAnyStepOfACommit) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    ChildWorld world(seed);
    TopologyDriver driver(account_topology(child_mapping(), {.child_move_slice = 2,
                                                             .delete_grace_ms = seed % 3,
                                                             .unmerged_children = policy_of(seed)}),
                          options_with(static_cast<int32_t>(seed % 4) + 1));
    for (const auto& [topic, value] : world.records()) {
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
      if (world.up_to(3) != 0) continue;
      driver.advance_time(static_cast<int64_t>(world.up_to(1)));
      driver.crash_at(static_cast<CommitStep>(world.up_to(kLastStep)),
                      static_cast<int>(world.up_to(2)) + 1);
      if (!driver.try_run().ok()) driver.crash_and_restart();
    }
    run_slices(driver);
    driver.advance_time(2);
    driver.run();
    expect_oracle(world, driver, policy_of(seed));
    expect_roots(world, driver);
    expect_states_of_roots(world, driver);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(ChildPartitions, ARecordThatItsTopicKeysByItsIdStaysInTheTaskThatReadsIt) {
  constexpr int kChildren = 40;
  TopologyDriver driver(account_topology(child_mapping()), options_with(4));
  std::vector<std::string> ids;
  for (int i = 0; i < kChildren; ++i) {
    const std::string id = canonical_salesforce_id(fmt::format("003{:012}", i)).value();
    ids.push_back(id);
    const RawChange child{
        .entity = "Contact", .id = id, .ms = 1, .fields = {{"AccountId", sf_id("001", 'a')}}};
    driver.pipe_bytes(kRawTopic, i % 2 == 0 ? id : "k", child.event(), 1'000);
  }
  driver.run();
  const double travelled =
      driver.engine().metrics().produced("test-children-by-record-exchange").records.value();
  EXPECT_GT(travelled, 0);
  EXPECT_LE(travelled, kChildren / 2) << "those that are keyed by anything else";
  for (const std::string& id : ids) {
    const std::string key = child_key(ChildKind::Contact, "sf:" + id);
    EXPECT_NE(driver.store_bytes(kChildRowStore, Bytes(key)), std::nullopt) << key;
  }
}

}  // namespace millrace::crm::child_driver_test
