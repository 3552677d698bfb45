// Joins of two streams, step by step.
#include <algorithm>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"

#include "tests/unit/operators/stream_joins/join_steps.h"

namespace millrace::stream_joins_test {

using namespace std::chrono_literals;
using operators::JoinKind;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using testing::joined;
using testing::kJoined;
using testing::kLefts;
using testing::kRights;
using ::testing::Pair;
using testing::read_joined;
using testing::records_in;
using testing::steps;

JoinWindows within(std::chrono::milliseconds difference) {
  return JoinWindows::of_time_difference(difference);
}

TEST(StreamJoin, JoinsAKeysRecordsWithinTheDifferenceWhicheverComesFirst) {
  Harness harness(joined(JoinKind::kInner, within(10ms).grace(1s)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"r", "a", 11, 110, "a:1+11@110"},
                  {"r", "a", 12, 111, ""},
                  {"r", "b", 13, 100, ""},
                  {"l", "a", 2, 105, "a:2+11@110 a:2+12@111"},
                  {"l", "a", 3, 90, ""},
                  {"r", "a", 14, 90, "a:3+14@90 a:1+14@100"}});
}

TEST(StreamJoin, HasBoundsOfItsOwnBeforeAndAfterTheLeftRecord) {
  Harness harness(joined(JoinKind::kInner, within(0ms).before(5ms).after(20ms).grace(1s)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"r", "a", 11, 94, ""},
                  {"r", "a", 12, 95, "a:1+12@100"},
                  {"r", "a", 13, 120, "a:1+13@120"},
                  {"r", "a", 14, 121, ""},
                  {"r", "b", 15, 200, ""},
                  {"l", "b", 2, 180, "b:2+15@200"},
                  {"l", "b", 3, 205, "b:3+15@205"},
                  {"l", "b", 4, 206, ""},
                  {"l", "b", 5, 179, ""}});
}

TEST(StreamJoin, MayHaveItsWindowBehindOrAheadOfTheLeftRecord) {
  Harness ahead(joined(JoinKind::kInner, within(10ms).before(-5ms)));
  steps(ahead, {{"l", "a", 1, 100, ""},
                {"r", "a", 11, 104, ""},
                {"r", "a", 12, 105, "a:1+12@105"},
                {"r", "a", 13, 110, "a:1+13@110"},
                {"r", "a", 14, 111, ""}});
  Harness behind(joined(JoinKind::kLeft, within(10ms).after(-5ms)));
  steps(behind, {{"r", "a", 11, 95, ""},
                 {"l", "a", 1, 100, "a:1+11@100"},
                 {"l", "a", 2, 104, "a:2+11@104"},
                 {"l", "a", 3, 106, ""},
                 {"l", "b", 4, 107, "a:3+-@106"}});
}

TEST(StreamJoin, KeepsRecordsOfOneKeyAndTimeApart) {
  Harness harness(joined(JoinKind::kInner, within(10ms)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"l", "a", 2, 100, ""},
                  {"l", "a", 1, 100, ""},
                  {"r", "a", 11, 100, "a:1+11@100 a:2+11@100 a:1+11@100"},
                  {"r", "a", 11, 100, "a:1+11@100 a:2+11@100 a:1+11@100"}});
  EXPECT_EQ(records_in(harness, "join"), "a>100 a>100 a<100 a<100 a<100");
}

TEST(StreamJoin, KeepsKeysApartOfWhichOneContinuesTheOther) {
  Harness harness(joined(JoinKind::kInner, within(10ms)));
  const std::string longer("a\2\0", 3);
  const std::string longest("a\1\0\2\0", 5);
  steps(harness, {{"l", longer, 1, 100, ""},
                  {"l", "a", 2, 101, ""},
                  {"l", longest, 3, 100, ""},
                  {"r", "a", 11, 102, "a:2+11@102"}});
}

TEST(StreamLeftJoin, EmitsARecordThatJoinedNoneOnceWhenItsWindowCloses) {
  Harness harness(joined(JoinKind::kLeft, within(10ms).grace(5ms)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"l", "b", 2, 100, ""},
                  {"r", "a", 11, 105, "a:1+11@105"},
                  {"r", "c", 12, 115, ""},            // 100 + 10 >= 115 − 5
                  {"r", "c", 13, 116, "b:2+-@100"},   // c has no left record
                  {"l", "b", 3, 101, ""},             // in its grace
                  {"r", "b", 14, 106, "b:3+14@106"},  // not with 2, which is out
                  {"r", "c", 15, 300, ""},
                  {"r", "c", 16, 301, ""}});
  EXPECT_EQ(records_in(harness, "join"), "c>300 c>301");
}

