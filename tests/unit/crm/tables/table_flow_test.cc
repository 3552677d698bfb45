// Truncates and complete snapshots against a model of the source, with every interleaving that a
// broker allows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/tables/table_topology.h"
#include "flow_runner.h"
#include "table_source.h"

namespace millrace::crm::table_flow_test {

/// The live rows by id and name.
TableSource::Rows live_rows(const FlowRunner& flow, std::string_view store) {
  TableSource::Rows live;
  for (const auto& [key, value] : flow.all_rows(store)) {
    const auto& row = *flatbuffers::GetRoot<AccountRow>(value.data());
    if (row.status() != RowStatus::Live) continue;
    std::string name;
    for (const RowField* field : *row.fields()) {
      if (field->name()->string_view() == "name") name = field->value()->str();
    }
    live[std::stoi(key.substr(key.find(':') + 1))] = name;
  }
  return live;
}

struct Totals {
  int truncates = 0;
  int snapshots = 0;
  size_t crashes = 0;
};

void check(uint32_t seed, bool crashes, Totals& totals) {
  TableSource source(seed);
  source.run(60);
  AccountOptions options;
  options.tables.slice = 1 + seed % 5;
  const Topology topology =
      account_topology(parse_mapping(TableSource::mapping()).value(), options).value();
  FlowRunner flow(topology, TableSource::kPartitions, seed);
  if (crashes) flow.let_crash(2);
  for (const TableSource::Event& event : source.events()) {
    flow.pipe(event.topic, event.partition, event.value, 1);
  }
  flow.run();
  EXPECT_EQ(live_rows(flow, kRowStore), source.customers()) << seed;
  EXPECT_EQ(live_rows(flow, kChildRowStore), source.contacts()) << seed;
  EXPECT_TRUE(flow.all_rows(kAccountSweepStore).empty());
  EXPECT_TRUE(flow.all_rows(kChildSweepStore).empty());
  totals.truncates += source.truncates();
  totals.snapshots += source.snapshots();
  totals.crashes += flow.crashes();
}

TEST(Tables, AreWhatTheSourceHolds) {
  Totals totals;
  for (uint32_t seed = 1; seed <= 150 && !::testing::Test::HasFailure(); ++seed) {
    check(seed, false, totals);
  }
  EXPECT_GT(totals.truncates, 100);
  EXPECT_GT(totals.snapshots, 100);
}

TEST(Tables, AreWhatTheSourceHoldsAfterCrashes) {
  Totals totals;
  for (uint32_t seed = 1001; seed <= 1150 && !::testing::Test::HasFailure(); ++seed) {
    check(seed, true, totals);
  }
  EXPECT_GT(totals.crashes, 100U);
}

}  // namespace millrace::crm::table_flow_test
