#include "tests/unit/operators/suppress/suppress_steps.h"

#include <gtest/gtest.h>

#include "operators/suppress/held_order.h"
#include "operators/windows/own_rows.h"

namespace millrace::testing {

Result<Topology> held(const UntilTimeLimit& until) {
  TopologyBuilder builder{"test"};
  const auto out = builder.table(kRows).suppress("held", until);
  out.to(kOut);
  out.group_by([](int64_t) { return std::string("all"); })
      .aggregate(
          "sums", int64_t{0}, [](int64_t value, int64_t sum) { return sum + value; },
          [](int64_t value, int64_t sum) { return sum - value; })
      .to(kSums);
  return std::move(builder).build();
}

std::string read_out(Harness& harness) {
  std::string results;
  for (const auto& result : harness.read(kOut)) {
    if (!results.empty()) results += ' ';
    results += *result.key + '=' + (result.value ? std::to_string(*result.value) : "null");
    results += '@' + std::to_string(result.timestamp_ms);
  }
  return results;
}

void table_steps(Harness& harness, const std::vector<TableStep>& all) {
  for (size_t i = 0; i < all.size(); ++i) {
    harness.pipe(kRows, all[i].key, all[i].value, all[i].timestamp_ms);
    EXPECT_EQ(read_out(harness), all[i].results) << "step " << i;
  }
}

std::unique_ptr<Harness> moved_with(Result<Topology> topology, const Harness& before,
                                    const std::vector<std::string>& stores) {
  auto after = std::make_unique<Harness>(std::move(topology));
  for (const std::string& store : stores) {
    const DerivedRows& derived =
        store == "held" ? operators::held_rows_by_due() : operators::rows_by_end();
    for (const auto& [key, row] : before.store(store)) {
      if (derived.is_derived(Bytes(key))) continue;
      after->restore(store, Bytes(key), Bytes(row.first), row.second);
      if (store == "rows-table" || store == "sums") continue;
      derived.derive(Bytes(key), Bytes(row.first), [&](Bytes by_end, Bytes value) {
        after->restore(store, by_end, value, row.second);
      });
    }
  }
  return after;
}

}  // namespace millrace::testing
