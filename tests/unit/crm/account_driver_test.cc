#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"

namespace millrace::crm::account_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;

DriverOptions options_for(uint32_t seed) {
  DriverOptions options;
  options.partitions = static_cast<int32_t>(seed % 3) + 1;
  return options;
}

/// A crash stays armed until its step is reached, which may be in any later run.
void run_through_armed_crashes(TopologyDriver& driver) {
  driver.crash_and_restart();
  for (int attempts = 0; !driver.try_run().ok(); ++attempts) {
    ASSERT_LT(attempts, 3);
    driver.crash_and_restart();
  }
}

void expect_oracle(const World& world, TopologyDriver& driver) {
  std::map<std::string, State> published;
  for (const auto& [root, state] : world.expected()) {
    if (state.status != AccountStatus::Deleted) published[root] = state;
    for (const auto& [id, via] : state.members) {
      const auto redirect = driver.store_bytes(kRedirectStore, id);
      const std::string resolved =
          redirect ? flatbuffers::GetRoot<Redirect>(redirect->data())->root()->str() : id;
      EXPECT_EQ(resolved, root) << id;
    }
  }
  std::map<std::string, State> table;
  for (const auto& [root, bytes] : driver.table_bytes(kAccountStates.name)) {
    table[root] = state_of(bytes);
  }
  EXPECT_EQ(table, published);
}

/// M8, over everything that a reader of committed records ever saw.
void expect_rising_counters(TopologyDriver& driver) {
  std::map<std::string, uint64_t> counters;
  for (const auto& record : driver.read_bytes(kAccountStates.name)) {
    if (!record.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(record.value->data())->version();
    EXPECT_GT(counter, counters[*record.key]) << *record.key;
    counters[*record.key] = counter;
  }
}

TEST(AccountsOnTheEngine, EqualTheOracleInAnyOrder) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    World world(seed);
    TopologyDriver driver(account_topology(), options_for(seed));
    for (const auto& [topic, value] : world.records()) {
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
      if (world.up_to(3) == 0) driver.run();
    }
    driver.run();
    expect_oracle(world, driver);
    expect_rising_counters(driver);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(AccountsOnTheEngine, EqualTheOracleAfterCrashesAtAnyStepOfACommit) {
  constexpr size_t kLastStep = static_cast<size_t>(CommitStep::kDone);
  for (uint32_t seed = 0; seed < 60; ++seed) {
    World world(seed);
    TopologyDriver driver(account_topology(), options_for(seed));
    for (const auto& [topic, value] : world.records()) {
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
      if (world.up_to(3) != 0) continue;
      driver.crash_at(static_cast<CommitStep>(world.up_to(kLastStep)),
                      static_cast<int>(world.up_to(2)) + 1);
      if (!driver.try_run().ok()) driver.crash_and_restart();
    }
    run_through_armed_crashes(driver);
    expect_oracle(world, driver);
    expect_rising_counters(driver);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(AccountsOnTheEngine, ChangeWithABadIdIsRefusedAtTheSource) {
  TopologyDriver driver(account_topology());
  driver.pipe_bytes(kAccounts.name, "k", change(ChangeType::Create, "no-source", 1), 1'000);
  driver.pipe_bytes(kAccounts.name, "k", change(ChangeType::Create, "s:a", 1), 1'000);
  driver.run();
  EXPECT_EQ(driver.table_bytes(kAccountStates.name).size(), 1u);
}

}  // namespace millrace::crm::account_driver_test
