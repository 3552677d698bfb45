#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"

namespace millrace::crm {
namespace {

using millrace::testing::CommitStep;
using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;

DriverOptions options_for(uint32_t seed) {
  DriverOptions options;
  options.partitions = static_cast<int32_t>(seed % 3) + 1;
  return options;
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
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(AccountsOnTheEngine, EqualTheOracleAfterCrashesAndWithoutLocalState) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    World world(seed);
    TopologyDriver driver(account_topology(), options_for(seed));
    for (const auto& [topic, value] : world.records()) {
      driver.pipe_bytes(topic, std::to_string(world.up_to(99)), value, 1'000);
      const size_t dice = world.up_to(9);
      if (dice < 4) EXPECT_TRUE(driver.run_once().ok());
      if (dice == 4) driver.crash_and_restart();
      if (dice == 5) driver.restart();
    }
    driver.run();
    expect_oracle(world, driver);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(AccountsOnTheEngine, BadInputIsNotTakenForAnAccount) {
  DriverOptions options;
  TopologyDriver driver(account_topology(), options);
  driver.pipe_bytes(kAccounts.name, "k", change(ChangeType::Create, "no-source", 1), 1'000);
  const Status status = driver.try_run();
  EXPECT_TRUE(driver.table_bytes(kAccountStates.name).empty());
}

}  // namespace
}  // namespace millrace::crm
