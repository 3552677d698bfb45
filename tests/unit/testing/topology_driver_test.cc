#include "millrace/testing/topology_driver.h"

#include <random>

#include <gmock/gmock.h>

#include "counting_topology.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"

namespace millrace::testing::topology_driver_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Where the stores of a driver live: in memory (a restart restores all) or on disk.
class DriverTest : public ::testing::TestWithParam<bool> {
 protected:
  DriverTest() {
    if (GetParam()) {
      state_dir_ = std::filesystem::path(::testing::TempDir()) /
                   ("millrace-driver-" + std::to_string(std::random_device{}()));
    }
  }
  ~DriverTest() override {
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
  }

  DriverOptions options(int32_t partitions = 1) const {
    DriverOptions options;
    options.partitions = partitions;
    options.state_dir = state_dir_;
    return options;
  }
  static std::vector<int64_t> counts(TopologyDriver& driver) {
    std::vector<int64_t> values;
    for (const auto& record : driver.read(kCounts)) values.push_back(record.value());
    return values;
  }
  static int64_t stored_count(TopologyDriver& driver, const std::string& key) {
    const auto bytes = driver.store_bytes("counts", Bytes(key));
    return bytes ? Serde<int64_t>::view(Bytes(*bytes)) : 0;
  }

  std::filesystem::path state_dir_;
};

