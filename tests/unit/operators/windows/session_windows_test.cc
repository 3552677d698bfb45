#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::session_windows_test {

using namespace std::chrono_literals;
using testing::Harness;
using testing::kIn;
using testing::kWindowed;
using testing::steps;
using testing::topology;

auto count_by(const SessionWindows& windows) {
  return topology(
      [&](const auto& in) { in.group_by_key().windowed_by(windows).count("n").to(kWindowed); });
}

TEST(SessionWindows, GrowAndRetractTheSessionBeforeFirst) {
  Harness harness(count_by(SessionWindows::of_inactivity_gap(10ms).grace(100ms)));
  steps(harness, {{"a", 1, 20, "a[20,20)=1@20"},
                  {"a", 1, 20, "a[20,20)=2@20"},  // it stays, with a new value
                  {"a", 1, 30, "a[20,20)=null@20 a[20,30)=3@30"},
                  {"b", 1, 30, "b[30,30)=1@30"},
                  {"a", 1, 25, "a[20,30)=null@30 a[20,30)=4@30"},
                  {"a", 1, 41, "a[41,41)=1@41"},
                  {"a", 1, 10, "a[20,30)=null@30 a[10,30)=5@30"}});
  EXPECT_EQ(testing::windows_in(harness, "n"), "a[10,30) a[41,41) b[30,30)");
}

TEST(SessionWindows, MergeThoseThatARecordConnects) {
  Harness harness(count_by(SessionWindows::of_inactivity_gap(10ms).grace(100ms)));
  steps(harness, {{"a", 1, 0, "a[0,0)=1@0"},
                  {"a", 1, 20, "a[20,20)=1@20"},
                  {"a", 1, 50, "a[50,50)=1@50"},
                  {"a", 1, 10, "a[0,0)=null@0 a[20,20)=null@20 a[0,20)=3@20"}});
  EXPECT_EQ(testing::windows_in(harness, "n"), "a[0,20) a[50,50)");
}

TEST(SessionWindows, CloseByTheirMergedEnd) {
  Harness harness(count_by(SessionWindows::of_inactivity_gap(10ms).grace(5ms)));
  steps(harness, {{"a", 1, 10, "a[10,10)=1@10"},
                  {"b", 1, 25, "b[25,25)=1@25"},
                  {"a", 1, 2, "a[10,10)=null@10 a[2,10)=2@10"},  // ends at 10 >= 25 − 15
                  {"c", 1, 9, ""},                               // would end at 9
                  {"b", 1, 26, "b[25,25)=null@25 b[25,26)=2@26"},
                  {"a", 1, 5, ""}});
  EXPECT_EQ(harness.dropped("late"), 2);
}

TEST(SessionWindows, ReduceAndAggregateWithAMerger) {
  Harness reduced(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap(10ms).grace(100ms))
        .reduce("first", [](int64_t first, int64_t) { return first; })
        .to(kWindowed);
  }));
  steps(reduced, {{"a", 5, 0, "a[0,0)=5@0"},
                  {"a", 6, 20, "a[20,20)=6@20"},
                  {"a", 7, 10, "a[0,0)=null@0 a[20,20)=null@20 a[0,20)=5@20"}});
  Harness summed(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap(10ms).grace(100ms))
        .aggregate(
            "sums", [](int64_t value, Maybe<int64_t> sum) { return (sum ? *sum : 0) + value; },
            [](std::string_view, int64_t a, int64_t b) { return a * 10 + b; })
        .to(kWindowed);
  }));
  steps(summed, {{"a", 5, 0, "a[0,0)=5@0"},
                 {"a", 6, 20, "a[20,20)=6@20"},
                 {"a", 7, 10, "a[0,0)=null@0 a[20,20)=null@20 a[0,20)=63@20"}});
  Harness from_one(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap(10ms))
        .aggregate(
            "sums", int64_t{1}, [](int64_t value, int64_t sum) { return sum + value; },
            [](int64_t a, int64_t b) { return a + b; })
        .to(kWindowed);
  }));
  steps(from_one, {{"a", 5, 0, "a[0,0)=6@0"}, {"a", 5, 1, "a[0,0)=null@0 a[0,1)=12@1"}});
}

TEST(SessionWindows, EmitFinalResultsOnceAndNeverGrowAfterwards) {
  Harness harness(topology([&](const auto& in) {
    in.group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap(10ms).grace(5ms).retention(200ms))
        .emit_final()
        .count("n")
        .to(kWindowed);
  }));
  steps(harness, {{"b", 1, 10, ""},
                  {"a", 1, 10, ""},
                  {"a", 1, 12, ""},
                  {"c", 1, 25, ""},
                  {"c", 1, 26, "b[10,10)=1@10"},
                  {"b", 1, 17, ""},  // a session of its own
                  {"c", 1, 28, "a[10,12)=2@12"},
                  {"c", 1, 100, "b[17,17)=1@17 c[25,28)=3@28"}});
}

/// All sessions of the times of one key, by sorting.
std::vector<std::pair<int64_t, int64_t>> sessions_of(std::vector<int64_t> times, int64_t gap_ms) {
  std::sort(times.begin(), times.end());
  std::vector<std::pair<int64_t, int64_t>> sessions;
  for (const int64_t time_ms : times) {
    if (sessions.empty() || time_ms - sessions.back().second > gap_ms) {
      sessions.emplace_back(time_ms, time_ms);
    }
    sessions.back().second = time_ms;
  }
  return sessions;
}

TEST(SessionWindows, AreThoseOfSortedTimesInAnyOrderOfArrival) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    Harness harness(count_by(SessionWindows::of_inactivity_gap(10ms).grace(10s)));
    std::map<std::string, std::vector<int64_t>> times;
    for (int i = 0; i < 60; ++i) {
      // One key continues with a NUL, so that its rows lie between those of another.
      const std::string key = random() % 2 == 0 ? "a" : std::string("a\0b", 3);
      times[key].push_back(static_cast<int64_t>(random() % 600));
      harness.pipe(kIn, key, 1, times[key].back());
    }
    std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> found;
    for (const auto& [key, row] : harness.store("n")) {
      using Key = Serde<Windowed<std::string>>;
      if (!Key::validate(Bytes(key)).ok()) continue;
      const auto window = Key::view(Bytes(key));
      found[std::string(window.key)].emplace_back(window.start_ms, window.end_ms);
    }
    for (const auto& [key, all] : times) EXPECT_EQ(found[key], sessions_of(all, 10));
  }
}

}  // namespace millrace::session_windows_test
