#include <random>

#include <gmock/gmock.h>

#include "millrace/testing/topology_driver.h"

#include "cluster.h"
#include "engine/testing/driver_broker.h"
#include "small_topologies.h"

namespace millrace::engine::broadcasts_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TopologyDriver;
using ::testing::UnorderedElementsAre;

constexpr Topic<std::string, std::string> kRules{"rules"};

std::string text(Bytes bytes) {
  return bytes.is_null() ? "none" : bytes.to_string();
}

void say(ProcessorContext& context, Bytes key, const std::string& what, int64_t timestamp_ms) {
  context.forward({.key = key,
                   .value = Bytes(what),
                   .old_value = {},
                   .timestamp_ms = timestamp_ms,
                   .headers = {}});
}

/// Says the rule of every record's value, and every change of the rules.
Script ruled() {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                const Row rule = context.broadcast("rules").get(record.value);
                say(context, record.key, record.value.to_string() + ":" + text(rule.value),
                    record.timestamp_ms);
              },
          .broadcast = "rules",
          .on_change =
              [](ProcessorContext& context, const BroadcastChange& change) {
                EXPECT_EQ(context.broadcast("rules").get(change.key).value, change.value);
                say(context, change.key,
                    change.key.to_string() + " " + text(change.old_value) + ">" +
                        text(change.value) + (change.is_old_known ? "" : "?"),
                    change.timestamp_ms);
              },
          .on_reset =
              [](ProcessorContext& context, std::string_view) {
                std::string all = "reset";
                context.broadcast("rules").for_each([&](Bytes key, Row row) {
                  all += " " + key.to_string() + "=" + row.value.to_string();
                });
                say(context, Bytes("reset"), all, 0);
              }};
}

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read(kOut)) values.emplace_back(record.value());
  return values;
}

/// Where the stores of a driver live: in memory (a restart restores all) or on disk.
class BroadcastsTest : public ::testing::TestWithParam<bool> {
 protected:
  BroadcastsTest() {
    if (GetParam()) {
      state_dir_ = std::filesystem::path(::testing::TempDir()) /
                   ("millrace-broadcasts-" + std::to_string(std::random_device{}()));
    }
  }
  ~BroadcastsTest() override { forget(); }
  void forget() const {
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
  }
  DriverOptions options() const {
    DriverOptions options;
    options.state_dir = state_dir_;
    return options;
  }

  std::filesystem::path state_dir_;
};

INSTANTIATE_TEST_SUITE_P(MemoryAndDisk, BroadcastsTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Disk" : "Memory"; });

TEST_P(BroadcastsTest, TheWholeTableIsMetBeforeTheFirstRecord) {
  TopologyDriver driver(scripted(ruled()), options());
  driver.pipe(kLeft, "k", "r1", 10);
  driver.pipe(kRules, "r1", "x", 500);
  driver.pipe(kRules, "r1", "y", 600);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r1 none>x", "r1 x>y", "r1:y"));
}

TEST_P(BroadcastsTest, AChangeIsAnInputInTheOrderOfTime) {
  TopologyDriver driver(scripted(ruled()), options());
  driver.run();
  driver.pipe(kLeft, "k", "r1", 10);
  driver.pipe(kLeft, "k", "r1", 30);
  driver.pipe(kRules, "r1", "x", 20);
  driver.pipe_tombstone(kRules, "r1", 40);
  driver.pipe(kLeft, "k", "r1", 50);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r1:none", "r1 none>x", "r1:x", "r1 x>none", "r1:none"));
}

TEST_P(BroadcastsTest, AChangeWakesEveryTask) {
  DriverOptions four = options();
  four.topic_partitions = {{"left", 4}, {"out", 1}};
  TopologyDriver driver(scripted(ruled()), four);
  driver.run();
  driver.pipe(kRules, "r1", "x", 20);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r1 none>x", "r1 none>x", "r1 none>x", "r1 none>x"));
}

TEST_P(BroadcastsTest, ARestartGoesOnAtTheCursor) {
  TopologyDriver driver(scripted(ruled()), options());
  driver.pipe(kRules, "r1", "x", 20);
  driver.pipe(kRules, "r2", "x", 20);
  driver.run();
  driver.restart();
  driver.run();
  driver.pipe(kRules, "r1", "y", 30);
  driver.restart();
  driver.pipe(kLeft, "k", "r1", 10);
  driver.pipe(kLeft, "k", "r2", 11);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r1 none>x", "r2 none>x", "r1 x>y", "r1:y", "r2:x"));
}

TEST_P(BroadcastsTest, WhatCompactionTookAwayIsSaidToBeUnknown) {
  TopologyDriver driver(scripted(ruled()), options());
  driver.pipe(kRules, "r1", "x", 20);
  driver.run();
  driver.pipe(kRules, "r1", "y", 30);
  broker_of(driver).compact("rules");
  driver.restart();
  driver.pipe(kLeft, "k", "r1", 10);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r1 none>x", "r1 none>y?", "r1:y"));
}

TEST_P(BroadcastsTest, ACursorOlderThanTombstonesAreKeptMeetsAllAnew) {
  TopologyDriver driver(scripted(ruled()), options());
  driver.pipe(kRules, "r1", "x", 20);
  driver.pipe(kRules, "r2", "x", 20);
  driver.run();
  outputs(driver);
  driver.pipe(kRules, "r2", "y", 30);
  driver.advance_time(25LL * 3600 * 1000);
  driver.restart();
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("reset r1=x r2=y"));
  driver.pipe(kRules, "r3", "z", 40);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r3 none>z"));
}

