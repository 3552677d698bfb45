// Versioned tables, step by step and beside a list that is searched as a whole.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/versioned/versioned_steps.h"

namespace millrace::versioned_table_test {

using namespace std::chrono_literals;
using testing::as_of;
using ::testing::ElementsAre;
using testing::Harness;
using testing::history_in;
using ::testing::IsEmpty;
using testing::kChanges;
using testing::kVersions;
using testing::latest;
using testing::versioned;
using Text = testing::Out<std::string, std::string>;

TEST(VersionedTable, FindsTheVersionOfATime) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kVersions, "a", "v3", 30);
  EXPECT_EQ(as_of(harness, "a", 9), "none");
  EXPECT_EQ(as_of(harness, "a", 10), "v1@10");
  EXPECT_EQ(as_of(harness, "a", 29), "v2@20");
  EXPECT_EQ(as_of(harness, "a", 30), "v3@30");
  EXPECT_EQ(as_of(harness, "a", 9'999), "v3@30");
  EXPECT_EQ(latest(harness, "a"), "v3@30");
  EXPECT_EQ(as_of(harness, "b", 30), "none");
  EXPECT_EQ(history_in(harness), "a[20,30)=v2 a[10,20)=v1");
}

TEST(VersionedTable, LetsAnOlderRecordCorrectTheHistoryOnly) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v3", 30);
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kVersions, "a", "v0", 5);
  EXPECT_THAT(harness.read(kChanges), ElementsAre(Text{"a", "v1", 10}, Text{"a", "v3", 30}));
  EXPECT_EQ(history_in(harness), "a[20,30)=v2 a[10,20)=v1 a[5,10)=v0");
  EXPECT_EQ(latest(harness, "a"), "v3@30");
}

TEST(VersionedTable, TakesTheLaterOffsetOfEqualTimes) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "again", 10);
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kVersions, "a", "once more", 10);
  EXPECT_THAT(harness.read(kChanges),
              ElementsAre(Text{"a", "v1", 10}, Text{"a", "again", 10}, Text{"a", "v2", 20}));
  EXPECT_EQ(history_in(harness), "a[10,20)=once more");
}

TEST(VersionedTable, RemembersWhenARowWasDeleted) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", std::nullopt, 20);
  harness.pipe(kVersions, "b", std::nullopt, 20);
  EXPECT_THAT(harness.read(kChanges), ElementsAre(Text{"a", "v1", 10}, Text{"a", {}, 20}));
  harness.pipe(kVersions, "a", "v2", 15);
  harness.pipe(kVersions, "b", "v2", 15);
  EXPECT_THAT(harness.read(kChanges), IsEmpty());
  for (const std::string key : {"a", "b"}) {
    EXPECT_EQ(as_of(harness, key, 19), "v2@15");
    EXPECT_EQ(as_of(harness, key, 20), "none");
    EXPECT_EQ(latest(harness, key), "none");
  }
  EXPECT_EQ(as_of(harness, "a", 14), "v1@10");
  harness.pipe(kVersions, "a", "v3", 40);
  harness.pipe(kVersions, "a", std::nullopt, 30);  // between a deletion and a row
  harness.pipe(kVersions, "a", "v2b", 25);
  EXPECT_EQ(as_of(harness, "a", 29), "v2b@25");
  EXPECT_EQ(as_of(harness, "a", 30), "none");
}

TEST(VersionedTable, RemembersADeleteAtTheVeryTimeOfTheRow) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", std::nullopt, 10);
  harness.pipe(kVersions, "a", "v0", 5);
  EXPECT_THAT(harness.read(kChanges), ElementsAre(Text{"a", "v1", 10}, Text{"a", {}, 10}));
  EXPECT_EQ(as_of(harness, "a", 9), "v0@5");
  EXPECT_EQ(as_of(harness, "a", 10), "none");
}

TEST(VersionedTable, DropsWhatIsOlderThanItsHistory) {
  Harness harness(versioned(100ms));
  harness.pipe(kVersions, "a", "v1", 50);
  harness.pipe(kVersions, "b", "new", 200);
  harness.pipe(kVersions, "a", "too late", 99);
  EXPECT_EQ(harness.dropped("late"), 1);
  EXPECT_EQ(latest(harness, "a"), "v1@50") << "the latest version never expires";
  EXPECT_EQ(as_of(harness, "a", 60), "v1@50");
  harness.pipe(kVersions, "a", "just in time", 100);
  EXPECT_EQ(as_of(harness, "a", 99), "none") << "older than the history, and not the latest";
  EXPECT_EQ(as_of(harness, "a", 100), "just in time@100");
  harness.pipe_raw("inputs", std::nullopt, "x", 500);
  EXPECT_EQ(harness.dropped("null_key"), 1);
  harness.pipe(kVersions, "a", "v3", 150);
  EXPECT_EQ(latest(harness, "a"), "v3@150") << "a record without a key moves no time";
}

