// Joins of a stream with a versioned table in which records wait, step by step and beside a list.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operators/versioned/buffer_order.h"
#include "tests/unit/operators/versioned/versioned_steps.h"

namespace millrace::grace_join_test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kVersions;
using testing::versioned;
using Text = testing::Out<std::string, std::string>;
using std::chrono::milliseconds;

constexpr Topic<std::string, std::string> kEvents{"events"};
constexpr Topic<std::string, std::string> kOut{"out"};

std::string both(std::string_view event, Maybe<std::string> row) {
  return std::string(event) + "/" + (row ? std::string(*row) : "none");
}

Result<Topology> left_join(milliseconds history, milliseconds grace) {
  return versioned(history, [=](TopologyBuilder& builder, const auto& rows) {
    builder.stream(kEvents).left_join(rows, both, {.name = "join", .grace = grace}).to(kOut);
  });
}

std::unique_ptr<Harness> moved(const Harness& before, const Result<Topology>& topology) {
  auto after = std::make_unique<Harness>(topology);
  testing::restore_versions(before, *after);
  testing::restore(before, "join-buffer", &operators::buffered_rows_by_end(), *after);
  return after;
}

TEST(JoinWithGrace, WaitsUntilStreamTimeReachesTheTimeAndTheGrace) {
  Harness harness(left_join(100ms, 10ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kEvents, "a", "e1", 15);
  harness.pipe(kVersions, "a", "v2", 12);
  harness.pipe(kVersions, "a", "v3", 60);  // the table's time counts for nothing here
  harness.pipe(kEvents, "b", "e2", 24);
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  harness.pipe(kEvents, "b", "e3", 25);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e1/v2", 15}));
}

TEST(JoinWithGrace, JoinsInTheOrderOfTimesThenOfArrival) {
  Harness harness(left_join(100ms, 10ms));
  harness.pipe(kEvents, "z", "1", 20);
  harness.pipe(kEvents, "b", "2", 18);
  harness.pipe(kEvents, "a", "3", 20);
  harness.pipe(kEvents, "z", "4", 20);
  harness.pipe(kEvents, "c", "5", 100);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"b", "2/none", 18}, Text{"z", "1/none", 20},
                                              Text{"a", "3/none", 20}, Text{"z", "4/none", 20}));
}

TEST(JoinWithGrace, LetsNoRecordWaitThatIsLate) {
  Harness harness(left_join(100ms, 10ms));
  harness.pipe(kVersions, "a", "v", 5);
  harness.pipe(kEvents, "b", "e", 40);
  for (const int64_t time_ms : {29, 30, 31}) harness.pipe(kEvents, "a", "e", time_ms);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v", 29}, Text{"a", "e/v", 30}));
  EXPECT_EQ(harness.dropped("late"), 0);
  harness.pipe(kEvents, "b", "e", 41);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/v", 31}));
}

TEST(JoinWithGrace, FindsNoRowThatTheHistoryLost) {
  Harness harness(left_join(20ms, 20ms));
  harness.pipe(kVersions, "a", "v1", 10);
  harness.pipe(kEvents, "a", "e", 10);
  harness.pipe(kVersions, "a", "v2", 31);
  harness.pipe(kEvents, "a", "e", 30);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "e/none", 10}));
}

TEST(JoinWithGrace, JoinsAtOnceWithAGraceOf0) {
  Harness harness(left_join(100ms, 0ms));
  harness.pipe(kVersions, "a", "v1", 10);
  for (const int64_t time_ms : {10, 20, 9}) harness.pipe(kEvents, "a", "e", time_ms);
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"a", "e/v1", 10}, Text{"a", "e/v1", 20}, Text{"a", "e/none", 9}));
}