TEST_P(BroadcastsTest, ACrashAtAnyStepOfACommitNeitherLosesNorDoublesAChange) {
  for (const CommitStep step :
       {CommitStep::kBegin, CommitStep::kChangelogSent, CommitStep::kOffsetsSent,
        CommitStep::kTransactionCommitted, CommitStep::kTaskApplied, CommitStep::kDone}) {
    SCOPED_TRACE(to_string(step));
    forget();
    TopologyDriver driver(scripted(ruled()), options());
    driver.run();
    driver.pipe(kRules, "r1", "x", 20);
    driver.pipe(kLeft, "k", "r1", 30);
    driver.pipe(kRules, "r1", "y", 40);
    driver.crash_at(step);
    EXPECT_FALSE(driver.try_run().ok());
    driver.crash_and_restart();
    driver.run();
    driver.pipe(kLeft, "k", "r1", 50);
    driver.run();
    // An uncommitted change comes again, and then before the records.
    const bool is_committed = step >= CommitStep::kTransactionCommitted;
    EXPECT_EQ(outputs(driver),
              (is_committed ? std::vector<std::string>{"r1 none>x", "r1:x", "r1 x>y", "r1:y"}
                            : std::vector<std::string>{"r1 none>x", "r1 x>y", "r1:y", "r1:y"}));
  }
}

TEST_P(BroadcastsTest, AChangeWhoseCallThrowsIsPassed) {
  Script script = ruled();
  const auto on_change = script.on_change;
  script.on_change = [on_change](ProcessorContext& context, const BroadcastChange& change) {
    on_change(context, change);
    if (change.value == Bytes("bad")) throw std::runtime_error("a bad rule");
  };
  DriverOptions skip = options();
  skip.engine.on_user_error = OnError::kSkip;
  TopologyDriver driver(scripted(script), skip);
  driver.pipe(kRules, "r1", "bad", 20);
  driver.pipe(kRules, "r2", "x", 20);
  driver.run();
  driver.restart();
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("r2 none>x"));
}

TEST(Broadcasts, TwoInstancesMeetEveryChangeOnceATaskAlsoAfterAFailover) {
  Cluster cluster([] { return scripted(ruled()); }, 2);
  ASSERT_TRUE(cluster.start("one").ok());
  ASSERT_TRUE(cluster.start("two").ok());
  ASSERT_TRUE(cluster.settle().ok());
  cluster.pipe("rules", "r1", "x", 10);
  ASSERT_TRUE(cluster.settle().ok());
  EXPECT_THAT(cluster.values("out")["r1"], ElementsAre("r1 none>x", "r1 none>x"));
  cluster.kill("two");
  cluster.pipe("rules", "r1", "y", 20);
  ASSERT_TRUE(cluster.settle().ok());
  EXPECT_THAT(cluster.values("out")["r1"],
              ElementsAre("r1 none>x", "r1 none>x", "r1 x>y", "r1 x>y"));
  ASSERT_TRUE(cluster.start("two").ok());
  ASSERT_TRUE(cluster.settle().ok());
  cluster.pipe("rules", "r2", "z", 30);
  ASSERT_TRUE(cluster.settle().ok());
  EXPECT_EQ(cluster.values("out")["r1"].size(), 4U);
  EXPECT_THAT(cluster.values("out")["r2"], ElementsAre("r2 none>z", "r2 none>z"));
}

