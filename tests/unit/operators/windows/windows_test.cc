#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"

#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::windows_test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using testing::kIn;
using testing::kWindowed;
using testing::Step;
using testing::steps;
using testing::topology;

auto count_by(const TimeWindows& windows) {
  return topology(
      [&](const auto& in) { in.group_by_key().windowed_by(windows).count("n").to(kWindowed); });
}

auto final_count_by(const TimeWindows& windows) {
  return topology([&](const auto& in) {
    in.group_by_key().windowed_by(windows).emit_final().count("n").to(kWindowed);
  });
}

TEST(TimeWindows, TumbleByMultiplesOfTheirSize) {
  Harness harness(count_by(TimeWindows::of(10ms)));
  steps(harness, {{"a", 1, 0, "a[0,10)=1@0"},
                  {"a", 1, 9, "a[0,10)=2@9"},
                  {"b", 1, 9, "b[0,10)=1@9"},
                  {"a", 1, 10, "a[10,20)=1@10"},
                  {"a", 1, 25, "a[20,30)=1@25"}});
}

TEST(TimeWindows, HopByTheirAdvanceFromTheEarliestOn) {
  Harness harness(count_by(TimeWindows::of(10ms).advance_by(4ms)));
  steps(harness, {{"a", 1, 3, "a[0,10)=1@3"},
                  {"a", 1, 9, "a[0,10)=2@9 a[4,14)=1@9 a[8,18)=1@9"},
                  {"a", 1, 10, "a[4,14)=2@10 a[8,18)=2@10"},
                  {"a", 1, 12, "a[4,14)=3@12 a[8,18)=3@12 a[12,22)=1@12"}});
}

TEST(TimeWindows, HaveTheLargestTimestampOfTheirRecords) {
  Harness harness(count_by(TimeWindows::of(10ms)));
  steps(harness, {{"a", 1, 7, "a[0,10)=1@7"}, {"a", 1, 3, "a[0,10)=2@7"}});
}

TEST(TimeWindows, CloseWhenTheTimeOfAnyKeyReachesEndAndGrace) {
  Harness harness(count_by(TimeWindows::of(10ms).grace(5ms)));
  steps(harness, {{"a", 1, 3, "a[0,10)=1@3"},
                  {"b", 1, 14, "b[10,20)=1@14"},
                  {"a", 1, 4, "a[0,10)=2@4"},  // 10 > 14 − 5
                  {"b", 1, 15, "b[10,20)=2@15"},
                  {"a", 1, 5, ""},  // 10 <= 15 − 5
                  {"a", 1, 12, "a[10,20)=1@12"}});
  EXPECT_EQ(harness.dropped("late"), 1);
}

TEST(TimeWindows, LeaveALateRecordOutOfItsClosedWindowsOnly) {
  Harness harness(count_by(TimeWindows::of(10ms).advance_by(5ms)));
  steps(harness, {{"a", 1, 12, "a[5,15)=1@12 a[10,20)=1@12"}, {"a", 1, 7, "a[5,15)=2@12"}});
  EXPECT_EQ(harness.dropped("late"), 1) << "one record, though it lost one window of two";
}

TEST(TimeWindows, DropNullKeysAndNullValuesWhichMoveNoTime) {
  Harness harness(count_by(TimeWindows::of(10ms)));
  harness.pipe(kIn, "a", std::nullopt, 100);
  harness.pipe_raw("in", std::nullopt, Harness::encoded<int64_t>(1), 100);
  EXPECT_EQ(harness.dropped("null_value"), 1);
  EXPECT_EQ(harness.dropped("null_key"), 1);
  steps(harness, {{"a", 1, 3, "a[0,10)=1@3"}});
}

