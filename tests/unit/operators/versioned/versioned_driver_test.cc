// Versioned tables and their joins on the real engine, over partitions, restarts and crashes.
#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"
#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "tests/unit/operators/versioned/versioned_steps.h"

namespace millrace::versioned_driver_test {

using namespace std::chrono_literals;
using testing::DriverOptions;
using ::testing::ElementsAre;
using testing::kAnswers;
using testing::kAsks;
using testing::kChanges;
using testing::kVersions;
using testing::TopologyDriver;
using testing::versioned;

std::string as_of(TopologyDriver& driver, const std::string& key, int64_t time_ms) {
  driver.run();
  driver.pipe(kAsks, key, time_ms, 0);
  driver.run();
  const auto answers = driver.read(kAnswers);
  return answers.size() == 1 ? std::string(answers[0].value()) : "no answer";
}

void pipe(TopologyDriver& driver, const std::string& key, const std::optional<std::string>& value,
          int64_t time_ms) {
  if (value) {
    driver.pipe(kVersions, key, *value, time_ms);
  } else {
    driver.pipe_tombstone(kVersions, key, time_ms);
  }
}

TEST(VersionedTableOnTheEngine, KeepsItsTimeAndVersionsWhenItMoves) {
  TopologyDriver driver(versioned(100ms));
  pipe(driver, "a", "v1", 110);
  pipe(driver, "a", "v3", 130);
  pipe(driver, "b", "new", 200);
  driver.run();
  driver.restart();  // without a disk: everything comes from the changelogs
  pipe(driver, "a", "v2", 120);
  pipe(driver, "b", "late", 99);
  EXPECT_EQ(as_of(driver, "a", 129), "v2@120");
  EXPECT_EQ(driver.engine().metrics().late("rows").records.value(), 1) << "the time was forgotten";
  EXPECT_EQ(driver.engine().metrics().late("rows").seconds.value(), 0.001);
  driver.crash_and_restart();
  EXPECT_EQ(as_of(driver, "a", 110), "v1@110");
  EXPECT_EQ(as_of(driver, "a", 125), "v2@120");
  EXPECT_EQ(as_of(driver, "b", 99), "none");
  EXPECT_EQ(*(driver.row<std::string, std::string>("rows", "a")), "v3");
}

TEST(VersionedTableOnTheEngine, LosesVersionsFromTheChangelogToo) {
  TopologyDriver driver(versioned(80ms));
  for (int64_t i = 0; i < 500; ++i) pipe(driver, "a", "v", i);
  driver.run();
  EXPECT_LE(driver.table_bytes("test-rows-history-changelog").size(), 91U + 3)
      << "versions, time, mark and history";
}

/// Every commit that ends badly leaves the same versions, and the same changes once.
TEST(VersionedTableOnTheEngine, HasTheSameVersionsHoweverACommitEnds) {
  const auto run = [](std::optional<CommitStep> step) {
    DriverOptions options;
    options.partitions = 2;
    TopologyDriver driver(versioned(40ms), options);
    std::mt19937 random(7);
    std::vector<std::string> seen;
    for (int64_t round = 0; round < 9; ++round) {
      for (int64_t i = 0; i < 30; ++i) {
        const std::string key = "k" + std::to_string(random() % 5);
        const int64_t back_ms = static_cast<int64_t>(random() % 25);
        std::optional<std::string> value;
        if (random() % 5 != 0) value = std::to_string(round * 100 + i);
        pipe(driver, key, value, 50 + round * 30 + i - back_ms);
      }
      if (step && round % 3 == 1) {
        driver.crash_at(*step);
        EXPECT_FALSE(driver.try_run().ok());
        driver.crash_and_restart();
      }
      driver.run();
      for (const auto& change : driver.read(kChanges)) {
        const std::string value = change.is_tombstone() ? "null" : std::string(change.value());
        seen.push_back(std::string(change.key()) + "=" + value + "@" +
                       std::to_string(change.raw.timestamp_ms));
      }
      for (int key = 0; key < 5; ++key) {
        for (int64_t back_ms = 0; back_ms < 45; back_ms += 5) {
          seen.push_back(as_of(driver, "k" + std::to_string(key), 50 + round * 30 - back_ms));
        }
      }
    }
    return seen;
  };
  const std::vector<std::string> undisturbed = run(std::nullopt);
  EXPECT_GT(undisturbed.size(), 500U);
  for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                CommitStep::kTransactionCommitted, CommitStep::kDone}) {
    EXPECT_EQ(run(step), undisturbed);
  }
}

constexpr Topic<std::string, std::string> kEvents{"events"};
constexpr Topic<std::string, std::string> kOut{"out"};

Result<Topology> joined_with_grace(std::chrono::milliseconds grace) {
  return versioned(100ms, [=](TopologyBuilder& builder, const auto& rows) {
    builder.stream(kEvents)
        .left_join(rows,
                   [](std::string_view event, Maybe<std::string> row) {
                     if (event == "refused") throw InvalidRecord("refused");
                     return std::string(event) + "/" + (row ? std::string(*row) : "none");
                   },
                   {.name = "join", .grace = grace})
        .to(kOut);
  });
}

