// Loads of whole entities against a model of the source, with every interleaving that a broker
// allows.
#include <gtest/gtest.h>

#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/tables/table_topology.h"
#include "flow_runner.h"
#include "load_source.h"

namespace millrace::crm::load_flow_test {

/// The live rows by id and name.
LoadSource::Rows live_rows(const FlowRunner& flow, std::string_view store) {
  LoadSource::Rows live;
  for (const auto& [key, value] : flow.all_rows(store)) {
    const auto& row = *flatbuffers::GetRoot<AccountRow>(value.data());
    if (row.status() != RowStatus::Live) continue;
    for (const RowField* field : *row.fields()) {
      if (field->name()->string_view() == "name") live[row.id()->str()] = field->value()->str();
    }
  }
  return live;
}

struct Totals {
  int loads = 0;
  int given_up = 0;
  size_t crashes = 0;
};

void check(uint32_t seed, bool crashes, Totals& totals) {
  LoadSource source(seed);
  source.run(60);
  AccountOptions options;
  options.tables.slice = 1 + seed % 5;
  const Topology topology =
      account_topology(parse_mapping(LoadSource::mapping()).value(), options).value();
  FlowRunner flow(topology, LoadSource::kPartitions, seed);
  if (crashes) flow.let_crash(2);
  for (const LoadSource::Event& event : source.events()) {
    flow.pipe(LoadSource::topic(), event.partition, event.value, event.ms);
  }
  flow.run();
  EXPECT_EQ(live_rows(flow, kRowStore), source.accounts()) << seed;
  EXPECT_EQ(live_rows(flow, kChildRowStore), source.contacts()) << seed;
  EXPECT_TRUE(flow.all_rows(kAccountSweepStore).empty());
  EXPECT_TRUE(flow.all_rows(kChildSweepStore).empty());
  totals.loads += source.loads();
  totals.given_up += source.given_up();
  totals.crashes += flow.crashes();
}

TEST(Loads, LeaveWhatTheSourceHolds) {
  Totals totals;
  for (uint32_t seed = 1; seed <= 200 && !::testing::Test::HasFailure(); ++seed) {
    check(seed, false, totals);
  }
  EXPECT_GT(totals.loads, 500);
  EXPECT_GT(totals.given_up, 200);
}

TEST(Loads, LeaveWhatTheSourceHoldsAfterCrashes) {
  Totals totals;
  for (uint32_t seed = 1001; seed <= 1150 && !::testing::Test::HasFailure(); ++seed) {
    check(seed, true, totals);
  }
  EXPECT_GT(totals.crashes, 100U);
}

}  // namespace millrace::crm::load_flow_test
