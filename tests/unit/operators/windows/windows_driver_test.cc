#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"
#include "millrace/engine/metrics.h"
#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::windows_driver_test {

using namespace std::chrono_literals;
using testing::DriverOptions;
using ::testing::ElementsAre;
using testing::TopologyDriver;
using Key = Windowed<std::string>;

constexpr Topic<std::string, int64_t> kIn{"in"};
constexpr Topic<Key, int64_t> kCounts{"counts"};
constexpr Topic<Key, int64_t> kFinal{"final"};

Result<Topology> counting() {
  TopologyBuilder builder{"test"};
  const auto by_key = builder.stream(kIn).group_by_key();
  by_key.windowed_by(TimeWindows::of(10ms).grace(5ms).retention(1s)).count("counts").to(kCounts);
  by_key.windowed_by(SessionWindows::of_inactivity_gap(10ms))
      .emit_final()
      .count("sessions")
      .to(kFinal);
  return std::move(builder).build();
}

std::string text(const Key& key) {
  return key.key + "[" + std::to_string(key.start_ms) + "," + std::to_string(key.end_ms) + ")";
}

std::vector<std::string> finals(TopologyDriver& driver) {
  std::vector<std::string> texts;
  for (const auto& record : driver.read(kFinal)) {
    texts.push_back(text(Key(record.key())) + "=" + std::to_string(record.value()));
  }
  return texts;
}

std::vector<std::string> rows(TopologyDriver& driver, std::string_view store) {
  std::vector<std::string> texts;
  for (const auto& [key, value] : driver.rows<Key, int64_t>(store)) {
    texts.push_back(text(key) + "=" + std::to_string(*value));
  }
  return texts;
}

TEST(WindowsOnTheEngine, KeepTheirTimeAndRowsWhenTheyMoveAndAreAskedFor) {
  TopologyDriver driver(counting());
  driver.pipe(kIn, "a", 1, 3);
  driver.pipe(kIn, "b", 1, 20);
  driver.run();
  EXPECT_THAT(rows(driver, "counts"), ElementsAre("a[0,10)=1", "b[20,30)=1"));
  EXPECT_EQ(*(driver.row<Key, int64_t>("counts", Key("a", 0, 10))), 1);
  EXPECT_THAT(finals(driver), ElementsAre("a[3,3)=1"));
  driver.restart();  // without a disk: everything comes from the changelogs
  driver.pipe(kIn, "a", 1, 4);
  driver.pipe(kIn, "b", 1, 21);
  driver.run();
  EXPECT_EQ(driver.engine().metrics().dropped("late").value(), 2) << "the time was forgotten";
  EXPECT_EQ(driver.engine().metrics().late("counts").records.value(), 1);
  EXPECT_EQ(driver.engine().metrics().late("counts").seconds.value(), 0.006);
  EXPECT_THAT(rows(driver, "counts"), ElementsAre("a[0,10)=1", "b[20,30)=2"));
  EXPECT_THAT(finals(driver), ElementsAre());
}

TEST(WindowsOnTheEngine, GoFromTheChangelogToo) {
  TopologyDriver driver(counting());
  for (int64_t i = 0; i < 50; ++i) driver.pipe(kIn, "a", 1, i * 100);
  driver.run();
  EXPECT_LE(rows(driver, "counts").size(), 13U);
  EXPECT_LE(driver.table_bytes("test-counts-changelog").size(), 15U) << "12 windows, time and mark";
  driver.crash_and_restart();
  driver.pipe(kIn, "a", 1, 20'000);
  driver.run();
  EXPECT_THAT(rows(driver, "counts"), ElementsAre("a[20000,20010)=1"));
}

TEST(WindowsOnTheEngine, EmitEachFinalResultOnceHoweverACommitEnds) {
  const auto run = [](std::optional<CommitStep> step) {
    DriverOptions options;
    options.partitions = 2;
    TopologyDriver driver(counting(), options);
    std::mt19937 random(5);
    std::vector<std::string> results;
    for (int64_t round = 0; round < 12; ++round) {
      for (int64_t i = 0; i < 30; ++i) {
        driver.pipe(kIn, "k" + std::to_string(random() % 9), 1, round * 90 + i * 3);
      }
      if (step && round % 3 == 1) {
        driver.crash_at(*step);
        EXPECT_FALSE(driver.try_run().ok());
        driver.crash_and_restart();
      }
      driver.run();
      for (std::string& result : finals(driver)) results.push_back(std::move(result));
    }
    std::sort(results.begin(), results.end());
    return results;
  };
  const std::vector<std::string> undisturbed = run(std::nullopt);
  EXPECT_GT(undisturbed.size(), 50U);
  for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                CommitStep::kTransactionCommitted, CommitStep::kDone}) {
    EXPECT_EQ(run(step), undisturbed);
  }
}