TEST(TimeWindows, ReduceAndAggregate) {
  const auto larger = [](int64_t a, int64_t b) { return std::max(a, b); };
  Harness reduced(topology([&](const auto& in) {
    in.group_by_key().windowed_by(TimeWindows::of(10ms)).reduce("largest", larger).to(kWindowed);
  }));
  steps(reduced, {{"a", 3, 1, "a[0,10)=3@1"}, {"a", 2, 2, "a[0,10)=3@2"}});
  const auto add = [](int64_t value, int64_t sum) -> std::optional<int64_t> {
    if (value == 0) return std::nullopt;
    return sum + value;
  };
  Harness summed(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(TimeWindows::of(10ms))
        .aggregate("sums", int64_t{100}, add)
        .to(kWindowed);
  }));
  steps(summed, {{"a", 3, 1, "a[0,10)=103@1"},
                 {"a", 2, 2, "a[0,10)=105@2"},
                 {"a", 0, 3, "a[0,10)=null@3"},
                 {"a", 0, 4, ""},
                 {"a", 1, 5, "a[0,10)=101@5"}});
  EXPECT_EQ(testing::windows_in(summed, "sums"), "a[0,10)");
}

TEST(TimeWindows, GiveOldAndNewValuesToATableBehind) {
  Harness harness(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(TimeWindows::of(10ms))
        .count("n")
        .map_values([](int64_t count) { return count * 10; })
        .filter([](int64_t count) { return count != 20; })
        .to(kWindowed);
  }));
  steps(harness,
        {{"a", 1, 1, "a[0,10)=10@1"}, {"a", 1, 2, "a[0,10)=null@2"}, {"a", 1, 3, "a[0,10)=30@3"}});
}

TEST(TimeWindows, EmitFinalResultsOnceInTheOrderOfEndsAndKeys) {
  Harness harness(final_count_by(TimeWindows::of(10ms).advance_by(5ms).grace(2ms)));
  steps(harness, {{"b", 1, 3, ""},
                  {"a", 1, 7, ""},
                  {"ab", 1, 3, ""},
                  {"a", 1, 11, ""},
                  {"b", 1, 12, "a[0,10)=1@7 ab[0,10)=1@3 b[0,10)=1@3"},
                  {"b", 1, 1, ""},
                  {"b", 1, 17, "a[5,15)=2@11 b[5,15)=1@12"},
                  {"c", 1, 100, "a[10,20)=1@11 b[10,20)=2@17 b[15,25)=1@17"},
                  {"c", 1, 101, ""}});
  EXPECT_EQ(harness.dropped("late"), 1);
  EXPECT_EQ(testing::windows_in(harness, "n"), "c[95,105) c[100,110)");
}

TEST(TimeWindows, KeepFinalResultsForTheRetention) {
  Harness harness(final_count_by(TimeWindows::of(10ms).retention(80ms)));
  steps(harness, {{"a", 1, 3, ""}, {"a", 1, 12, "a[0,10)=1@3"}, {"b", 1, 79, "a[10,20)=1@12"}});
  EXPECT_EQ(testing::windows_in(harness, "n"), "a[0,10) a[10,20) b[70,80)");
  steps(harness, {{"b", 1, 175, "b[70,80)=1@79"}, {"b", 1, 176, ""}});
  EXPECT_EQ(testing::windows_in(harness, "n"), "b[170,180)");
}

