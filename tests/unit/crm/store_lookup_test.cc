// A question for a row by its key finds the task that has it, in stores whose keys have parts too.
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "millrace/engine/queries.h"
#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"

namespace millrace::crm::store_lookup_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::IsSupersetOf;

/// Rows that a task keeps for itself: another one may have the same.
bool is_bookkeeping(std::string_view store) {
  return store == "territory-rules" || store.ends_with("-cursors");
}

void pipe(TopologyDriver& driver, const RawChange& change) {
  driver.pipe_bytes(kRawTopic, change.id, change.event(), driver.now_ms());
}

TEST(StoreLookup, FindsEveryRowByItsKey) {
  const AccountOptions crm{.merge_inference_window_ms = 1'000};
  const Result<Topology> topology = account_topology(child_mapping(), crm);
  ASSERT_TRUE(topology.ok()) << topology.message();
  DriverOptions options;
  options.partitions = 4;
  options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
  TopologyDriver driver(account_topology(child_mapping(), crm), options);
  for (const char letter : std::string_view("abcdefgh")) {
    pipe(driver, {.entity = "Account", .id = sf_id("001", letter), .ms = 1});
    // Under one account after the other, within the window in which signals of merges are kept.
    for (int64_t ms = 1; ms <= 3; ++ms) {
      const std::string account = sf_id("001", static_cast<char>(letter + ms));
      pipe(driver, {.entity = "Contact",
                    .id = sf_id("003", letter),
                    .ms = ms,
                    .fields = {{kParentField, account}},
                    .transaction = "t" + std::to_string(ms)});
    }
    pipe(driver, {.entity = "Asset",
                  .id = sf_id("02i", letter),
                  .ms = 1,
                  .fields = {{kParentField, sf_id("001", letter)}, {"Product", "p"}}});
  }
  driver.run();

  const Queries& queries = driver.engine().queries();
  std::set<std::string> seen;
  for (const StoreSpec& store : topology->stores()) {
    if (store.timers || is_bookkeeping(store.name)) continue;
    std::map<std::string, TaskId> rows;
    const auto all = queries.scan(store.name, {}, [&](TaskId task, Bytes key, Row) {
      rows.emplace(key.to_string(), task);
      return true;
    });
    ASSERT_TRUE(all.ok()) << all.message();
    for (const auto& [key, task] : rows) {
      const Result<StoreAnswer> answer = queries.get(store.name, Bytes(key));
      ASSERT_TRUE(answer.ok()) << answer.message();
      EXPECT_EQ(answer->position.task, task) << store.name << " " << ::testing::PrintToString(key);
      EXPECT_TRUE(answer->row.has_value()) << store.name << " " << ::testing::PrintToString(key);
    }
    if (!rows.empty()) seen.insert(store.name);
  }
  EXPECT_THAT(seen, IsSupersetOf({"account-members", "account-children", "root-children",
                                  "child-parents", "merge-transactions", "child-rows"}));
}

}  // namespace millrace::crm::store_lookup_test