TEST(JoinWithGrace, DropsNullsButALeftJoinKeepsRecordsWithoutAKey) {
  Harness left(left_join(100ms, 10ms));
  Harness inner(versioned(100ms, [](TopologyBuilder& builder, const auto& rows) {
    builder.stream(kEvents).join(rows, both, {.name = "join", .grace = 10ms}).to(kOut);
  }));
  for (Harness* harness : {&left, &inner}) {
    harness->pipe(kEvents, "a", "e", 10);
    harness->pipe(kEvents, "a", std::nullopt, 500);
    harness->pipe_raw("events", std::nullopt, "e", 600);
    EXPECT_EQ(harness->dropped("null_value"), 1);
  }
  EXPECT_THAT(left.read(kOut), ElementsAre(Text{{}, "e/none", 600}));
  EXPECT_EQ(inner.dropped("null_key"), 1);
  left.pipe(kEvents, "a", "e", 20);
  EXPECT_THAT(left.read(kOut), ElementsAre(Text{"a", "e/none", 10}));
  inner.pipe(kEvents, "a", "e", 20);
  EXPECT_THAT(inner.read(kOut), IsEmpty()) << "an inner join has no record without a row";
}

TEST(JoinWithGrace, KeepsHeaders) {
  Harness harness(left_join(100ms, 10ms));
  harness.pipe_raw("events", "a", "", 5,
                   {{"first", Bytes("1")}, {"null", Bytes()}, {"empty", Bytes("")}});
  const auto topology = left_join(100ms, 10ms);
  const auto after = moved(harness, topology);
  after->pipe(kEvents, "b", "e", 15);
  const auto out = after->read_raw("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].value, "/none");
  ASSERT_EQ(out[0].headers.size(), 3U);
  EXPECT_EQ(out[0].headers[0], (std::pair<std::string, std::string>("first", "1")));
  EXPECT_EQ(out[0].headers[1].first, "null");
  EXPECT_EQ(out[0].headers[2].first, "empty");
}

TEST(JoinWithGrace, ReleasesManyRecordsInTurn) {
  Harness harness(left_join(100ms, 10ms));
  for (int i = 0; i < 1'200; ++i) harness.pipe(kEvents, "a", std::to_string(i), 5);
  harness.pipe(kEvents, "a", "e", 100);
  std::vector<Text> all;
  for (int64_t turn = 1; turn <= 4; ++turn) {
    const auto some = harness.read(kOut);
    EXPECT_LE(some.size(), 600U);
    all.insert(all.end(), some.begin(), some.end());
    harness.punctuate(TimeKind::kWall, turn * 100);
  }
  ASSERT_EQ(all.size(), 1'200U);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].value, std::to_string(i) + "/none");
}

std::string fault_of(const Result<Topology>& topology) {
  return topology.ok() ? "none" : std::string(topology.message());
}

TEST(JoinWithGrace, NeedsAVersionedTableAndTakesNoOtherJoin) {
  EXPECT_THAT(fault_of(left_join(100ms, -1ms)), HasSubstr("grace of join 'join' needs at least 0"));
  EXPECT_THAT(fault_of(left_join(100ms, 101ms)), HasSubstr("longer than the history"));
  EXPECT_EQ(fault_of(left_join(100ms, 100ms)), "none");
  TopologyBuilder builder{"test"};
  const auto table = builder.table(kVersions);
  builder.stream(kEvents).left_join(table, both, {.name = "plain", .grace = 1ms}).to(kOut);
  const auto other = builder.table(kEvents, {.name = "other", .history = 1s});
  other
      .join(table, [](std::string_view a, std::string_view) { return std::string(a); },
            {.name = "tables", .grace = 1ms})
      .to(kOut);
  builder.stream(kEvents)
      .join(builder.stream(kVersions),
            [](std::string_view a, std::string_view) { return std::string(a); },
            JoinWindows::of_time_difference(1ms), {.name = "streams", .grace = 1ms})
      .to(kOut);
  const std::string faults = fault_of(std::move(builder).build());
  EXPECT_THAT(faults, HasSubstr("grace of join 'plain' needs a versioned table"));
  EXPECT_THAT(faults, HasSubstr("grace of join 'tables' is none of its options"));
  EXPECT_THAT(faults, HasSubstr("grace of join 'streams' is none of its options"));
}

struct Event {
  std::string key;
  std::string value;
  int64_t time_ms = 0;
};

/// Emits of the events that wait those whose time has come, joined by the list of all
/// versions; of equal times in the order of their arrival.
class GraceOracle {
 public:
  GraceOracle(const testing::VersionsOracle& rows, int64_t grace_ms)
      : rows_(rows), grace_ms_(grace_ms) {}

  std::vector<Text> put(Event event) {
    time_ms_ = std::max(time_ms_, event.time_ms);
    waiting_.push_back(std::move(event));
    std::stable_sort(waiting_.begin(), waiting_.end(),
                     [](const Event& a, const Event& b) { return a.time_ms < b.time_ms; });
    std::vector<Text> joined;
    while (!waiting_.empty() && waiting_.front().time_ms + grace_ms_ <= time_ms_) {
      const Event& due = waiting_.front();
      std::string row = rows_.as_of(due.key, due.time_ms);
      row = row.substr(0, row.find('@'));
      joined.push_back({due.key, due.value + "/" + row, due.time_ms});
      waiting_.erase(waiting_.begin());
    }
    return joined;
  }

 private:
  const testing::VersionsOracle& rows_;
  int64_t grace_ms_;
  int64_t time_ms_ = -1;
  std::vector<Event> waiting_;
};

TEST(JoinWithGraceOfRandomRecords, IsAsAListThatIsSearchedAndMoves) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const int64_t history_ms = 20 + static_cast<int64_t>(random() % 40);
    const int64_t grace_ms = std::vector<int64_t>{0, 5, 20}[seed % 3];
    const auto topology = left_join(milliseconds(history_ms), milliseconds(grace_ms));
    testing::VersionsOracle rows(history_ms);
    GraceOracle oracle(rows, grace_ms);
    auto harness = std::make_unique<Harness>(topology);
    size_t results = 0;
    int64_t now_ms = 0;
    for (int i = 0; i < 400; ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " record " + std::to_string(i));
      now_ms += static_cast<int64_t>(random() % 3);
      const std::string key(1 + random() % 3, static_cast<char>(random() % 2));
      const int64_t time_ms = std::max<int64_t>(0, now_ms - static_cast<int64_t>(random() % 25));
      const std::string value = std::to_string(i);
      if (random() % 2 == 0) {
        harness->pipe(kVersions, key, value, time_ms);
        rows.put(key, value, time_ms);
      } else {
        harness->pipe(kEvents, key, value, time_ms);
        const std::vector<Text> expected = oracle.put({key, value, time_ms});
        ASSERT_EQ(harness->read(kOut), expected);
        results += expected.size();
      }
      if (i % 43 == 42) harness = moved(*harness, topology);
    }
    EXPECT_GT(results, 100U);
  }
}

