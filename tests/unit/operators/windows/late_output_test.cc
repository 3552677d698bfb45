#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::late_output_test {

using namespace std::chrono_literals;
using testing::Harness;
using testing::kIn;
using testing::kWindowed;
using testing::topology;

constexpr Topic<std::string, int64_t> kLate{"late-records"};

const auto to_late = [](const Stream<std::string, int64_t>& late) { late.to(kLate); };

/// "a=1@3 late 7" for each record of the late output, with a blank between.
std::string read_late(Harness& harness) {
  std::string texts;
  for (const auto& raw : harness.read_raw(kLate.name)) {
    if (!texts.empty()) texts += ' ';
    texts += *raw.key + '=' + std::to_string(Serde<int64_t>::view(Bytes(*raw.value)));
    texts += '@' + std::to_string(raw.timestamp_ms);
    for (const auto& [name, value] : raw.headers) {
      texts += name == kLateHeader ? " late" : name == kAheadHeader ? " ahead" : ' ' + name;
      texts += ' ' + value;
    }
  }
  return texts;
}

struct LateStep {
  std::string key;
  int64_t value = 0;
  int64_t timestamp_ms = 0;
  std::string late;
};

void late_steps(Harness& harness, const std::vector<LateStep>& all) {
  for (size_t i = 0; i < all.size(); ++i) {
    harness.pipe(kIn, all[i].key, all[i].value, all[i].timestamp_ms);
    EXPECT_EQ(read_late(harness), all[i].late) << "step " << i;
  }
}

auto counting(const auto& windows) {
  return topology([&](const auto& in) {
    in.group_by_key().windowed_by(windows).late_output(to_late).count("n").to(kWindowed);
  });
}

TEST(LateOutput, HasEachRecordThatLostAWindowOnceWithByHowMuch) {
  Harness harness(counting(TimeWindows::of(10ms).advance_by(5ms).grace(2ms)));
  late_steps(harness, {{"a", 1, 8, ""},
                       {"b", 2, 16, ""},
                       {"a", 3, 8, "a=3@8 late 5"},  // [0,10); not [5,15)
                       {"a", 4, 4, "a=4@4 late 5"},  // [0,10)
                       {"a", 5, 12, ""},
                       {"c", 6, 100, ""},
                       {"a", 7, 12, "a=7@12 late 84"}});
  harness.read(kWindowed);
  steps(harness, {{"a", 1, 101, "a[95,105)=1@101 a[100,110)=1@101"}});
  EXPECT_EQ(harness.dropped("late"), 3);
}

TEST(LateOutput, HasRecordsThatAreTooFarAhead) {
  Harness harness(counting(SlidingWindows::of_time_difference(10ms).max_ahead(100ms)));
  late_steps(harness, {{"a", 1, 500, ""},
                       {"a", 2, 601, "a=2@601 ahead 101"},
                       {"a", 3, 505, ""},
                       {"a", 4, 489, "a=4@489 late 6"}});
  EXPECT_EQ(harness.dropped("too_far_ahead"), 1);
}

TEST(LateOutput, IsBesideFinalResultsAndOfSessions) {
  Harness harness(topology([](const auto& in) {
    in.group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap(10ms))
        .late_output(to_late)
        .emit_final()
        .count("n")
        .to(kWindowed);
  }));
  steps(harness, {{"a", 1, 5, ""}, {"b", 1, 20, "a[5,5)=1@5"}, {"a", 3, 6, ""}});
  EXPECT_EQ(read_late(harness), "a=3@6 late 4");
}

TEST(LateOutput, KeepsHeadersAndLeavesOutNulls) {
  Harness harness(counting(TimeWindows::of(10ms)));
  harness.pipe(kIn, "a", 1, 20);
  harness.pipe_raw(kIn.name, "a", Harness::encoded<int64_t>(2), 5, {{"from", Bytes("here")}});
  EXPECT_EQ(read_late(harness), "a=2@5 from here late 11");
  harness.pipe_raw(kIn.name, "a", std::nullopt, 5);
  harness.pipe_raw(kIn.name, std::nullopt, Harness::encoded<int64_t>(2), 5);
  EXPECT_EQ(read_late(harness), "");
}

TEST(LateOutput, IsAStreamOfEachAggregateThatFollows) {
  Harness harness(topology([](const auto& in) {
    const auto windows = in.group_by_key()
                             .windowed_by(TimeWindows::of(10ms))
                             .late_output([](const Stream<std::string, int64_t>& late) {
                               late.map_values([](int64_t value) { return value * 10; }).to(kLate);
                             });
    windows.count("counts").to(kWindowed);
    windows.reduce("sums", [](int64_t a, int64_t b) { return a + b; });
  }));
  late_steps(harness, {{"a", 1, 20, ""}, {"a", 2, 5, "a=20@5 late 11 a=20@5 late 11"}});
  EXPECT_EQ(harness.read(kWindowed).size(), 1U);
}

}  // namespace millrace::late_output_test
