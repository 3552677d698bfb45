// How long signals of merges are remembered, on the real engine.
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/signals/signal_topology.h"
#include "crm/signals/transaction_merges.h"

namespace millrace::crm::signal_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;

constexpr int64_t kWindowMs = 1'000;
constexpr const char* kTransactions = "test-merge-transactions-changelog";
constexpr const char* kPastParents = "test-child-parents-changelog";

class SignalsOnTheEngine : public ::testing::Test {
 protected:
  static DriverOptions options() {
    DriverOptions options;
    options.partitions = 2;
    options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
    return options;
  }
  void raw(const RawChange& change) {
    driver_.pipe_bytes(kRawTopic, change.id, change.event(), driver_.now_ms());
    driver_.run();
  }
  void contact_under(char letter, int64_t ms, const std::string& transaction) {
    raw({.entity = "Contact",
         .id = sf_id("003", 'x'),
         .type = ChangeType::Update,
         .ms = ms,
         .fields = {{"AccountId", sf_id("001", letter)}},
         .transaction = transaction});
  }
  void account_part(char letter, ChangeType type) {
    raw({.entity = "Account",
         .id = sf_id("001", letter),
         .type = type,
         .ms = 5,
         .transaction = "t"});
  }
  std::string root_of_a() {
    const std::string id = "sf:" + sf_id("001", 'a');
    const auto redirects = driver_.table_bytes(kRedirects.name);
    const auto found = redirects.find(id);
    return found == redirects.end()
               ? id
               : flatbuffers::GetRoot<Redirect>(found->second.data())->root()->str();
  }
  const std::string a_ = "sf:" + sf_id("001", 'a');
  const std::string b_ = "sf:" + sf_id("001", 'b');
  TopologyDriver driver_{
      account_topology(child_mapping(), {.merge_inference_window_ms = kWindowMs}), options()};
};

TEST_F(SignalsOnTheEngine, PartThatComesWithinTheWindowMakesTheMergeAfterACrashToo) {
  contact_under('a', 1, "before");
  account_part('a', ChangeType::Delete);
  contact_under('b', 5, "t");
  driver_.advance_time(kWindowMs - 1);
  driver_.run();
  driver_.crash_and_restart();
  account_part('b', ChangeType::Update);
  EXPECT_EQ(root_of_a(), b_);
}

TEST_F(SignalsOnTheEngine, TransactionIsForgottenAfterTheWindow) {
  contact_under('a', 1, "before");
  account_part('a', ChangeType::Delete);
  contact_under('b', 5, "t");
  EXPECT_FALSE(driver_.table_bytes(kTransactions).empty());
  EXPECT_FALSE(driver_.table_bytes(kPastParents).empty());
  driver_.advance_time(kWindowMs);
  driver_.run();
  EXPECT_TRUE(driver_.table_bytes(kTransactions).empty());
  EXPECT_TRUE(driver_.table_bytes(kPastParents).empty());
  account_part('b', ChangeType::Update);
  EXPECT_EQ(root_of_a(), a_);
}

TEST_F(SignalsOnTheEngine, TransactionOfAnySizeIsForgotten) {
  for (int64_t i = 0; i < kTransactionPartsMax + 10; ++i) {
    const RawChange update{.entity = "Account",
                           .id = sf_id("001", 'a'),
                           .type = ChangeType::Delete,
                           .ms = i,
                           .transaction = "t"};
    driver_.pipe_bytes(kRawTopic, "k", update.event(), driver_.now_ms());
  }
  driver_.run();
  EXPECT_EQ(driver_.table_bytes(kTransactions).size(),
            static_cast<size_t>(kTransactionPartsMax) + 1);
  driver_.advance_time(kWindowMs);
  driver_.run();
  EXPECT_TRUE(driver_.table_bytes(kTransactions).empty());
}

}  // namespace millrace::crm::signal_driver_test
