#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"
#include "millrace/engine/metrics.h"
#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::suppress_driver_test {

using namespace std::chrono_literals;
using testing::DriverOptions;
using ::testing::ElementsAre;
using testing::TopologyDriver;

constexpr Topic<std::string, int64_t> kRows{"rows"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

int64_t add(int64_t value, int64_t sum) {
  return sum + value;
}
int64_t subtract(int64_t value, int64_t sum) {
  return sum - value;
}

Result<Topology> held(const UntilTimeLimit& until) {
  TopologyBuilder builder{"test"};
  const auto out = builder.table(kRows).suppress("held", until);
  out.to_stream().to(kOut);  // each change, as a table's sink does not write
  out.group_by([](int64_t) { return std::string("all"); })
      .aggregate("sums", int64_t{0}, add, subtract)
      .to(kSums);
  return std::move(builder).build();
}

std::vector<std::string> out(TopologyDriver& driver) {
  std::vector<std::string> texts;
  for (const auto& record : driver.read(kOut)) {
    texts.push_back(std::string(record.key()) + "=" + std::to_string(record.value()));
  }
  return texts;
}

/// The changes of each round, in any order, and the sum behind them.
std::vector<std::string> results_with(const UntilTimeLimit& until, std::optional<CommitStep> crash,
                                      const std::filesystem::path& state_dir = {}) {
  DriverOptions options;
  options.partitions = 2;
  options.state_dir = state_dir;
  TopologyDriver driver(held(until), options);
  std::mt19937 random(5);
  std::vector<std::string> results;
  int64_t value = 0;
  for (int64_t round = 0; round < 12; ++round) {
    for (int64_t i = 0; i < 30; ++i) {
      driver.pipe(kRows, "k" + std::to_string(random() % 9), ++value, round * 90 + i * 3);
    }
    if (crash && round % 3 == 1) {
      driver.crash_at(*crash);
      EXPECT_FALSE(driver.try_run().ok());
      driver.crash_and_restart();
    }
    driver.run();
    std::vector<std::string> changes = out(driver);
    std::sort(changes.begin(), changes.end());
    results.insert(results.end(), changes.begin(), changes.end());
    for (const auto& [key, sum] : driver.table_bytes(kSums.name)) {
      results.push_back(key + "=" + std::to_string(Serde<int64_t>::view(Bytes(sum))));
    }
  }
  return results;
}

TEST(SuppressOnTheEngine, EmitsEachChangeOnceHoweverACommitEnds) {
  for (const UntilTimeLimit& until :
       {Suppressed::until_time_limit(100ms),
        Suppressed::until_time_limit(100ms, BufferConfig::max_records(2))}) {
    const std::vector<std::string> undisturbed = results_with(until, std::nullopt);
    EXPECT_GT(undisturbed.size(), 50U);
    for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                  CommitStep::kTransactionCommitted, CommitStep::kDone}) {
      EXPECT_EQ(results_with(until, step), undisturbed);
    }
  }
}

TEST(SuppressOnTheEngine, KeepsItsTimeAndChangesWhenItMoves) {
  TopologyDriver driver(held(Suppressed::until_time_limit(10ms)));
  driver.pipe(kRows, "a", 1, 3);
  driver.pipe(kRows, "b", 1, 12);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre());
  driver.restart();  // without a disk: everything comes from the changelogs
  driver.pipe(kRows, "c", 1, 2);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("c=1")) << "the time was forgotten";
  driver.crash_and_restart();
  driver.pipe(kRows, "b", 2, 13);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("a=1"));
  driver.pipe(kRows, "z", 0, 22);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("b=2"));
  EXPECT_LE(driver.table_bytes("test-held-changelog").size(), 4U) << "z, time, mark and count";
}

TEST(SuppressOnTheEngine, KeepsAChangeThatTheCodeBehindRefusesForTheNextOneOfTheKey) {
  TopologyBuilder builder{"test"};
  builder.table(kRows)
      .suppress("held", Suppressed::until_time_limit(10ms))
      .to_stream()
      .peek([](int64_t value) {
        if (value == 7) throw InvalidRecord("seven");
      })
      .to(kOut);
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  TopologyDriver driver(std::move(builder).build(), options);
  driver.pipe(kRows, "a", 7, 5);
  driver.pipe(kRows, "b", 1, 5);
  driver.pipe(kRows, "z", 0, 20);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("b=1"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
  driver.pipe(kRows, "a", 8, 21);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("a=8"));
}

TEST(SuppressOnTheEngine, EmitsEarlyAfterUnitsThatWereUndone) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  rows.suppress("held", Suppressed::until_time_limit(1s, BufferConfig::max_records(2)))
      .to_stream()
      .to(kOut);
  rows.to_stream()
      .peek([](int64_t value) {
        if (value == 7) throw InvalidRecord("seven");
      })
      .to(Topic<std::string, int64_t>{"others"});
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  TopologyDriver driver(std::move(builder).build(), options);
  driver.pipe(kRows, "a", 1, 1);
  driver.pipe(kRows, "b", 1, 2);
  driver.pipe(kRows, "c", 7, 3);  // "a" would have come out
  driver.pipe(kRows, "d", 1, 4);
  driver.pipe(kRows, "e", 1, 5);
  driver.run();
  EXPECT_THAT(out(driver), ElementsAre("a=1", "b=1"));
}

TEST(SuppressOnTheEngine, FailsWhenItsBufferIsFull) {
  TopologyDriver driver(
      held(Suppressed::until_time_limit(1s, BufferConfig::max_records(1).shut_down_when_full())));
  driver.pipe(kRows, "a", 1, 1);
  driver.pipe(kRows, "b", 1, 2);
  const Status status = driver.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), ::testing::HasSubstr("the suppressed table 'held' would hold back "
                                                     "2 changes of 50 bytes; the most are 1"));
}

}  // namespace millrace::suppress_driver_test
