#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::sliding_windows_test {

using namespace std::chrono_literals;
using testing::Harness;
using testing::kIn;
using testing::kWindowed;
using testing::steps;
using testing::topology;

auto sum_by(const SlidingWindows& windows) {
  return topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(windows)
        .reduce("sums", [](int64_t a, int64_t b) { return a + b; })
        .to(kWindowed);
  });
}

TEST(SlidingWindows, EndWithEachRecordAndBeginBehindIt) {
  Harness harness(sum_by(SlidingWindows::of_time_difference(10ms).grace(100ms)));
  steps(harness, {{"a", 1, 20, "a[10,20)=1@20"},
                  {"a", 2, 25, "a[21,31)=2@25 a[15,25)=3@25"},
                  {"a", 4, 20, "a[15,25)=7@25 a[10,20)=5@20"},
                  {"a", 8, 31, "a[21,31)=10@31 a[26,36)=8@31"},
                  {"b", 1, 31, "b[21,31)=1@31"}});
}

TEST(SlidingWindows, ShareTheFirstWindowBeforeTheDifferenceHasPassed) {
  Harness harness(sum_by(SlidingWindows::of_time_difference(10ms).grace(100ms)));
  steps(harness, {{"a", 1, 4, "a[0,10)=1@4"},
                  {"a", 2, 6, "a[5,15)=2@6 a[0,10)=3@6"},
                  {"a", 4, 5, "a[5,15)=6@6 a[6,16)=2@6 a[0,10)=7@6"}});
}

TEST(SlidingWindows, CloseWhenTimePassesEndAndGrace) {
  Harness harness(sum_by(SlidingWindows::of_time_difference(10ms).grace(5ms)));
  steps(harness, {{"a", 1, 20, "a[10,20)=1@20"},
                  {"b", 1, 25, "b[15,25)=1@25"},
                  {"a", 2, 20, "a[10,20)=3@20"},  // ends at 20 >= 25 − 5
                  {"b", 1, 26, "b[26,36)=1@26 b[16,26)=2@26"},
                  {"a", 4, 20, ""},
                  {"b", 1, 40, "b[30,40)=1@40"},
                  {"c", 1, 24, ""}});
  EXPECT_EQ(harness.dropped("late"), 1) << "at 24 there could be a window [24, 34]";
}

TEST(SlidingWindows, EmitFinalResultsOnce) {
  Harness harness(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(SlidingWindows::of_time_difference(10ms))
        .emit_final()
        .count("n")
        .to(kWindowed);
  }));
  steps(harness, {{"a", 1, 20, ""},
                  {"a", 1, 25, "a[10,20)=1@20"},
                  {"b", 1, 26, "a[15,25)=2@25"},
                  {"b", 1, 40, "b[16,26)=1@26 a[21,31)=1@25"}});
}

/// The sums of all windows of sorted (time, value), by definition: those that end with a record,
/// and those that begin behind one and have a record.
std::map<int64_t, int64_t> sums_of(const std::vector<std::pair<int64_t, int64_t>>& records,
                                   int64_t size_ms) {
  std::map<int64_t, int64_t> sums;
  const auto sum_from = [&](int64_t start_ms) {
    int64_t sum = 0;
    for (const auto& [time_ms, value] : records) {
      if (time_ms >= start_ms && time_ms <= start_ms + size_ms) sum += value;
    }
    return sum;
  };
  for (const auto& [time_ms, value] : records) {
    sums[time_ms - size_ms] = sum_from(time_ms - size_ms);
    if (const int64_t behind = sum_from(time_ms + 1); behind > 0) sums[time_ms + 1] = behind;
  }
  return sums;
}

TEST(SlidingWindows, AreThoseOfTheDefinitionInAnyOrderOfArrival) {
  std::mt19937 random(13);
  for (int round = 0; round < 50; ++round) {
    Harness harness(sum_by(SlidingWindows::of_time_difference(10ms).grace(10s)));
    std::vector<std::pair<int64_t, int64_t>> records;
    for (int i = 0; i < 40; ++i) {
      records.emplace_back(10 + static_cast<int64_t>(random() % 80), 1 + random() % 9);
      harness.pipe(kIn, "a", records.back().second, records.back().first);
    }
    std::map<int64_t, int64_t> found;
    for (const auto& [key, row] : harness.store("sums")) {
      using Key = Serde<Windowed<std::string>>;
      if (!Key::validate(Bytes(key)).ok()) continue;
      found[Key::view(Bytes(key)).start_ms] = Serde<int64_t>::view(Bytes(row.first));
    }
    EXPECT_EQ(found, sums_of(records, 10)) << "round " << round;
  }
}

}  // namespace millrace::sliding_windows_test
