#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::table_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr Topic<std::string, int64_t> kNumbers{"numbers"};

template <class F>
Result<Topology> from_table(F define) {
  TopologyBuilder builder{"test"};
  define(builder.table(kIn));
  return std::move(builder).build();
}

TEST(Table, KeepsTheLatestByOffsetWhateverTheTimestamp) {
  Harness harness(from_table([](const auto& in) { in.to(kOut); }));
  harness.pipe(kIn, "a", "new", 10);
  harness.pipe(kIn, "a", "late", 5);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "new", 10}, Text{"a", "late", 5}));
  EXPECT_EQ(harness.store("in-table").at("a"), std::pair(std::string("late"), int64_t{5}));
}

TEST(Table, DeletesByTombstoneAndIsSilentWhenThereIsNoRow) {
  Harness harness(from_table([](const auto& in) { in.to(kOut); }));
  harness.pipe(kIn, "a", std::nullopt, 1);
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  harness.pipe(kIn, "a", "x", 2);
  harness.pipe(kIn, "a", std::nullopt, 3);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "x", 2}, Text{"a", std::nullopt, 3}));
  EXPECT_THAT(harness.store("in-table"), IsEmpty());
}

TEST(Table, TellsAnEmptyValueFromADelete) {
  Harness harness(from_table([](const auto& in) { in.to(kOut); }));
  harness.pipe(kIn, "a", "", 1);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "", 1}));
  EXPECT_EQ(harness.store("in-table").size(), 1U);
}

TEST(Table, DropsNullKeys) {
  Harness harness(from_table([](const auto& in) { in.to(kOut); }));
  harness.pipe_raw("in", std::nullopt, "x");
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

TEST(TableFilter, DeletesARowThatStopsToFitAndIsSilentAboutOthers) {
  Harness harness(from_table(
      [](const auto& in) { in.filter([](std::string_view v) { return v.size() > 1; }).to(kOut); }));
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  harness.pipe(kIn, "a", "xx", 1);
  harness.pipe(kIn, "a", "y", 2);
  harness.pipe(kIn, "a", "z", 3);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "xx", 1}, Text{"a", std::nullopt, 2}));
}

TEST(TableMapValues, MapsRowsAndLeavesOutThoseWithoutAnImage) {
  Harness harness(from_table([](const auto& in) {
    in.map_values([](std::string_view v) {
        return v == "none" ? std::nullopt : std::optional<int64_t>(v.size());
      }).to(kNumbers);
  }));
  harness.pipe(kIn, "a", "none");
  EXPECT_THAT(harness.read(kNumbers), IsEmpty());
  harness.pipe(kIn, "a", "xyz", 1);
  harness.pipe(kIn, "a", "none", 2);
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"a", 3, 1}, Number{"a", std::nullopt, 2}));
}

TEST(TableToStream, ForgetsTheOldRow) {
  struct Old final : TypedProcessor<std::string, std::string, std::string, std::string> {
    void on_record(Maybe<std::string> key, Maybe<std::string>, const Record& record) override {
      emit()(*key, record.old_value.is_null() ? "null" : record.old_value.view());
    }
  };
  Harness harness(from_table([](const auto& in) {
    in.to_stream().process("old", [] { return std::make_unique<Old>(); }).to(kOut);
  }));
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", "y");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "null", 0}, Text{"a", "null", 0}));
}

TEST(TableTo, WritesOnlyTheLatestRowPerCommit) {
  const Topology topology = from_table([](const auto& in) {
                              in.to(kOut);
                              in.to_stream().to(Topic<std::string, std::string>{"all"});
                            }).value();
  for (const Node& node : topology.nodes()) {
    if (node.kind != NodeKind::kSink) continue;
    EXPECT_EQ(node.coalesce, node.topic.name == "out");
  }
}

TEST(StreamToTable, ExchangesChangedKeysUnderItsOwnName) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn).key_by([](std::string_view v) { return v; }).to_table("by-value").to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "b", "x");
  EXPECT_EQ(harness.read(kOut).size(), 2U);
  EXPECT_EQ(harness.store("by-value").size(), 1U);
}

}  // namespace millrace::table_test
