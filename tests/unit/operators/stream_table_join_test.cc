#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::stream_table_join_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;

constexpr Topic<std::string, std::string> kEvents{"events"};
constexpr Topic<std::string, std::string> kRows{"rows"};
constexpr Topic<std::string, std::string> kOut{"out"};

std::string both(std::string_view event, Maybe<std::string> row) {
  return std::string(event) + "/" + (row ? std::string(*row) : "none");
}

template <class F>
Result<Topology> joined(F define) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  define(builder.stream(kEvents), rows);
  return std::move(builder).build();
}

TEST(StreamTableJoin, AddsTheRowOfNowAtTheEventsTime) {
  Harness harness(
      joined([](const auto& events, const auto& rows) { events.join(rows, both).to(kOut); }));
  harness.pipe(kEvents, "a", "early", 1);
  harness.pipe(kRows, "a", "v1", 100);
  harness.pipe(kEvents, "a", "e", 2);
  harness.pipe(kRows, "a", "v2", 50);
  harness.pipe(kEvents, "a", "e", 3);
  harness.pipe(kRows, "a", std::nullopt, 200);
  harness.pipe(kEvents, "a", "late", 4);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v1", 2}, Text{"a", "e/v2", 3}));
}

TEST(StreamTableJoin, MakesPairsWithoutAFunction) {
  Harness harness(joined([](const auto& events, const auto& rows) {
    events.join(rows)
        .map_values([](ViewOf<Joined<std::string, std::string>> pair) {
          return std::string(pair.left) + "+" + std::string(pair.right);
        })
        .to(kOut);
  }));
  harness.pipe(kRows, "a", "row");
  harness.pipe(kEvents, "a", "event");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "event+row", 0}));
}

TEST(StreamTableJoin, ReadsAFilteredAndMappedTableWithoutAStoreOfItsOwn) {
  const auto topology = joined([](const auto& events, const auto& rows) {
    const auto long_rows = rows.filter([](std::string_view v) { return v.size() > 1; })
                               .map_values([](std::string_view v) { return std::string(v) + "!"; });
    events.left_join(long_rows, both).to(kOut);
  });
  EXPECT_EQ(topology->stores().size(), 1U);
  Harness harness(topology);
  harness.pipe(kRows, "a", "x");
  harness.pipe(kEvents, "a", "e1");
  harness.pipe(kRows, "a", "xx");
  harness.pipe(kEvents, "a", "e2");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e1/none", 0}, Text{"a", "e2/xx!", 0}));
}

TEST(StreamTableJoin, DropsNullsButALeftJoinKeepsEventsWithoutAKey) {
  Harness inner(
      joined([](const auto& events, const auto& rows) { events.join(rows, both).to(kOut); }));
  Harness left(
      joined([](const auto& events, const auto& rows) { events.left_join(rows, both).to(kOut); }));
  for (Harness* harness : {&inner, &left}) {
    harness->pipe_raw("events", std::nullopt, "e");
    harness->pipe(kEvents, "a", std::nullopt);
    EXPECT_EQ(harness->dropped("null_value"), 1);
  }
  EXPECT_EQ(inner.dropped("null_key"), 1);
  EXPECT_THAT(inner.read(kOut), IsEmpty());
  EXPECT_THAT(left.read(kOut), ElementsAre(Text{std::nullopt, "e/none", 0}));
}

TEST(StreamTableJoin, ExchangesEventsWhoseKeyWasChanged) {
  const auto topology = joined([](const auto& events, const auto& rows) {
    events.key_by([](std::string_view v) { return v; }).join(rows, both).to(kOut);
  });
  Harness harness(topology, testing::ExchangeMode::kDelayed);
  harness.pipe(kRows, "b", "row");
  harness.pipe(kEvents, "a", "b");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"b", "b/row", 0}));
}

}  // namespace millrace::stream_table_join_test
