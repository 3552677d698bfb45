#include <random>
#include <sstream>

#include <gmock/gmock.h>

#include "millrace/testing/topology_driver.h"

#include "engine/testing/driver_broker.h"
#include "small_topologies.h"

namespace millrace::engine::timers_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TopologyDriver;

void say(ProcessorContext& context, Bytes key, const std::string& what, int64_t timestamp_ms) {
  context.forward({.key = key,
                   .value = Bytes(what),
                   .old_value = {},
                   .timestamp_ms = timestamp_ms,
                   .headers = {}});
}

/// "set <time> [kind]", "cancel [kind]"; anything else is passed on.
void obey(ProcessorContext& context, const Record& record) {
  std::istringstream words(record.value.to_string());
  std::string verb;
  words >> verb;
  Timers& timers = context.timers("timers");
  int64_t time_ms = 0;
  int kind = 0;
  if (verb == "set") {
    words >> time_ms >> kind;
    timers.set(record.key, static_cast<uint8_t>(kind), time_ms);
  } else if (verb == "cancel") {
    words >> kind;
    timers.cancel(record.key, static_cast<uint8_t>(kind));
  } else {
    context.forward(record);
  }
}

Script timed(TimeKind kind) {
  return {.process = obey,
          .timers = kind,
          .on_timer = [](ProcessorContext& context, const Timer& timer) {
            say(context, timer.key,
                timer.key.to_string() + "/" + std::to_string(timer.kind) + "@" +
                    std::to_string(timer.time_ms),
                timer.time_ms);
          }};
}

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read(kOut)) values.emplace_back(record.value());
  return values;
}

/// Where the stores of a driver live: in memory (a restart restores all) or on disk.
class TimersTest : public ::testing::TestWithParam<bool> {
 protected:
  TimersTest() {
    if (GetParam()) {
      state_dir_ = std::filesystem::path(::testing::TempDir()) /
                   ("millrace-timers-" + std::to_string(std::random_device{}()));
    }
  }
  ~TimersTest() override { forget(); }
  void forget() const {
    if (!state_dir_.empty()) std::filesystem::remove_all(state_dir_);
  }
  DriverOptions options() const {
    DriverOptions options;
    options.state_dir = state_dir_;
    return options;
  }
  static void set(TopologyDriver& driver, const std::string& key, int64_t time_ms, int kind = 0) {
    driver.pipe(kLeft, key, "set " + std::to_string(time_ms) + " " + std::to_string(kind),
                driver.now_ms());
  }

  std::filesystem::path state_dir_;
};

INSTANTIATE_TEST_SUITE_P(MemoryAndDisk, TimersTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Disk" : "Memory"; });

constexpr int64_t kStart = 1'700'000'000'000;

TEST_P(TimersTest, FireInOrderOfTimeThenKeyAndKindWhenTheClockComesThere) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  set(driver, "c", kStart + 200);
  set(driver, "b", kStart + 100, 1);
  set(driver, "b", kStart + 100, 0);
  set(driver, "a", kStart + 100);
  driver.run();
  EXPECT_THAT(outputs(driver), IsEmpty());
  driver.advance_time(99);
  driver.run();
  EXPECT_THAT(outputs(driver), IsEmpty());
  driver.advance_time(1);
  driver.run();
  EXPECT_THAT(outputs(driver),
              ElementsAre("a/0@1700000000100", "b/0@1700000000100", "b/1@1700000000100"));
  driver.advance_time(1'000'000);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("c/0@1700000000200"));
}

TEST_P(TimersTest, AReplacedTimerFiresAtItsNewTimeAndACancelledOneNot) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  set(driver, "a", kStart + 100);
  set(driver, "b", kStart + 100);
  driver.run();
  set(driver, "a", kStart + 300);
  driver.pipe(kLeft, "b", "cancel", kStart);
  driver.run();
  EXPECT_EQ(driver.timer_ms("timers", Bytes("a"), 0), kStart + 300);
  EXPECT_EQ(driver.timer_ms("timers", Bytes("b"), 0), std::nullopt);
  driver.advance_time(200);
  driver.run();
  EXPECT_THAT(outputs(driver), IsEmpty());
  driver.advance_time(200);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a/0@1700000000300"));
  EXPECT_EQ(driver.timer_ms("timers", Bytes("a"), 0), std::nullopt);
}