TEST(Broadcasts, ATaskThatMetNothingMeetsAllWhereItsChangesAreForgotten) {
  Cluster cluster([] { return scripted(ruled()); }, 1);
  ASSERT_TRUE(cluster.start("one").ok());
  ASSERT_TRUE(cluster.settle().ok());
  ASSERT_TRUE(cluster.start("two").ok());
  ASSERT_TRUE(cluster.settle().ok());
  ASSERT_TRUE(cluster["two"].queries().tasks().empty());
  cluster.pipe("rules", "r1", "x", 10);
  for (int turn = 0; turn < 5; ++turn) ASSERT_TRUE(cluster["two"].run_once().ok());
  cluster.kill("one");
  cluster.pipe("left", "k", "r1", 20);
  ASSERT_TRUE(cluster.settle().ok());
  EXPECT_THAT(cluster.values("out")["reset"], ElementsAre("reset r1=x"));
  EXPECT_THAT(cluster.values("out")["k"], ElementsAre("r1:x"));
}

// A compaction removes the first version of a row before one instance reads the table, and not the
// one that follows: its task comes to the rows between. The other instance has read both.
TEST(Broadcasts, AnOldRowThatATaskNeverMetIsUnknownThoughTheNextInstanceHasIt) {
  Cluster cluster([] { return scripted(ruled()); }, 2);
  cluster.options.slice_records = 1;
  cluster.options.commit_interval_ms = 1;
  for (const char* const name : {"one", "two"}) {
    ASSERT_TRUE(cluster.start(name).ok());
    ASSERT_TRUE(cluster.settle().ok());
    ASSERT_EQ(cluster[name].queries().tasks().size(), name == std::string("one") ? 2U : 1U);
  }
  cluster.pipe("rules", "r", "never met", 10);
  cluster.pipe("rules", "between", "x", 10);
  cluster.pipe("rules", "r", "y", 10);
  const auto take_a_change = [&cluster](const char* name) {
    cluster.clock.advance(1);
    return cluster[name].run_once().ok();
  };
  ASSERT_TRUE(take_a_change("two"));
  ASSERT_THAT(cluster.values("out")["r"], ElementsAre("r none>never met"));
  cluster.broker.compact("rules", cluster.clock.now_ms());
  ASSERT_TRUE(take_a_change("one"));
  ASSERT_THAT(cluster.values("out")["between"], ElementsAre("between none>x"));
  cluster.kill("one");
  ASSERT_TRUE(cluster.settle().ok());
  EXPECT_THAT(cluster.values("out")["r"],
              UnorderedElementsAre("r none>never met", "r never met>y", "r none>y?"));
  EXPECT_THAT(cluster.values("out")["between"], ElementsAre("between none>x", "between none>x"));
  EXPECT_FALSE(cluster.values("out").contains("reset"));
}

/// The offset and the time of cursors, as the version before wrote them; the rest is cut off.
void write_as_the_version_before(testing::MemoryBroker& broker, const TopicPartition& cursors) {
  for (testing::StoredRecord& row : broker.read_committed(cursors)) {
    row.value->resize(2 * sizeof(int64_t));
    row.offset = row.transaction = 0;
    broker.append(cursors, row);
  }
}

TEST(Broadcasts, ACursorOfTheVersionBeforeStaysWhereItIsAndDoubtsWhatItMet) {
  Cluster cluster([] { return scripted(ruled()); }, 1);
  ASSERT_TRUE(cluster.start("one").ok());
  for (const char* const rule : {"r1", "r2", "r3"}) cluster.pipe("rules", rule, "x", 10);
  ASSERT_TRUE(cluster.settle().ok());
  cluster.kill("one");
  write_as_the_version_before(cluster.broker, {"app-step-cursors-changelog", 0});
  cluster.pipe("rules", "r1", "y", 20);
  cluster.pipe("rules", "r3", "y", 20);
  ASSERT_TRUE(cluster.start("two").ok());
  ASSERT_TRUE(cluster.settle().ok());
  cluster.pipe("rules", "r1", "z", 30);
  ASSERT_TRUE(cluster.settle().ok());
  // Of r1 another version may have been the one that the task met; what it met last is certain.
  EXPECT_THAT(cluster.values("out")["r1"], ElementsAre("r1 none>x", "r1 none>y?", "r1 y>z"));
  EXPECT_THAT(cluster.values("out")["r2"], ElementsAre("r2 none>x"));
  EXPECT_THAT(cluster.values("out")["r3"], ElementsAre("r3 none>x", "r3 x>y"));
  EXPECT_FALSE(cluster.values("out").contains("reset"));
}