INSTANTIATE_TEST_SUITE_P(MemoryAndDisk, DriverTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Disk" : "Memory"; });

TEST_P(DriverTest, OutputsAndStoresShowWhatWasCommitted) {
  TopologyDriver driver(counting_topology(), options());
  driver.pipe(kWords, "a", "x", 1'000);
  driver.pipe(kWords, "b", "x", 2'000);
  driver.pipe(kWords, "a", "y", 3'000);
  EXPECT_THAT(counts(driver), IsEmpty());
  driver.run();
  const auto records = driver.read(kCounts);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[2].key(), "a");
  EXPECT_EQ(records[2].value(), 2);
  EXPECT_EQ(records[2].raw.timestamp_ms, 3'000);
  EXPECT_EQ(stored_count(driver, "a"), 2);
  EXPECT_EQ(stored_count(driver, "b"), 1);
}

TEST_P(DriverTest, ACoalescingSinkSendsOnlyTheLatestRowOfACommit) {
  TopologyDriver driver(counting_topology(false, true), options());
  for (int i = 0; i < 5; ++i) driver.pipe(kWords, "a", "x", 1'000 + i);
  driver.run();
  EXPECT_THAT(counts(driver), ElementsAre(5));
}

TEST_P(DriverTest, ARestartGoesOnWhereItStopped) {
  TopologyDriver driver(counting_topology(), options());
  driver.pipe(kWords, "a", "x", 1'000);
  driver.run();
  driver.restart();
  driver.pipe(kWords, "a", "x", 2'000);
  driver.run();
  EXPECT_THAT(counts(driver), ElementsAre(1, 2));
}

TEST_P(DriverTest, AStateDirectoryThatIsLostIsRestoredFromTheChangelog) {
  TopologyDriver driver(counting_topology(), options());
  for (int i = 0; i < 100; ++i) driver.pipe(kWords, "k" + std::to_string(i % 10), "x", i);
  driver.run();
  broker_of(driver).compact("test-counts-changelog");
  driver.delete_state();
  driver.restart();
  driver.run();
  EXPECT_EQ(stored_count(driver, "k3"), 10);
  driver.pipe(kWords, "k3", "x", 1'000);
  driver.run();
  EXPECT_EQ(stored_count(driver, "k3"), 11);
}

TEST_P(DriverTest, ACrashAtAnyStepOfACommitNeitherLosesNorDoubles) {
  for (const CommitStep step :
       {CommitStep::kBegin, CommitStep::kChangelogSent, CommitStep::kOffsetsSent,
        CommitStep::kTransactionCommitted, CommitStep::kTaskApplied, CommitStep::kDone}) {
    SCOPED_TRACE(to_string(step));
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
    TopologyDriver driver(counting_topology(true), options(3));
    for (int i = 0; i < 30; ++i) driver.pipe(kWords, "w", "v" + std::to_string(i % 7), i);
    driver.run();
    for (int i = 30; i < 60; ++i) driver.pipe(kWords, "w", "v" + std::to_string(i % 7), i);
    driver.crash_at(step, 1);
    EXPECT_FALSE(driver.try_run().ok());
    driver.crash_and_restart();
    driver.run();
    std::map<std::string, std::vector<int64_t>> seen;
    for (const auto& record : driver.read(kCounts)) {
      seen[std::string(record.key())].push_back(record.value());
    }
    ASSERT_EQ(seen.size(), 7U);
    for (int v = 0; v < 7; ++v) {
      const std::string key = "v" + std::to_string(v);
      const int expected = 60 / 7 + (v < 60 % 7 ? 1 : 0);
      std::vector<int64_t> one_to_expected(static_cast<size_t>(expected));
      for (size_t i = 0; i < one_to_expected.size(); ++i) {
        one_to_expected[i] = static_cast<int64_t>(i) + 1;
      }
      EXPECT_EQ(seen[key], one_to_expected) << key;
      EXPECT_EQ(stored_count(driver, key), expected) << key;
    }
  }
}

TEST_P(DriverTest, ACommitWhoseOutcomeIsUnknownNeitherLosesNorDoubles) {
  for (const bool takes_effect : {true, false}) {
    for (const ErrorCode code : {ErrorCode::kTimedOut, ErrorCode::kRetriable}) {
      SCOPED_TRACE(std::string(takes_effect ? "committed" : "not committed") + ", " +
                   std::string(to_string(code)));
      if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
      TopologyDriver driver(counting_topology(), options());
      driver.pipe(kWords, "a", "x", 1'000);
      driver.run();
      driver.pipe(kWords, "a", "x", 2'000);
      broker_of(driver).inject({Operation::kCommitTransaction, code, takes_effect});
      driver.run();
      driver.pipe(kWords, "a", "x", 3'000);
      driver.run();
      EXPECT_THAT(counts(driver), ElementsAre(1, 2, 3));
      EXPECT_EQ(stored_count(driver, "a"), 3);
    }
  }
}

TEST_P(DriverTest, AnAbortedCommitIsDoneAgain) {
  for (const Operation operation :
       {Operation::kSend, Operation::kSendOffsets, Operation::kCommitTransaction}) {
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
    TopologyDriver driver(counting_topology(), options());
    driver.pipe(kWords, "a", "x", 1'000);
    broker_of(driver).inject({operation, ErrorCode::kAborted});
    driver.run();
    EXPECT_THAT(counts(driver), ElementsAre(1));
    EXPECT_EQ(stored_count(driver, "a"), 1);
  }
}

TEST_P(DriverTest, ARestoreBegunWhileTheLastCommitsMarkersArePendingIsComplete) {
  TopologyDriver driver(counting_topology(), options());
  driver.pipe(kWords, "a", "x", 1'000);
  driver.run();
  driver.pipe(kWords, "a", "x", 2'000);
  broker_of(driver).hold_markers(true);
  driver.crash_at(CommitStep::kTransactionCommitted);
  EXPECT_FALSE(driver.try_run().ok());
  driver.crash_and_restart();
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_TRUE(driver.run_once());
    EXPECT_NE(driver.engine().state(), EngineState::kRunning);
  }
  broker_of(driver).hold_markers(false);
  driver.pipe(kWords, "a", "x", 3'000);
  driver.run();
  EXPECT_THAT(counts(driver), ElementsAre(1, 2, 3));
  EXPECT_EQ(stored_count(driver, "a"), 3);
}

TEST_P(DriverTest, ARecordWhoseUserCodeThrowsHalfWayLeavesNothing) {
  DriverOptions with_skip = options();
  with_skip.engine.on_user_error = OnError::kDeadLetter;
  TopologyDriver driver(counting_topology(), with_skip);
  driver.pipe(kWords, "a", "good", 1'000);
  driver.pipe(kWords, "a", "bad", 2'000);
  driver.pipe(kWords, "a", "good", 3'000);
  driver.run();
  EXPECT_THAT(counts(driver), ElementsAre(1, 2));
  EXPECT_EQ(stored_count(driver, "a"), 2);
  const auto dead = driver.read_bytes("test-dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].key, "a");
  EXPECT_EQ(dead[0].value, "bad");
}

TEST_P(DriverTest, UserCodeThatThrowsStopsTheEngineUnderPolicyFail) {
  DriverOptions with_fail = options();
  with_fail.engine.on_user_error = OnError::kFail;
  TopologyDriver driver(counting_topology(), with_fail);
  driver.pipe(kWords, "a", "good", 1'000);
  driver.run();
  driver.pipe(kWords, "a", "bad", 2'000);
  const Status status = driver.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kUserCode);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("words/0@1"));
  EXPECT_THAT(counts(driver), ElementsAre(1));
}

TEST_P(DriverTest, AnExchangeBringsEveryRecordToTheTaskOfItsKey) {
  TopologyDriver driver(counting_topology(true), options(4));
  for (int i = 0; i < 200; ++i) {
    driver.pipe(kWords, "w" + std::to_string(i), "v" + std::to_string(i % 20), i);
  }
  driver.run();
  for (int v = 0; v < 20; ++v) EXPECT_EQ(stored_count(driver, "v" + std::to_string(v)), 10);
}

}  // namespace millrace::testing::topology_driver_test