TEST_P(TimersTest, OfEventTimeFireBeforeTheRecordThatReachesThem) {
  TopologyDriver driver(scripted(timed(TimeKind::kStream)), options());
  driver.pipe(kLeft, "a", "set 100", 10);
  driver.pipe(kLeft, "b", "set 50", 10);
  driver.pipe(kLeft, "x", "at 49", 49);
  driver.pipe(kLeft, "x", "at 100", 100);
  driver.pipe(kLeft, "c", "set 60", 20);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("at 49", "b/0@50", "a/0@100", "at 100", "c/0@60"));
}

TEST_P(TimersTest, EventTimeGoesOnAfterARestart) {
  TopologyDriver driver(scripted(timed(TimeKind::kStream)), options());
  driver.pipe(kLeft, "x", "at 1000", 1'000);
  driver.run();
  driver.restart();
  driver.pipe(kLeft, "a", "set 900", 500);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("at 1000", "a/0@900"));
}

TEST_P(TimersTest, FireInOrderAfterDowntime) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  for (int i = 0; i < 100; ++i) set(driver, std::to_string(10 + i), kStart + (i * 37) % 100);
  driver.run();
  outputs(driver);
  for (int i = 0; i < 100; ++i) set(driver, std::to_string(10 + i), kStart + 1 + (i * 37) % 100);
  driver.run();
  driver.restart();
  driver.advance_time(1'000'000);
  driver.run();
  int64_t last_ms = 0;
  const auto fired = driver.read(kOut);
  for (const auto& record : fired) {
    EXPECT_GE(record.raw.timestamp_ms, last_ms);
    last_ms = record.raw.timestamp_ms;
  }
  EXPECT_EQ(fired.size(), 100U);
}

TEST_P(TimersTest, OnTheWallClockDoNotOvertakeTheBacklog) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  set(driver, "a", kStart + 500);
  driver.run();
  driver.pipe(kLeft, "x", "at 400", kStart + 400);
  driver.pipe(kLeft, "a", "set 1700000000700", kStart + 450);
  driver.pipe(kLeft, "x", "at 600", kStart + 600);
  driver.pipe(kLeft, "x", "at 800", kStart + 800);
  driver.pipe(kLeft, "b", "set 1700000000810", kStart + 805);
  driver.advance_time(3'600'000);
  driver.restart();
  driver.run();
  EXPECT_THAT(outputs(driver),
              ElementsAre("at 400", "at 600", "a/0@1700000000700", "at 800", "b/0@1700000000810"));
}

TEST_P(TimersTest, DoNotWaitForRecordsThatCameAfterTheStart) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  set(driver, "a", kStart + 500);
  driver.run();
  driver.advance_time(3'600'000);
  driver.pipe(kLeft, "x", "at 400", kStart + 400);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a/0@1700000000500", "at 400"));
}