std::vector<std::string> joined(TopologyDriver& driver) {
  std::vector<std::string> results;
  for (const auto& record : driver.read(kOut)) {
    results.push_back(std::string(record.key()) + "=" + std::string(record.value()) + "@" +
                      std::to_string(record.raw.timestamp_ms));
  }
  return results;
}

TEST(JoinWithGraceOnTheEngine, LetsRecordsWaitOverRestarts) {
  TopologyDriver driver(joined_with_grace(10ms));
  driver.pipe(kEvents, "z", "e1", 20);
  driver.pipe(kEvents, "a", "e2", 20);
  driver.pipe(kEvents, "a", "e3", 25);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre());
  driver.restart();  // without a disk: everything comes from the changelogs
  driver.pipe(kVersions, "a", "v1", 20);
  driver.run();
  driver.crash_and_restart();
  driver.pipe(kEvents, "a", "e4", 15);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("a=e4/none@15")) << "the time was forgotten";
  driver.pipe(kEvents, "b", "e5", 30);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("z=e1/none@20", "a=e2/v1@20"));
  driver.pipe(kEvents, "b", "e6", 1'000);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("a=e3/v1@25", "b=e5/none@30"));
  EXPECT_LE(driver.table_bytes("test-join-buffer-changelog").size(), 3U)
      << "the one record that waits, time and mark";
}

TEST(JoinWithGraceOnTheEngine, LosesAResultOnlyThatTheCodeRefuses) {
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  TopologyDriver driver(joined_with_grace(10ms), options);
  driver.pipe(kEvents, "a", "e1", 20);
  driver.pipe(kEvents, "a", "refused", 21);
  driver.pipe(kEvents, "a", "e2", 22);
  driver.pipe(kEvents, "a", "e3", 40);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("a=e1/none@20", "a=e2/none@22"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
  driver.pipe(kEvents, "a", "e4", 50);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("a=e3/none@40"));
}

/// An older row goes into the history, and no function of the table sees it before a join does.
TEST(JoinWithGraceOnTheEngine, LosesAResultOnlyWhoseRowAFunctionOfTheTableRefuses) {
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  const auto topology = versioned(1'000ms, [](TopologyBuilder& builder, const auto& rows) {
    const auto checked = rows.map_values([](std::string_view value) {
      if (value == "bad") throw InvalidRecord("bad");
      return std::string(value);
    });
    builder.stream(kEvents)
        .left_join(checked,
                   [](std::string_view event, Maybe<std::string> row) {
                     return std::string(event) + "/" + (row ? std::string(*row) : "none");
                   },
                   {.name = "join", .grace = 10ms})
        .to(kOut);
  });
  TopologyDriver driver(topology, options);
  driver.pipe(kVersions, "a", "new", 50);
  driver.run();
  driver.pipe(kVersions, "a", "bad", 20);
  driver.run();
  driver.pipe(kEvents, "a", "e1", 21);
  driver.pipe(kEvents, "a", "e2", 60);
  driver.pipe(kEvents, "z", "e3", 100);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("a=e2/new@60"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
  driver.pipe(kEvents, "z", "e4", 150);
  driver.run();
  EXPECT_THAT(joined(driver), ElementsAre("z=e3/none@100"));
}

TEST(JoinWithGraceOnTheEngine, JoinsEachRecordOnceHoweverACommitEnds) {
  const auto run = [](std::optional<CommitStep> step) {
    DriverOptions options;
    options.partitions = 2;
    TopologyDriver driver(joined_with_grace(20ms), options);
    std::mt19937 random(3);
    std::vector<std::string> results;
    for (int64_t round = 0; round < 9; ++round) {
      for (int64_t i = 0; i < 30; ++i) {
        const std::string key = "k" + std::to_string(random() % 5);
        const int64_t time_ms = 50 + round * 30 + i - static_cast<int64_t>(random() % 30);
        const std::string value = std::to_string(round * 100 + i);
        if (random() % 3 == 0) {
          driver.pipe(kVersions, key, value, time_ms);
        } else {
          driver.pipe(kEvents, key, value, time_ms);
        }
      }
      if (step && round % 3 == 1) {
        driver.crash_at(*step);
        EXPECT_FALSE(driver.try_run().ok());
        driver.crash_and_restart();
      }
      driver.run();
      for (std::string& result : joined(driver)) results.push_back(std::move(result));
    }
    return results;
  };
  const std::vector<std::string> undisturbed = run(std::nullopt);
  EXPECT_GT(undisturbed.size(), 100U);
  for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                CommitStep::kTransactionCommitted, CommitStep::kDone}) {
    EXPECT_EQ(run(step), undisturbed);
  }
}

}  // namespace millrace::versioned_driver_test
