// Work that a processor puts off to the end of the commit's records.
#include <stdexcept>

#include <gmock/gmock.h>

#include "millrace/testing/topology_driver.h"

#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::deferred_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TopologyDriver;

constexpr int64_t kStart = 1'700'000'000'000;

/// Adds the record to its key's row, and asks for the key's work.
void gather(ProcessorContext& context, const Record& record) {
  KeyValueStore& rows = context.store("rows");
  const Row row = rows.get(record.key);
  const std::string all = (row ? row.value.to_string() : "") + record.value.to_string();
  rows.put(record.key, Bytes(all), record.timestamp_ms);
  context.defer(record.key, record.timestamp_ms);
  if (record.value == Bytes("!")) throw std::runtime_error("refused");
}

/// Forwards the row, where time stands and which record asked.
void tell(ProcessorContext& context, const DeferredCall& call) {
  const std::string text = context.store("rows").get(call.key).value.to_string() + "@" +
                           std::to_string(context.stream_time_ms()) + " " +
                           std::to_string(context.position().offset);
  context.forward({.key = call.key,
                   .value = Bytes(text),
                   .old_value = {},
                   .timestamp_ms = call.timestamp_ms,
                   .headers = {}});
}

Script gathering() {
  Script script{.process = gather, .with_store = true};
  script.on_deferred = tell;
  return script;
}

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> texts;
  for (const auto& record : driver.read(kOut)) {
    texts.push_back(std::string(record.key()) + "=" + std::string(record.value()) + " " +
                    std::to_string(record.raw.timestamp_ms));
  }
  return texts;
}

TEST(DeferredTest, RunsOncePerKeyAndCommitInTheOrderOfKeysAsOfTheFirstRecord) {
  TopologyDriver driver(scripted(gathering()));
  driver.pipe(kLeft, "b", "1", 10);
  driver.pipe(kLeft, "a", "2", 30);
  driver.pipe(kLeft, "b", "3", 20);
  driver.pipe(kLeft, "c", "4", 40);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a=2@30 1 30", "b=13@10 0 20", "c=4@40 3 40"));
  driver.pipe(kLeft, "b", "5", 15);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("b=135@40 4 15"));
}

TEST(DeferredTest, ARecordThatFailsTakesBackWhatItAskedFor) {
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  TopologyDriver driver(scripted(gathering()), options);
  driver.pipe(kLeft, "a", "!", 10);
  driver.pipe(kLeft, "b", "1", 20);
  driver.pipe(kLeft, "b", "!", 30);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("b=1@20 1 20"));
}

TEST(DeferredTest, AFailureIsUndoneAndSkippedOrNamesTheRecordThatAsked) {
  Script script = gathering();
  script.on_deferred = [](ProcessorContext& context, const DeferredCall& call) {
    const std::string row = context.store("rows").get(call.key).value.to_string();
    context.store("rows").put(call.key, Bytes("half"), 1);
    if (row == "bad") throw std::runtime_error("cannot do this");
    tell(context, call);
  };
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  TopologyDriver skipping(scripted(script), options);
  skipping.pipe(kLeft, "a", "bad", 10);
  skipping.pipe(kLeft, "b", "good", 10);
  skipping.run();
  EXPECT_THAT(outputs(skipping), ElementsAre("b=half@10 1 10"));
  const auto row = skipping.row<std::string, std::string>("rows", "a");
  ASSERT_TRUE(row);
  EXPECT_EQ(*row, "bad") << "the record's own row stays";

  TopologyDriver failing(scripted(script));
  failing.pipe(kLeft, "a", "bad", 10);
  const Status failed = failing.try_run();
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.message(), HasSubstr("deferred work for left/0@0 failed: node 'step'"));
}

TEST(DeferredTest, ANodeCannotDeferInItsOwnDeferredWork) {
  Script script = gathering();
  script.on_deferred = [](ProcessorContext& context, const DeferredCall& call) {
    context.defer(call.key, call.timestamp_ms);
  };
  TopologyDriver driver(scripted(script));
  driver.pipe(kLeft, "a", "1", 10);
  const Status failed = driver.try_run();
  EXPECT_THAT(failed.message(), HasSubstr("deferred work cannot defer itself"));
}

TEST(DeferredTest, ATimerMayHaveTheWorkDoneFirst) {
  Script script = gathering();
  script.timers = TimeKind::kStream;
  script.process = [](ProcessorContext& context, const Record& record) {
    gather(context, record);
    if (record.value == Bytes("t")) context.timers("timers").set(record.key, 0, 20);
  };
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    if (!context.finish_deferred(timer.key)) throw std::logic_error("it asked for work");
    if (context.finish_deferred(timer.key)) throw std::logic_error("it is done already");
    tell(context, {timer.key, timer.time_ms});
  };
  TopologyDriver driver(scripted(script));
  driver.pipe(kLeft, "a", "t", 10);
  driver.pipe(kLeft, "b", "1", 30);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a=t@10 0 10", "a=t@10 -1 20", "b=1@30 1 30"));
}

TEST(DeferredTest, ATimerThatIsDueAlreadyFiresNext) {
  Script script = gathering();
  script.timers = TimeKind::kWall;
  script.on_deferred = [](ProcessorContext& context, const DeferredCall& call) {
    context.timers("timers").set(call.key, 0, call.timestamp_ms);
  };
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    tell(context, {timer.key, timer.time_ms});
  };
  TopologyDriver driver(scripted(script));
  driver.pipe(kLeft, "a", "1", kStart - 5);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a=1@1699999999995 -1 1699999999995"));
}

TEST(DeferredTest, ManyKeysDoNotWaitForTheCommit) {
  Script script = gathering();
  size_t waiting = 0;
  size_t most = 0;
  script.process = [&](ProcessorContext& context, const Record& record) {
    gather(context, record);
    most = std::max(most, ++waiting);
  };
  script.on_deferred = [&](ProcessorContext& context, const DeferredCall& call) {
    tell(context, call);
    --waiting;
  };
  constexpr size_t kRecords = 20'000;
  DriverOptions options;
  options.engine.commit_interval_ms = 60'000;
  TopologyDriver driver(scripted(script), options);
  for (size_t i = 0; i < kRecords; ++i) driver.pipe(kLeft, std::to_string(i), "1", 10);
  driver.run();
  EXPECT_EQ(waiting, 0);
  EXPECT_LT(most, kRecords / 2);
  EXPECT_EQ(driver.read(kOut).size(), kRecords);
}

TEST(DeferredTest, WorkOfACommitThatFailsComesAgain) {
  TopologyDriver driver(scripted(gathering()));
  driver.pipe(kLeft, "a", "1", 10);
  driver.crash_at(CommitStep::kOffsetsSent);
  EXPECT_FALSE(driver.try_run().ok());
  EXPECT_THAT(outputs(driver), IsEmpty());
  driver.crash_and_restart();
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a=1@10 0 10"));
}

}  // namespace millrace::engine::deferred_test