TEST(WindowsOnTheEngine, PutOutEachLateRecordOnceHoweverACommitEnds) {
  constexpr Topic<std::string, int64_t> kLate{"late"};
  const auto run = [&](std::optional<CommitStep> step) {
    TopologyBuilder builder{"test"};
    builder.stream(kIn)
        .group_by_key()
        .windowed_by(TimeWindows::of(10ms).max_ahead(500ms))
        .late_output([&](const auto& late) { late.to(kLate); })
        .count("counts")
        .to(kCounts);
    TopologyDriver driver(std::move(builder).build());
    std::vector<int64_t> late;
    for (int64_t round = 0; round < 6; ++round) {
      driver.pipe(kIn, "a", 10 * round, round * 100);
      driver.pipe(kIn, "b", 10 * round + 1, round * 100 - 30 * (round % 2));
      driver.pipe(kIn, "b", 10 * round + 2, round * 100 + 501);
      if (step && round % 3 == 1) {
        driver.crash_at(*step);
        EXPECT_FALSE(driver.try_run().ok());
        driver.crash_and_restart();
      }
      driver.run();
      for (const auto& record : driver.read(kLate)) late.push_back(record.value());
    }
    return late;
  };
  const std::vector<int64_t> undisturbed = run(std::nullopt);
  EXPECT_THAT(undisturbed, ElementsAre(2, 11, 12, 22, 31, 32, 42, 51, 52));
  for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                CommitStep::kTransactionCommitted, CommitStep::kDone}) {
    EXPECT_EQ(run(step), undisturbed);
  }
}

DriverOptions skipping() {
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  return options;
}

TEST(WindowsOnTheEngine, LoseAFinalResultOnlyThatTheCodeBehindRefuses) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn)
      .group_by_key()
      .windowed_by(TimeWindows::of(10ms).retention(80ms))
      .emit_final()
      .reduce("sums", [](int64_t a, int64_t b) { return a + b; })
      .map_values([](int64_t sum) {
        if (sum == 7) throw InvalidRecord("seven");
        return sum;
      })
      .to(kFinal);
  TopologyDriver driver(std::move(builder).build(), skipping());
  driver.pipe(kIn, "a", 7, 5);
  driver.pipe(kIn, "b", 1, 5);
  driver.pipe(kIn, "a", 1, 20);
  driver.pipe(kIn, "a", 2, 30);
  driver.run();
  EXPECT_THAT(finals(driver), ElementsAre("b[0,10)=1", "a[20,30)=1"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
  driver.pipe(kIn, "a", 3, 500);
  driver.pipe(kIn, "a", 1, 501);
  driver.run();
  EXPECT_THAT(finals(driver), ElementsAre("a[30,40)=2"));
  driver.pipe(kIn, "a", 1, 502);
  driver.run();
  EXPECT_THAT(rows(driver, "sums"), ElementsAre("a[500,510)=5"));
}

TEST(WindowsOnTheEngine, AreEmittedAfterUnitsThatWereUndone) {
  TopologyBuilder builder{"test"};
  const auto in = builder.stream(kIn);
  in.flat_map_values<int64_t>([](int64_t value, EmitValues<int64_t>& emit) {
      emit(value);
      emit(value);
    })
      .group_by_key()
      .windowed_by(TimeWindows::of(10ms).retention(60ms))
      .emit_final()
      .count("n")
      .to(kFinal);
  in.map_values([](int64_t value) {
      if (value < 0) throw InvalidRecord("negative");
      return value;
    }).to(Topic<std::string, int64_t>{"others"});
  TopologyDriver driver(std::move(builder).build(), skipping());
  driver.pipe(kIn, "a", 1, 5);
  driver.pipe(kIn, "a", -1, 1'000);
  driver.pipe(kIn, "a", 1, 1'001);
  driver.run();
  EXPECT_THAT(finals(driver), ElementsAre("a[0,10)=2"));
}

TEST(WindowsOnTheEngine, TakeAForgedTimeBefore1970As0) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn)
      .group_by_key()
      .windowed_by(SlidingWindows::of_time_difference(10ms))
      .count("n")
      .to(kCounts);
  TopologyDriver driver(std::move(builder).build());
  driver.pipe(kIn, "b", 1, 3);  // so that the inputs have positions
  driver.run();
  std::string key;
  Serde<Key>::encode(Key("a", 0, 10), key);
  std::string one;
  Serde<int64_t>::encode(1, one);
  driver.pipe_bytes("test-n-changelog", key, Bytes(one), -5);
  driver.restart();
  driver.pipe(kIn, "a", 1, 3);
  driver.run();
  EXPECT_THAT(rows(driver, "n"), ElementsAre("a[0,10)=2", "a[1,11)=1", "b[0,10)=1"));
}

}  // namespace millrace::windows_driver_test
