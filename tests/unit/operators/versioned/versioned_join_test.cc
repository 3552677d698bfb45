// Joins of a stream with a versioned table, step by step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/versioned/versioned_steps.h"

namespace millrace::versioned_join_test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using testing::kVersions;
using testing::versioned;
using Text = testing::Out<std::string, std::string>;

constexpr Topic<std::string, std::string> kEvents{"events"};
constexpr Topic<std::string, std::string> kOut{"out"};

std::string both(std::string_view event, Maybe<std::string> row) {
  return std::string(event) + "/" + (row ? std::string(*row) : "none");
}

TEST(JoinWithAVersionedTable, FindsTheRowOfTheRecordsTime) {
  Harness harness(versioned(100ms, [](TopologyBuilder& builder, const auto& rows) {
    builder.stream(kEvents).join(rows, both).to(kOut);
  }));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", std::nullopt, 20);
  harness.pipe(kVersions, "a", "v3", 30);
  for (const int64_t time_ms : {9, 10, 19, 20, 29, 30, 500}) {
    harness.pipe(kEvents, "a", "e", time_ms);
  }
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v1", 10}, Text{"a", "e/v1", 19},
                                              Text{"a", "e/v3", 30}, Text{"a", "e/v3", 500}));
  harness.pipe(kVersions, "a", "v2", 25);
  EXPECT_THAT(harness.read(kOut), IsEmpty()) << "what is corrected later joins what comes later";
  harness.pipe(kEvents, "a", "e", 29);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v2", 29}));
}

TEST(JoinWithAVersionedTable, FindsNoRowBeyondTheHistory) {
  Harness harness(versioned(100ms, [](TopologyBuilder& builder, const auto& rows) {
    builder.stream(kEvents).left_join(rows, both).to(kOut);
  }));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v2", 150);
  harness.pipe(kVersions, "b", "v1", 20);
  harness.pipe(kEvents, "a", "e", 49);
  harness.pipe(kEvents, "a", "e", 50);
  harness.pipe(kEvents, "b", "e", 20);
  harness.pipe_raw("events", std::nullopt, "e", 20);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/none", 49}, Text{"a", "e/v1", 50},
                                              Text{"b", "e/none", 20}, Text{{}, "e/none", 20}));
  EXPECT_EQ(harness.dropped("late"), 1) << "the row of b";
}

TEST(JoinWithAVersionedTable, ReadsTheHistoryOfAFilteredAndMappedOne) {
  Harness harness(versioned(100ms, [](TopologyBuilder& builder, const auto& rows) {
    const auto long_rows = rows.filter([](std::string_view v) { return v.size() > 1; })
                               .map_values([](std::string_view v) { return std::string(v) + "!"; });
    builder.stream(kEvents).left_join(long_rows, both).to(kOut);
  }));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v", 20);
  harness.pipe(kVersions, "a", "v3", 30);
  for (const int64_t time_ms : {15, 25, 35}) harness.pipe(kEvents, "a", "e", time_ms);
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"a", "e/v1!", 15}, Text{"a", "e/none", 25}, Text{"a", "e/v3!", 35}));
}

TEST(JoinWithAVersionedTable, ReadsTheRowOfNowOfWhatIsMadeOfIt) {
  constexpr Topic<std::string, std::string> kOthers{"others"};
  Harness harness(versioned(100ms, [&](TopologyBuilder& builder, const auto& rows) {
    const auto others = builder.table(kOthers, {.name = "other-rows", .history = 100ms});
    builder.stream(kEvents).left_join(rows.materialize("kept"), both).to(kOut);
    builder.stream(kEvents)
        .left_join(rows.join(others,
                             [](std::string_view row, std::string_view other) {
                               return std::string(row) + std::string(other);
                             }),
                   both)
        .to(kOut);
  }));
  harness.pipe(kOthers, "a", "w1", 10);
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kVersions, "a", "v0", 5);
  harness.pipe(kEvents, "a", "e", 10);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v2", 10}, Text{"a", "e/v2w1", 10}));
}

}  // namespace millrace::versioned_join_test
