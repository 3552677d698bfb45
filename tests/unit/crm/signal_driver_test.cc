// How long signals of merges are remembered, on the real engine.
#include <fmt/format.h>
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

Mapping mapping_with_ends() {
  return parse_mapping(R"({"topics": {
    "pg.account": {"format": "debezium", "source": "pg", "entities": {
      "crm.account": {"type": "account", "id": "id"}}},
    "pg.contact": {"format": "debezium", "source": "pg", "entities": {
      "crm.contact": {"type": "contact", "id": "id", "parent": "of", "fields": {"of": "of"}}}},
    "pg.transaction": {"format": "debezium", "source": "pg", "entities": {}}}})")
      .value();
}

class EndsOnTheEngine : public ::testing::Test {
 protected:
  static DriverOptions options() {
    DriverOptions options;
    options.partitions = 2;
    options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
    return options;
  }
  void event(std::string_view table, std::string_view op, int id, int of, int64_t lsn,
             int transaction) {
    const std::string row = fmt::format(R"({{"id":{},"of":{}}})", id, of);
    driver_.pipe_bytes(
        fmt::format("pg.{}", table), "k",
        fmt::format(R"({{"op":"{}","before":{},"after":{},"transaction":{{"id":"{}:{}",)"
                    R"("total_order":{}}},"source":{{"name":"pg","ts_ms":{},"schema":"crm",)"
                    R"("table":"{}","txId":{},"lsn":{}}}}})",
                    op, op == "d" ? row : "null", op == "d" ? "null" : row, transaction, lsn, lsn,
                    lsn, table, transaction, lsn),
        driver_.now_ms());
    driver_.run();
  }
  /// Of transaction 7, which deletes account 1, and moves contact 5 from there to account 2.
  void end_of_the_merge() {
    driver_.pipe_bytes("pg.transaction", "k",
                       R"({"status":"END","id":"7:99","event_count":4,"data_collections":[)"
                       R"({"data_collection":"crm.account","event_count":2},)"
                       R"({"data_collection":"crm.contact","event_count":1},)"
                       R"({"data_collection":"crm.log","event_count":1}],"ts_ms":1})",
                       driver_.now_ms());
    driver_.run();
  }
  std::string root_of_1() {
    const auto redirects = driver_.table_bytes(kRedirects.name);
    const auto found = redirects.find("pg:1");
    return found == redirects.end()
               ? "pg:1"
               : flatbuffers::GetRoot<Redirect>(found->second.data())->root()->str();
  }
  size_t parts() { return driver_.table_bytes(kTransactions).size(); }
  void pass(int64_t ms) {
    driver_.advance_time(ms);
    driver_.run();
  }
  TopologyDriver driver_{
      account_topology(mapping_with_ends(), {.merge_inference_window_ms = kWindowMs}), options()};
};

TEST_F(EndsOnTheEngine, CompleteTransactionIsForgottenBeforeTheWindow) {
  event("contact", "c", 5, 1, 10, 6);
  const size_t before = parts();
  event("account", "d", 1, 0, 20, 7);
  event("account", "u", 2, 0, 21, 7);
  event("contact", "u", 5, 2, 22, 7);
  EXPECT_EQ(root_of_1(), "pg:2");
  pass(1);
  EXPECT_GT(parts(), before);
  end_of_the_merge();
  pass(1);
  EXPECT_EQ(parts(), before);
}

TEST_F(EndsOnTheEngine, IncompleteTransactionIsWaitedForBeyondTheWindow) {
  event("contact", "c", 5, 1, 10, 6);
  event("account", "d", 1, 0, 20, 7);
  end_of_the_merge();
  event("contact", "u", 5, 2, 22, 7);
  event("contact", "u", 5, 2, 22, 7);  // repeated
  for (int window = 0; window < 3; ++window) pass(kWindowMs);
  driver_.crash_and_restart();
  EXPECT_EQ(root_of_1(), "pg:1");
  event("account", "u", 2, 0, 21, 7);
  EXPECT_EQ(root_of_1(), "pg:2");
  pass(1);
  EXPECT_EQ(parts(), 0U);
}

TEST_F(EndsOnTheEngine, IncompleteTransactionIsForgottenInTheEnd) {
  event("account", "d", 1, 0, 20, 7);
  end_of_the_merge();
  for (int64_t window = 1; window < kTransactionWindowsMax; ++window) pass(kWindowMs);
  EXPECT_GT(parts(), 0U);
  pass(kWindowMs);
  EXPECT_EQ(parts(), 0U);
}

}  // namespace millrace::crm::signal_driver_test