TEST(StreamLeftJoin, EmitsThoughTheOtherSideStandsStill) {
  Harness harness(joined(JoinKind::kLeft, within(10ms)));
  steps(harness, {{"l", "a", 1, 100, ""}, {"l", "b", 2, 110, ""}, {"l", "b", 3, 111, "a:1+-@100"}});
}

TEST(StreamLeftJoin, LeavesOutARecordTooFarAheadOfBothSides) {
  Harness harness(joined(JoinKind::kLeft, within(10ms).max_ahead(100ms)));
  steps(harness, {{"l", "a", 1, 5'000, ""},
                  {"r", "b", 11, 5'101, ""},
                  {"r", "a", 12, 5'010, "a:1+12@5010"},
                  {"l", "b", 2, 5'110, ""},
                  {"r", "b", 13, 5'110, "b:2+13@5110"}});
  EXPECT_EQ(harness.dropped("too_far_ahead"), 1);
}

TEST(StreamLeftJoin, JoinsRecordsWhileBothTheirWindowsAreOpen) {
  Harness harness(joined(JoinKind::kLeft, within(10ms)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"l", "b", 2, 111, "a:1+-@100"},
                  {"r", "a", 11, 105, ""},  // its own window is open, that of 1 is not
                  {"l", "a", 3, 112, "a:3+11@112"}});
}

TEST(StreamJoin, JoinsWithNoRecordWhoseWindowClosed) {
  Harness harness(joined(JoinKind::kInner, within(10ms)));
  steps(harness, {{"l", "a", 1, 100, ""}, {"l", "b", 2, 111, ""}, {"r", "a", 11, 105, ""}});
}

TEST(StreamJoin, CountsRecordsWhoseWindowIsClosedAsLate) {
  Harness harness(joined(JoinKind::kOuter, within(10ms).after(20ms).grace(5ms)));
  steps(harness, {{"l", "a", 1, 200, ""},
                  {"l", "b", 2, 175, ""},   // 175 + 20 >= 200 − 5
                  {"l", "b", 3, 174, ""},   // late
                  {"r", "c", 11, 185, ""},  // 185 + 10 >= 200 − 5
                  {"r", "c", 12, 184, ""}});
  EXPECT_EQ(harness.dropped("late"), 2);
  EXPECT_EQ(records_in(harness, "join"), "a<200 b<175 c>185");
}

TEST(StreamOuterJoin, EmitsBothSidesInTheOrderOfTimesSidesAndKeys) {
  Harness harness(joined(JoinKind::kOuter, within(10ms)));
  steps(harness, {{"l", "b", 1, 100, ""},
                  {"r", "a", 11, 100, ""},
                  {"l", "c", 2, 99, ""},
                  {"r", "d", 12, 99, ""},
                  {"r", "e", 13, 105, ""},
                  {"l", "e", 3, 106, "e:3+13@106"},
                  {"l", "z", 4, 111, "d:-+12@99 c:2+-@99 a:-+11@100 b:1+-@100"},
                  {"l", "z", 5, 200, "z:4+-@111"}});
}

TEST(StreamOuterJoin, EmitsInTheOrderInWhichWindowsEnd) {
  Harness harness(joined(JoinKind::kOuter, within(0ms).before(5ms).after(20ms)));
  steps(harness, {{"l", "a", 1, 100, ""},
                  {"r", "b", 11, 110, ""},
                  {"r", "z", 12, 121, "b:-+11@110 a:1+-@100"}});
}

TEST(StreamOuterJoin, EmitsAThousandRecordsInPartsWhichThenGo) {
  Harness harness(joined(JoinKind::kOuter, within(10ms)));
  for (int i = 0; i < 1200; ++i) harness.pipe(kLefts, std::to_string(i), 1, 3);
  harness.pipe(kLefts, "x", 1, 20);
  const size_t at_once = harness.read(kJoined).size();
  EXPECT_LT(at_once, 1200U);
  for (int64_t now_ms = 1'000; now_ms <= 6'000; now_ms += 1'000) {
    harness.punctuate(TimeKind::kWall, now_ms);
  }
  EXPECT_EQ(at_once + harness.read(kJoined).size(), 1200U);
  EXPECT_EQ(records_in(harness, "join"), "x<20");
}

TEST(StreamJoin, LetsRecordsGoWithTheirWindowsInBatches) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kOuter}) {
    Harness harness(joined(kind, within(10ms).grace(20ms)));
    size_t most = 0;
    for (int64_t i = 0; i < 3'000; ++i) {
      testing::pipe(harness, {i % 2 == 0 ? "l" : "r", "k" + std::to_string(i % 7), 1, i, ""});
      most = std::max(most, harness.store("join").size());
    }
    // A record a ms for 30 ms and an eighth of 40 more, each with two rows, and time and marks.
    EXPECT_LE(most, 2U * (31U + 5U) + 6U);
  }
}

TEST(StreamJoin, DropsNullKeysAndNullValuesWhichMoveNoTime) {
  Harness harness(joined(JoinKind::kInner, within(10ms)));
  harness.pipe(kLefts, "a", std::nullopt, 1'000);
  harness.pipe(kRights, "a", std::nullopt, 1'000);
  harness.pipe_raw(kLefts.name, std::nullopt, Harness::encoded<int64_t>(1), 1'000);
  harness.pipe_raw(kRights.name, std::nullopt, "1", 1'000);
  EXPECT_EQ(harness.dropped("null_value"), 2);
  EXPECT_EQ(harness.dropped("null_key"), 2);
  steps(harness, {{"l", "a", 1, 100, ""}, {"r", "a", 11, 100, "a:1+11@100"}});
}

TEST(StreamJoin, EmitsNullKeysOfOuterSidesAtOnceWhereTheFunctionTakesThem) {
  const auto pipe_nulls = [](Harness& harness) {
    harness.pipe_raw(kLefts.name, std::nullopt, Harness::encoded<int64_t>(1), 1'000);
    harness.pipe_raw(kRights.name, std::nullopt, "11", 1'000);
  };
  Harness left(joined(JoinKind::kLeft, within(10ms)));
  pipe_nulls(left);
  EXPECT_EQ(read_joined(left), "null:1+-@1000");
  EXPECT_EQ(left.dropped("null_key"), 1);
  steps(left, {{"l", "a", 1, 100, ""}, {"r", "a", 11, 100, "a:1+11@100"}});
  Harness outer(joined(JoinKind::kOuter, within(10ms)));
  pipe_nulls(outer);
  EXPECT_EQ(read_joined(outer), "null:1+-@1000 null:-+11@1000");
  TopologyBuilder builder{"test"};
  builder.stream(kLefts)
      .outer_join(
          builder.stream(kRights),
          [](std::string_view key, Maybe<int64_t>, Maybe<std::string>) { return key; },
          within(10ms))
      .to(kJoined);
  Harness keyed(std::move(builder).build());
  pipe_nulls(keyed);
  EXPECT_EQ(read_joined(keyed), "");
  EXPECT_EQ(keyed.dropped("null_key"), 2);
}

TEST(StreamJoin, JoinsAStreamWithItselfAndEachRecordWithItself) {
  TopologyBuilder builder{"test"};
  const auto lefts = builder.stream(kLefts);
  constexpr Topic<std::string, int64_t> kPairs{"pairs"};
  lefts
      .join(
          lefts, [](int64_t left, int64_t right) { return left * 10 + right; }, within(10ms))
      .to(kPairs);
  Harness harness(std::move(builder).build());
  const auto pairs_of = [&](int64_t value, int64_t timestamp_ms) {
    harness.pipe(kLefts, "a", value, timestamp_ms);
    std::vector<int64_t> pairs;
    for (const auto& pair : harness.read(kPairs)) pairs.push_back(*pair.value);
    return pairs;
  };
  EXPECT_THAT(pairs_of(1, 100), ElementsAre(11));
  EXPECT_THAT(pairs_of(2, 105), ElementsAre(21, 12, 22));
  EXPECT_THAT(pairs_of(3, 200), ElementsAre(33));
}

TEST(StreamJoin, HasTheHeadersOfTheRecordThatJoins) {
  Harness harness(joined(JoinKind::kLeft, within(10ms)));
  const auto pipe_left = [&](int64_t timestamp_ms) {
    harness.pipe_raw(kLefts.name, "a", Harness::encoded<int64_t>(1), timestamp_ms,
                     {{"of", Bytes("left")}});
  };
  pipe_left(100);
  harness.pipe_raw(kRights.name, "a", "11", 100, {{"of", Bytes("right")}});
  const auto pair = harness.read_raw(kJoined.name);
  ASSERT_EQ(pair.size(), 1U);
  EXPECT_THAT(pair[0].headers, ElementsAre(Pair("of", "right")));
  pipe_left(200);
  pipe_left(300);
  const auto alone = harness.read_raw(kJoined.name);
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_TRUE(alone[0].headers.empty());
}

TEST(StreamJoin, GivesBothValuesWithoutAFunction) {
  TopologyBuilder builder{"test"};
  builder.stream(kLefts)
      .join(builder.stream(kRights), within(10ms))
      .map_values([](const ViewOf<Joined<int64_t, std::string>>& both) {
        return std::to_string(both.left) + "+" + std::string(both.right);
      })
      .to(kJoined);
  Harness harness(std::move(builder).build());
  steps(harness, {{"r", "a", 11, 100, ""}, {"l", "a", 1, 101, "a:1+11@101"}});
}

std::vector<std::string> exchanges_of(Result<Topology> topology) {
  std::vector<std::string> names;
  if (!topology.ok()) return {topology.message()};
  for (const Node& node : topology.value().nodes()) {
    if (node.kind == NodeKind::kExchange) names.push_back(node.topic.name);
  }
  return names;
}

TEST(StreamJoin, PutsAnExchangeBeforeEachSideWhoseKeysChanged) {
  const auto by_value = [](int64_t value) { return std::to_string(value); };
  TopologyBuilder builder{"test"};
  const auto lefts = builder.stream(kLefts).key_by(by_value);
  const auto rights = builder.stream(kRights);
  const auto by_text = rights.key_by([](std::string_view text) { return text; });
  lefts.join(rights, testing::both, within(10ms)).to(kJoined);
  lefts.join(by_text, testing::both, within(10ms), {.name = "both"}).to(kJoined);
  lefts.join(lefts, [](int64_t a, int64_t) { return a; }, within(10ms), {.name = "self"})
      .foreach ([](int64_t) {});
  EXPECT_THAT(exchanges_of(std::move(builder).build()),
              ElementsAre("lefts-join-rights-left", "both-left", "both-right", "self"));
}

TEST(StreamJoin, RefusesTimesThatNoWindowHas) {
  Harness harness(joined(JoinKind::kInner, within(10ms)));
  EXPECT_THROW(harness.pipe(kLefts, "a", 1, -5), InvalidRecord);
  EXPECT_THROW(harness.pipe(kLefts, "a", 1, INT64_MAX), InvalidRecord);
  steps(harness, {{"l", "a", 1, kEventTimeMaxMs, ""},
                  {"r", "a", 11, kEventTimeMaxMs, "a:1+11@" + std::to_string(kEventTimeMaxMs)}});
}

TEST(StreamJoin, RefusesWrongWindows) {
  const auto fault = [](const JoinWindows& windows) -> std::string {
    const auto made = joined(JoinKind::kInner, windows);
    return made.ok() ? "none" : made.message();
  };
  EXPECT_EQ(fault(within(0ms)), "none");
  EXPECT_EQ(fault(within(10ms).before(-10ms)), "none");
  EXPECT_THAT(fault(within(10ms).before(-11ms)),
              HasSubstr("the windows of 'join' end before they begin: -11 ms before and 10 ms"));
  EXPECT_THAT(fault(within(-1ms)), HasSubstr("end before they begin"));
  EXPECT_THAT(fault(within(10ms).max_ahead(-1ms)), HasSubstr("be ahead of stream time by 1 ms"));
  EXPECT_THAT(fault(within(10ms).grace(-1ms)), HasSubstr("negative grace"));
  EXPECT_THAT(fault(within(std::chrono::milliseconds(INT64_MAX))), HasSubstr("too long"));
  EXPECT_THAT(fault(within(0ms).before(std::chrono::milliseconds(INT64_MIN))),
              HasSubstr("too long"));
}

}  // namespace millrace::stream_joins_test