TEST(VersionedTable, LosesVersionsThatExpired) {
  Harness harness(versioned(80ms));
  for (int64_t i = 0; i <= 1'000; ++i) harness.pipe(kVersions, "a", "v", i);
  // 80 versions, an eighth more that waits, each with its entry in the order of ends, and marks.
  EXPECT_LE(harness.store("rows-history").size(), 2 * 91U + 3);
  EXPECT_EQ(as_of(harness, "a", 920), "v@920");
  EXPECT_EQ(as_of(harness, "a", 919), "none");
  harness.pipe(kVersions, "b", "v", 5'000);
  EXPECT_EQ(history_in(harness), "");
  EXPECT_EQ(latest(harness, "a"), "v@1000");
}

TEST(VersionedTable, KeepsNoVersionsWithAHistoryOf0) {
  Harness harness(versioned(0ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kVersions, "a", std::nullopt, 20);
  EXPECT_EQ(history_in(harness), "");
  EXPECT_EQ(as_of(harness, "a", 10), "none");
}

TEST(VersionedTable, NeedsAHistoryThatCanBe) {
  for (const auto history : {-1ms, std::chrono::milliseconds::max()}) {
    const Result<Topology> topology = versioned(history);
    ASSERT_FALSE(topology.ok());
    EXPECT_THAT(std::string(topology.message()), ::testing::HasSubstr("history of 'rows'"));
  }
}

/// Tables and aggregates behind it see what is the latest by time, and nothing else.
TEST(VersionedTable, HidesOlderRecordsFromJoinsAndAggregates) {
  constexpr Topic<std::string, std::string> kOthers{"others"};
  constexpr Topic<std::string, std::string> kJoined{"joined"};
  constexpr Topic<std::string, int64_t> kCounts{"counts"};
  Harness harness(versioned(100ms, [&](TopologyBuilder& builder, const auto& rows) {
    rows.join(builder.table(kOthers, {.name = "other-rows", .history = 100ms}),
              [](std::string_view row, std::string_view other) {
                return std::string(row) + "+" + std::string(other);
              })
        .to(kJoined);
    rows.group_by([](std::string_view row) { return std::string(row.substr(0, 1)); })
        .count("counts")
        .to(kCounts);
  }));
  harness.pipe(kVersions, "a", "v2", 20);
  harness.pipe(kOthers, "a", "o2", 20);
  harness.pipe(kVersions, "a", "w1", 10);
  harness.pipe(kOthers, "a", "o1", 10);
  EXPECT_THAT(harness.read(kJoined), ElementsAre(Text{"a", "v2+o2", 20}));
  using Count = testing::Out<std::string, int64_t>;
  EXPECT_THAT(harness.read(kCounts), ElementsAre(Count{"v", 1, 20}));
  harness.pipe(kVersions, "a", "w3", 30);
  EXPECT_THAT(harness.read(kJoined), ElementsAre(Text{"a", "w3+o2", 30}));
  EXPECT_THAT(harness.read(kCounts), ElementsAre(Count{"v", 0, 30}, Count{"w", 1, 30}));
}

struct Input {
  std::string key;
  std::optional<std::string> value;
  int64_t time_ms = 0;
};

/// Records of few keys, one of which continues another with a NUL, at few times.
std::vector<Input> random_inputs(std::mt19937& random, int64_t step_ms) {
  std::vector<Input> inputs;
  int64_t now_ms = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string key(1 + random() % 3, static_cast<char>(random() % 2));
    now_ms += static_cast<int64_t>(random() % 3) * step_ms;
    const int64_t back_ms = static_cast<int64_t>(random() % (random() % 4 == 0 ? 60 : 15));
    Input& input = inputs.emplace_back(Input{key, {}, std::max<int64_t>(0, now_ms - back_ms)});
    if (random() % 4 != 0) input.value = "v" + std::to_string(i);
  }
  return inputs;
}

TEST(VersionedTableWithRandomRecords, IsAsAListThatIsSearchedAndMoves) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const int64_t history_ms = std::vector<int64_t>{0, 7, 25, 10'000}[seed % 4];
    const std::vector<Input> inputs = random_inputs(random, 1 + seed % 3);
    testing::VersionsOracle oracle(history_ms);
    const auto topology = versioned(std::chrono::milliseconds(history_ms));
    auto harness = std::make_unique<Harness>(topology);
    int late = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " record " + std::to_string(i));
      const Input& input = inputs[i];
      harness->pipe(kVersions, input.key, input.value, input.time_ms);
      const auto change = oracle.put(input.key, input.value, input.time_ms);
      const auto changes = harness->read(kChanges);
      ASSERT_EQ(changes.size(), change ? 1U : 0U);
      if (change) {
        ASSERT_EQ(changes[0].value.value_or("null"), *change);
        ASSERT_EQ(changes[0].timestamp_ms, input.time_ms);
      }
      ASSERT_EQ(latest(*harness, input.key), oracle.latest(input.key));
      for (int ask = 0; ask < 3; ++ask) {
        const std::string& key = inputs[random() % inputs.size()].key;
        const int64_t back_ms = static_cast<int64_t>(random() % 50);
        const int64_t time_ms = std::max<int64_t>(0, oracle.time_ms() + 5 - back_ms);
        ASSERT_EQ(as_of(*harness, key, time_ms), oracle.as_of(key, time_ms)) << time_ms;
      }
      if (i % 41 != 40) continue;
      late += harness->dropped("late");
      auto moved = std::make_unique<Harness>(topology);
      testing::restore_versions(*harness, *moved);
      ASSERT_EQ(moved->store("rows-history"), harness->store("rows-history"));
      harness = std::move(moved);
    }
    EXPECT_EQ(late + harness->dropped("late"), oracle.late());
  }
}