/// Two rules are met; then `r2` is deleted and the topic compacted, so that a day later nothing
/// tells of the deletion any more.
class DeletedRule : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_.options.slice_records = 1;
    cluster_.options.commit_interval_ms = 1;
    ASSERT_TRUE(cluster_.start("a"));
    ASSERT_TRUE(cluster_.settle());
    cluster_.pipe("rules", "r1", "x", 10);
    cluster_.pipe("rules", "r2", "x", 10);
    ASSERT_TRUE(cluster_.settle());
  }
  void delete_rule(int64_t timestamp_ms) {
    cluster_.broker.append({"rules", 0},
                           {.timestamp_ms = timestamp_ms, .key = "r2", .value = {}, .headers = {}});
    compact();
  }
  void compact() { cluster_.broker.compact("rules", cluster_.clock.now_ms()); }
  size_t said(const std::string& key) { return cluster_.values("out")[key].size(); }

  static constexpr int64_t kHourMs = 3'600'000;
  Cluster cluster_{[] { return scripted(ruled()); }, 1};
};

TEST_F(DeletedRule, IsNotMissedByATaskThatHadPassedAnOlderChange) {
  cluster_.kill("a");
  cluster_.pipe("rules", "r1", "y", 20);
  delete_rule(30);
  cluster_.clock.advance(2 * kHourMs);
  ASSERT_TRUE(cluster_.start("a"));
  for (int i = 0; i < 100 && said("r1") < 2; ++i) ASSERT_TRUE(cluster_.turn());
  ASSERT_EQ(said("r1"), 2U);
  ASSERT_EQ(said("r2"), 1U);
  cluster_.kill("a");
  cluster_.clock.advance(23 * kHourMs);
  compact();
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_THAT(cluster_.values("out")["reset"], ElementsAre("reset r1=y"));
}

TEST_F(DeletedRule, IsNotMissedByATaskThatWasBehindForADay) {
  for (int i = 0; i < 10; ++i) cluster_.pipe("left", "k", "r2", 20);
  delete_rule(1'000);
  for (int i = 0; i < 4; ++i) {
    cluster_.clock.advance(7 * kHourMs);
    ASSERT_TRUE(cluster_.turn());
  }
  ASSERT_EQ(said("k"), 4U) << "each is a commit";
  ASSERT_EQ(said("r2"), 1U);
  cluster_.kill("a");
  compact();
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_THAT(cluster_.values("out")["reset"], ElementsAre("reset r1=x"));
  EXPECT_EQ(cluster_.values("out")["k"].back(), "r2:none");
}

TEST_F(DeletedRule, IsNotMissedByATaskWhoseClockWasAhead) {
  cluster_.kill("a");
  cluster_.clock.step(3 * kHourMs);
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.settle());
  cluster_.pipe("rules", "r1", "y", 20);
  ASSERT_TRUE(cluster_.settle());
  cluster_.clock.step(-3 * kHourMs);
  cluster_.clock.advance(60'000);
  cluster_.pipe("left", "k", "r1", 30);
  ASSERT_TRUE(cluster_.settle());
  cluster_.kill("a");
  delete_rule(30);
  cluster_.clock.advance(25 * kHourMs);
  compact();
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_THAT(cluster_.values("out")["reset"], ElementsAre("reset r1=y"));
}

TEST_F(DeletedRule, LeadsToNoResetOfATaskThatIsAlwaysAnHourBehind) {
  delete_rule(20);
  ASSERT_TRUE(cluster_.settle());
  for (int hour = 1; hour <= 30; ++hour) {
    cluster_.clock.advance(kHourMs);
    cluster_.pipe("left", "k", "r1", hour * 1'000);
    cluster_.pipe("left", "k", "r1", hour * 1'000);
    cluster_.pipe("rules", "r1", std::to_string(hour), hour * 1'000 + 500);
    ASSERT_TRUE(cluster_.turn(hour == 1 ? 2 : 3));
  }
  ASSERT_EQ(cluster_.values("out")["r1"].back(), "r1 28>29");
  cluster_.kill("a");
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(cluster_.values("out")["r1"].back(), "r1 29>30");
  EXPECT_EQ(said("reset"), 0U);
}

TEST(Broadcasts, ATopicThatIsMissingIsNamed) {
  Cluster cluster([] { return scripted(ruled()); }, 1);
  cluster.broker.delete_topic("rules");
  ASSERT_TRUE(cluster.start("one").ok());
  const Status status = cluster.turn(3);
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("'rules' (a broadcast table)"));
}

TEST(Broadcasts, ATopicThatIsNotCompactedIsRefused) {
  Cluster cluster([] { return scripted(ruled()); }, 1);
  cluster.broker.delete_topic("rules");
  cluster.broker.create_topic("rules", 1, {{"cleanup.policy", "delete"}});
  ASSERT_TRUE(cluster.start("one").ok());
  const Status status = cluster.turn(3);
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("cleanup.policy=delete"));
}

}  // namespace millrace::engine::broadcasts_test