TEST_P(TimersTest, ACrashAtAnyStepOfACommitNeitherLosesNorDoublesAFiring) {
  for (const CommitStep step :
       {CommitStep::kBegin, CommitStep::kChangelogSent, CommitStep::kOffsetsSent,
        CommitStep::kTransactionCommitted, CommitStep::kTaskApplied, CommitStep::kDone}) {
    SCOPED_TRACE(to_string(step));
    forget();
    DriverOptions small = options();
    small.engine.slice_records = 7;
    TopologyDriver driver(scripted(timed(TimeKind::kWall)), small);
    driver.run();
    for (int i = 0; i < 30; ++i) set(driver, std::to_string(10 + i), kStart + 1 + i);
    driver.run();
    driver.advance_time(15);
    driver.crash_at(step);
    EXPECT_FALSE(driver.try_run().ok());
    driver.crash_and_restart();
    driver.run();
    driver.advance_time(1'000);
    driver.run();
    std::vector<std::string> expected;
    for (int i = 0; i < 30; ++i) {
      expected.push_back(std::to_string(10 + i) + "/0@" + std::to_string(kStart + 1 + i));
    }
    EXPECT_EQ(outputs(driver), expected);
  }
}

TEST_P(TimersTest, AreRestoredFromTheirChangelog) {
  TopologyDriver driver(scripted(timed(TimeKind::kWall)), options());
  driver.run();
  set(driver, "a", kStart + 100);
  set(driver, "b", kStart + 200);
  set(driver, "c", kStart + 300);
  driver.run();
  set(driver, "c", kStart + 150);
  driver.advance_time(100);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a/0@1700000000100"));
  broker_of(driver).compact("test-timers-changelog");
  driver.delete_state();
  driver.restart();
  driver.advance_time(1'000);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("c/0@1700000000150", "b/0@1700000000200"));
}

TEST_P(TimersTest, AFiringThatThrowsLeavesNothingAndIsNotRepeated) {
  Script script = timed(TimeKind::kWall);
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    say(context, timer.key, timer.key.to_string(), timer.time_ms);
    context.timers("timers").set(timer.key, 9, timer.time_ms + 1'000);
    if (timer.key == Bytes("bad")) throw std::runtime_error("a bad timer");
  };
  for (const OnError policy : {OnError::kSkip, OnError::kFail}) {
    forget();
    DriverOptions with_policy = options();
    with_policy.engine.on_user_error = policy;
    TopologyDriver driver(scripted(script), with_policy);
    driver.run();
    set(driver, "a", kStart + 1);
    set(driver, "bad", kStart + 2);
    set(driver, "c", kStart + 3);
    driver.run();
    driver.advance_time(500);
    if (policy == OnError::kFail) {
      EXPECT_EQ(driver.try_run().code(), ErrorCode::kUserCode);
      continue;
    }
    driver.run();
    EXPECT_THAT(outputs(driver), ElementsAre("a", "c"));
    EXPECT_EQ(driver.timer_ms("timers", Bytes("a"), 9), kStart + 1'001);
    EXPECT_EQ(driver.timer_ms("timers", Bytes("bad"), 9), std::nullopt);
    EXPECT_EQ(driver.timer_ms("timers", Bytes("bad"), 0), std::nullopt);
  }
}

TEST_P(TimersTest, ATimerSetWhileAnotherFiresTakesItsPlace) {
  Script script = timed(TimeKind::kWall);
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    say(context, timer.key, timer.key.to_string() + std::to_string(timer.kind), timer.time_ms);
    if (timer.kind >= 3) return;
    context.timers("timers").set(timer.key, timer.kind + 1, timer.time_ms + 10);
  };
  TopologyDriver driver(scripted(script), options());
  driver.run();
  set(driver, "a", kStart + 1);
  set(driver, "b", kStart + 15);
  driver.run();
  driver.advance_time(27);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a0", "a1", "b0", "a2", "b1"));
}

TEST_P(TimersTest, ManyDueAtOnceFireInSlices) {
  int fired = 0;
  Script script = timed(TimeKind::kWall);
  script.on_timer = [&](ProcessorContext&, const Timer&) { ++fired; };
  DriverOptions small = options();
  small.engine.slice_records = 100;
  TopologyDriver driver(scripted(script), small);
  driver.run();
  for (int i = 0; i < 5'000; ++i) set(driver, std::to_string(i), kStart + 1);
  driver.run();
  driver.advance_time(1);
  int turns = 0;
  for (; fired < 5'000 && turns < 1'000; ++turns) {
    const int before = fired;
    ASSERT_TRUE(driver.run_once().ok());
    EXPECT_LE(fired - before, 100);
  }
  EXPECT_GE(turns, 50);
  driver.run();
  EXPECT_EQ(fired, 5'000);
}

}  // namespace millrace::engine::timers_test