/// Rows of the changelog that others wrote are refused, or do no harm.
TEST(JoinWithGrace, TakesForgedRows) {
  using Key = operators::BufferedKey<std::string>;
  using Row = operators::BufferedRecord<std::string>;
  EXPECT_FALSE(Serde<Key>::validate(Bytes("short")).ok());
  EXPECT_FALSE(Serde<Key>::validate(Bytes(std::string(25, '\xff'))).ok());
  Record record;
  record.value = "value";
  const std::vector<Header> headers{{"name", Bytes("x")}, {"null", Bytes()}};
  record.headers = headers;
  std::string row;
  Serde<Row>::encode(record, row);
  EXPECT_TRUE(Serde<Row>::validate(Bytes(row)).ok());
  const std::vector<size_t> whole{8 + 5, 8 + 5 + 8 + 4 + 8 + 1};  // without headers, and with one
  for (size_t size = 0; size < row.size(); ++size) {
    const bool is_whole = std::find(whole.begin(), whole.end(), size) != whole.end();
    EXPECT_EQ(Serde<Row>::validate(Bytes(row.data(), size)).ok(), is_whole) << size;
  }
  Harness harness(left_join(100ms, 10ms));
  const std::string key = Harness::encoded<Key>({Bytes("a"), 50, 55, 7});
  harness.restore("join-buffer", Bytes(key), Bytes(row), 0);
  operators::buffered_rows_by_end().derive(Bytes(key), Bytes(row), [&](Bytes own, Bytes value) {
    harness.restore("join-buffer", own, value, 0);
  });
  harness.pipe(kEvents, "b", "e", 60);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "value/none", 50}));
}

}  // namespace millrace::grace_join_test