TEST(TimeWindows, EmitAThousandFinalResultsInParts) {
  Harness harness(final_count_by(TimeWindows::of(10ms)));
  for (int i = 0; i < 1200; ++i) harness.pipe(kIn, std::to_string(i), 1, 3);
  harness.pipe(kIn, "x", 1, 20);
  const size_t at_once = harness.read(kWindowed).size();
  EXPECT_LT(at_once, 1200U);
  harness.punctuate(TimeKind::kWall, 1'000);
  harness.punctuate(TimeKind::kWall, 2'000);
  EXPECT_EQ(at_once + harness.read(kWindowed).size(), 1200U);
  harness.punctuate(TimeKind::kWall, 3'000);
  EXPECT_TRUE(harness.read(kWindowed).empty());
  EXPECT_EQ(testing::windows_in(harness, "n"), "x[20,30)");
}

TEST(TimeWindows, LetExpiredRowsGoInBatchesWithoutAWord) {
  Harness harness(count_by(TimeWindows::of(10ms).grace(70ms)));
  size_t most = 0;
  for (int64_t i = 0; i < 3'000; ++i) {
    harness.pipe(kIn, "k" + std::to_string(i % 7), 1, i);
    most = std::max(most, harness.store("n").size());
  }
  for (const auto& record : harness.read(kWindowed)) EXPECT_TRUE(record.value);
  // Nine or ten windows of seven keys and an eighth more, each with two rows, and two marks.
  EXPECT_LE(most, 12U * 7U * 2U + 2U);
}

TEST(TimeWindows, SortByKeyThenTimeAndBelongToTheKeysPartition) {
  const auto row = [](const std::string& key, int64_t start_ms) {
    return Harness::encoded<Windowed<std::string>>({key, start_ms, start_ms + 10});
  };
  EXPECT_LT(row("a", 5), row("a", 6));
  EXPECT_LT(row("a", 1'000'000), row("ab", 1));
  EXPECT_LT(row("a", 1), row("b", 0));
  EXPECT_EQ(type_info<Windowed<std::string>>().partition_key(Bytes(row("ab", 7))).view(), "ab");
  EXPECT_FALSE(Serde<Windowed<std::string>>::validate(Bytes("short")).ok());
  std::string json;
  ASSERT_TRUE(Serde<Windowed<std::string>>::write_json(Bytes(row("a", 5)), json).ok());
  EXPECT_EQ(json, R"({"key":"a","start_ms":5,"end_ms":15})");
}

TEST(TimeWindows, AreReadByAProcessorByKeyAndTime) {
  constexpr Topic<std::string, int64_t> kStarts{"starts"};
  Harness harness(topology([&](const auto& in) {
    in.group_by_key().windowed_by(TimeWindows::of(10ms).grace(1s)).count("n").to(kWindowed);
    in.template process<std::string, int64_t>(
          "reader",
          [](std::string_view key, int64_t, Emit<std::string, int64_t>& emit) {
            using Key = Windowed<std::string>;
            TypedStore<Key, int64_t> rows(emit.context().store("n"));
            const std::string of(key);
            for (auto row = rows.range(Key(of, 10, 10), Key(of, 30, 30)); row.valid(); row.next()) {
              emit(row.key().key, row.key().start_ms);
            }
            for (auto row = rows.all(); row.valid(); row.next()) emit("all", row.value());
          },
          {.stores = {"n"}})
        .to(kStarts);
  }));
  for (const int64_t time_ms : {5, 15, 25, 35}) harness.pipe(kIn, "a", 1, time_ms);
  static_cast<void>(harness.read(kStarts));
  harness.pipe(kIn, "a", 1, 36);
  std::vector<std::string> read;
  for (const auto& out : harness.read(kStarts)) {
    read.push_back(*out.key + std::to_string(*out.value));
  }
  EXPECT_THAT(read, ElementsAre("a10", "a20", "all1", "all1", "all1", "all2"));
}

TEST(TimeWindows, RefuseTimesThatNoWindowHas) {
  const auto refuses = [](Result<Topology> counting) {
    Harness harness(std::move(counting));
    EXPECT_THROW(harness.pipe(kIn, "a", 1, -5), InvalidRecord);
    EXPECT_THROW(harness.pipe(kIn, "a", 1, INT64_MAX), InvalidRecord);
    harness.pipe(kIn, "a", 1, 3);
    EXPECT_EQ(harness.read(kWindowed).size(), 1U);
  };
  const auto count = [](const auto& windows) {
    return topology(
        [&](const auto& in) { in.group_by_key().windowed_by(windows).count("n").to(kWindowed); });
  };
  refuses(count(TimeWindows::of(10ms)));
  refuses(count(SlidingWindows::of_time_difference(10ms)));
  refuses(count(SessionWindows::of_inactivity_gap(10ms)));
  using Key = Windowed<std::string>;
  EXPECT_THROW(Harness::encoded<Key>({"a", -5, 5}), std::invalid_argument);
  EXPECT_THROW(Harness::encoded<Key>({"a", 5, 4}), std::invalid_argument);
}

TEST(WindowsWithABoundAhead, LeaveOutARecordThatIsFurtherAheadAndWouldCloseAll) {
  Harness harness(count_by(TimeWindows::of(10ms).max_ahead(100ms)));
  steps(harness, {{"a", 1, 5'000, "a[5000,5010)=1@5000"},  // the first, so not ahead
                  {"b", 1, 5'101, ""},
                  {"b", 1, kEventTimeMaxMs, ""},
                  {"a", 1, 5'001, "a[5000,5010)=2@5001"},
                  {"b", 1, 5'101, "b[5100,5110)=1@5101"},
                  {"a", 1, 5'002, ""}});
  EXPECT_EQ(harness.dropped("too_far_ahead"), 2);
  EXPECT_EQ(harness.dropped("late"), 1);
}

TEST(WindowsWithABoundAhead, AreOfEachKind) {
  const auto final_of = [](const auto& windows) {
    Harness harness(topology([=](const auto& in) {
      in.group_by_key().windowed_by(windows).emit_final().count("n").to(kWindowed);
    }));
    steps(harness, {{"a", 1, 50, ""}, {"b", 1, 150, ""}, {"a", 1, 50, ""}});
    EXPECT_EQ(harness.dropped("too_far_ahead"), 1);
    EXPECT_EQ(harness.dropped("late"), 0);
  };
  final_of(SlidingWindows::of_time_difference(10ms).max_ahead(99ms));
  final_of(SessionWindows::of_inactivity_gap(10ms).max_ahead(99ms));
}

TEST(TimeWindows, RefuseWrongIntervals) {
  const auto fault = [](const auto& windows) -> std::string {
    const auto made =
        topology([&](const auto& in) { in.group_by_key().windowed_by(windows).count("n"); });
    return made.ok() ? "none" : made.message();
  };
  EXPECT_EQ(fault(TimeWindows::of(10ms).advance_by(10ms)), "none");
  EXPECT_THAT(fault(TimeWindows::of(0ms)), HasSubstr("the windows of 'n' need a size of at least"));
  EXPECT_THAT(fault(TimeWindows::of(10ms).advance_by(11ms)), HasSubstr("advance by 1 ms at least"));
  EXPECT_THAT(fault(TimeWindows::of(10ms).advance_by(0ms)), HasSubstr("advance by 1 ms at least"));
  EXPECT_THAT(fault(TimeWindows::of(10ms).grace(-1ms)), HasSubstr("negative grace"));
  EXPECT_THAT(fault(TimeWindows::of(10ms).grace(5ms).retention(14ms)),
              HasSubstr("a retention of at least 15 ms"));
  EXPECT_EQ(fault(TimeWindows::of(10ms).grace(5ms).retention(15ms)), "none");
  EXPECT_THAT(fault(SessionWindows::of_inactivity_gap(0ms)), HasSubstr("an inactivity gap of"));
  EXPECT_EQ(fault(SlidingWindows::of_time_difference(0ms)), "none");
  EXPECT_EQ(fault(TimeWindows::of(10ms).max_ahead(1ms)), "none");
  EXPECT_THAT(fault(TimeWindows::of(10ms).max_ahead(0ms)),
              HasSubstr("must let records be ahead of stream time by 1 ms at least: 0 ms"));
  EXPECT_THAT(fault(SlidingWindows::of_time_difference(10ms).retention(19ms)),
              HasSubstr("twice the time difference"));
  EXPECT_THAT(fault(TimeWindows::of(std::chrono::milliseconds(INT64_MAX))), HasSubstr("too long"));
}

}  // namespace millrace::windows_test