TEST(VersionedTableOfAnotherProgram, KeepsWhatItFindsWithALongerHistory) {
  Harness before(versioned(10ms));
  for (int64_t i = 0; i <= 100; i += 5) before.pipe(kVersions, "a", "v", i);
  Harness after(versioned(50ms));
  testing::restore_versions(before, after);
  after.pipe(kVersions, "a", "w", 70);
  after.pipe(kVersions, "a", "v", 105);
  EXPECT_EQ(as_of(after, "a", 92), "v@90");
  EXPECT_EQ(as_of(after, "a", 72), "w@70");
  EXPECT_EQ(as_of(after, "a", 60), "none");
  after.pipe(kVersions, "b", "v", 1'000);
  EXPECT_EQ(history_in(after), "");
}

/// Rows of the changelog that others wrote are refused, or do no harm.
TEST(VersionedTable, TakesForgedRows) {
  using Key = operators::VersionKey<std::string>;
  using Row = operators::Version<std::string>;
  EXPECT_FALSE(Serde<Key>::validate(Bytes("short")).ok());
  EXPECT_FALSE(Serde<Key>::validate(Bytes(std::string(17, '\xff'))).ok());
  EXPECT_FALSE(Serde<Key>::validate(Bytes(std::string(17, '\0'))).ok()) << "ends too late";
  EXPECT_FALSE(Serde<Row>::validate(Bytes("")).ok());
  EXPECT_FALSE(Serde<Row>::validate(Bytes("v")).ok());
  EXPECT_FALSE(Serde<Row>::validate(Bytes(std::string("v\0", 2))).ok());
  EXPECT_TRUE(Serde<Row>::validate(Bytes(std::string("\0", 1))).ok());
  EXPECT_TRUE(Serde<Row>::validate(Bytes(std::string("\x01", 1))).ok());
  Harness harness(versioned(100ms));
  const std::string value = Harness::encoded<Row>(Bytes("forged"));
  for (const auto& [from_ms, to_ms] : {std::pair(0, 90), {5, 50}, {10, 10}, {20, 60}}) {
    const std::string key = Harness::encoded<Key>({Bytes("a"), from_ms, to_ms});
    harness.restore("rows-history", Bytes(key), Bytes(value), 0);
  }
  for (int64_t time_ms = 95; time_ms >= 0; --time_ms) {
    harness.pipe(kVersions, "a", "v", time_ms);
    EXPECT_NE(as_of(harness, "a", time_ms), "none");
  }
}

}  // namespace millrace::versioned_table_test
