// Work that a processor puts off to the end of the commit's records.
#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "engine/output/dead_letters.h"
#include "engine/task/deferred_work.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::deferred_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
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

/// Of the records that dead letters name, by the letters' keys.
std::map<std::string, int64_t> letter_offsets(TopologyDriver& driver) {
  std::map<std::string, int64_t> offsets;
  for (const auto& stored : broker_of(driver).read_committed({"test-dead-letters", 0})) {
    std::vector<Header> headers;
    for (const auto& [name, value] : stored.headers) headers.push_back({name, Bytes(*value)});
    const auto letter = read_dead_letter({.timestamp_ms = stored.timestamp_ms,
                                          .key = Bytes(*stored.key),
                                          .value = {},
                                          .headers = headers});
    if (letter) offsets[std::string(letter->key.value_or(""))] = letter->offset;
  }
  return offsets;
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

TEST(DeferredTest, AFailureIsALetterThatNamesTheKeyAndTheRecordThatAsked) {
  Script script = gathering();
  script.timers = TimeKind::kStream;
  script.process = [](ProcessorContext& context, const Record& record) {
    gather(context, record);
    if (record.value == Bytes("t")) context.timers("timers").set(Bytes("by timer"), 0, 20);
  };
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    context.defer(timer.key, timer.time_ms);
  };
  script.on_deferred = [](ProcessorContext&, const DeferredCall&) {
    throw std::runtime_error("cannot do this");
  };
  DriverOptions options;
  options.engine.on_user_error = OnError::kDeadLetter;
  TopologyDriver driver(scripted(script), options);
  driver.pipe(kLeft, "a", "1", 10);
  driver.pipe(kLeft, "a", "t", 15);
  driver.pipe(kLeft, "b", "2", 30);
  driver.run();
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 3);
  const auto letters = broker_of(driver).read_committed({"test-dead-letters", 0});
  ASSERT_EQ(letters.size(), 2U) << "no record asked for the timer's";
  for (size_t i = 0; i < 2; ++i) {
    std::vector<Header> headers;
    for (const auto& [name, value] : letters[i].headers) headers.push_back({name, Bytes(*value)});
    const auto letter = read_dead_letter({.timestamp_ms = letters[i].timestamp_ms,
                                          .key = Bytes(*letters[i].key),
                                          .value = {},
                                          .headers = headers});
    ASSERT_TRUE(letter);
    EXPECT_EQ(letters[i].value, std::nullopt);
    EXPECT_EQ(letter->key, i == 0 ? "a" : "b");
    EXPECT_EQ(letter->timestamp_ms, i == 0 ? 15 : 30);
    EXPECT_EQ(letter->topic, "left");
    EXPECT_EQ(letter->offset, i == 0 ? 0 : 2) << "of the record that asked first";
    EXPECT_THAT(letter->reason, HasSubstr("node 'step': cannot do this"));
    EXPECT_THAT(letter->cut, HasSubstr("all of the record but a key")) << "so nobody replays it";
  }
}

TEST(DeferredTest, ALetterNamesTheFirstRecordThatAskedAlsoWhenATimerAskedBefore) {
  Script script = gathering();
  script.timers = TimeKind::kStream;
  script.process = [](ProcessorContext& context, const Record& record) {
    if (record.value == Bytes("t")) return context.timers("timers").set(record.key, 0, 20);
    gather(context, record);
  };
  script.on_timer = [](ProcessorContext& context, const Timer& timer) {
    context.defer(timer.key, timer.time_ms);
  };
  script.on_deferred = [](ProcessorContext&, const DeferredCall&) {
    throw std::runtime_error("cannot do this");
  };
  DriverOptions options;
  options.engine.on_user_error = OnError::kDeadLetter;
  TopologyDriver driver(scripted(script), options);
  driver.pipe(kLeft, "a", "t", 10);
  driver.pipe(kLeft, "b", "later than the timer", 30);
  driver.pipe(kLeft, "a", "1", 40);
  driver.pipe(kLeft, "a", "2", 50);
  driver.run();
  EXPECT_THAT(letter_offsets(driver), ElementsAre(Pair("a", 2), Pair("b", 1)));
}

/// left → "first", which defers → "second", which defers what that work forwards → out
Result<Topology> deferring_twice(const Script& first, const Script& second) {
  std::vector<Node> nodes(4);
  nodes[0].name = "left-in";
  nodes[1].name = "first";
  nodes[2].name = "second";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {"left", type_info<std::string>(), type_info<std::string>()};
  for (const auto& [node, script] : {std::pair(1, first), std::pair(2, second)}) {
    nodes[node].factory = [script = script] {
      return std::make_unique<ScriptedProcessor>(script.init, script.process, script.on_timer,
                                                 script.on_change, script.on_reset,
                                                 script.on_deferred);
    };
  }
  nodes[1].stores = {"timers"};
  nodes[3].name = "out-sink";
  nodes[3].kind = NodeKind::kSink;
  nodes[3].topic = {"out", type_info<std::string>(), type_info<std::string>()};
  for (NodeIndex i = 1; i < 4; ++i) {
    nodes[i].parents = {i - 1};
    nodes[i - 1].children = {i};
  }
  return Topology::create(
      "twice", std::move(nodes),
      {{.name = "timers", .key = {}, .value = {}, .timers = TimeKind::kStream}});
}

TEST(DeferredTest, WorkThatDeferredWorkAsksForGoesBackToTheSameRecord) {
  const auto defer = [](ProcessorContext& context, const Record& record) {
    if (record.value == Bytes("t")) return context.timers("timers").set(record.key, 0, 20);
    context.defer(record.key, record.timestamp_ms);
  };
  Script first{.process = defer};
  first.on_timer = [](ProcessorContext& context, const Timer& timer) {
    context.defer(timer.key, timer.time_ms);
  };
  first.on_deferred = [](ProcessorContext& context, const DeferredCall& call) {
    context.forward({.key = call.key,
                     .value = Bytes("x"),
                     .old_value = {},
                     .timestamp_ms = call.timestamp_ms,
                     .headers = {}});
  };
  Script second{.process = defer};
  second.on_deferred = [](ProcessorContext&, const DeferredCall&) {
    throw std::runtime_error("cannot do this");
  };
  DriverOptions options;
  options.engine.on_user_error = OnError::kDeadLetter;
  TopologyDriver driver(deferring_twice(first, second), options);
  driver.pipe(kLeft, "a", "t", 10);
  driver.pipe(kLeft, "b", "later than the timer", 30);
  driver.pipe(kLeft, "a", "1", 40);
  driver.run();
  EXPECT_THAT(letter_offsets(driver), ElementsAre(Pair("a", 2), Pair("b", 1)));
}

// It makes up by itself as soon as somebody asks again.
TEST(DeferredTest, AKeyWhoseWorkFailedIsRightAfterItsNextInput) {
  Script script = gathering();
  bool fails = true;
  script.on_deferred = [&fails](ProcessorContext& context, const DeferredCall& call) {
    if (fails) throw std::runtime_error("not now");
    tell(context, call);
  };
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  TopologyDriver driver(scripted(script), options);
  driver.pipe(kLeft, "a", "1", 10);
  driver.run();
  EXPECT_THAT(outputs(driver), IsEmpty());
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
  fails = false;
  driver.run();
  EXPECT_THAT(outputs(driver), IsEmpty());
  driver.pipe(kLeft, "a", "2", 20);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("a=12@20 1 20"));
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

TEST(DeferredTest, ResultsThatAreYetToComeCountForTheSizeOfACommit) {
  constexpr size_t kResultBytes = 20'000;
  constexpr size_t kRecords = 1'000;
  constexpr size_t kCommitBytes = 1 << 20;
  Script script = gathering();
  size_t made = 0;
  script.on_deferred = [&](ProcessorContext& context, const DeferredCall& call) {
    const std::string large(kResultBytes, 'x');
    context.store("rows").put(call.key, Bytes(large), call.timestamp_ms);
    made += kResultBytes;
  };
  size_t commits = 0;
  size_t most = 0;
  Cluster cluster([script] { return scripted(script); }, 1);
  cluster.options.commit_bytes_max = kCommitBytes;
  cluster.options.commit_interval_ms = cluster.options.commit_interval_max_ms = 60'000;
  cluster.options.slice_time_ms = 10'000;
  cluster.hooks.on_commit_step = [&](CommitStep step) {
    if (step != CommitStep::kChangelogSent) return Status();
    most = std::max(most, made);
    made = 0;
    ++commits;
    return Status();
  };
  ASSERT_TRUE(cluster.start("a").ok());
  cluster.pipe("left", "first", "1");
  ASSERT_TRUE(cluster.turn(10).ok());
  ASSERT_TRUE(cluster["a"].commit().ok());
  ASSERT_EQ(commits, 1U);
  for (size_t i = 0; i < kRecords; ++i) cluster.pipe("left", std::to_string(i), "1");
  cluster.clock.advance(1);
  for (int turn = 0; turn < 500; ++turn) ASSERT_TRUE(cluster.turn().ok());
  EXPECT_GE(commits, kRecords * kResultBytes / (2 * kCommitBytes));
  EXPECT_LE(most, kCommitBytes * 3 / 2);
}

/// Cheap work of one node says nothing about another's.
TEST(DeferredWork, OwesForEachNodeByItsOwnCalls) {
  DeferredWork work;
  const auto ask = [&work](uint32_t node, int first, int last) {
    work.begin_unit();
    for (int i = first; i < last; ++i) work.add(node, Bytes(std::to_string(i)), 1, {}, {});
  };
  EXPECT_EQ(work.owed_bytes(), 0U);
  ask(0, 0, 200);
  ask(1, 0, 20);
  for (int i = 0; i < 210; ++i) {
    const auto call = work.take_first();
    ASSERT_TRUE(call);
    work.measure(call->node, call->node == 0 ? 100 : 20'000);
  }
  EXPECT_EQ(work.owed_bytes(), 10U * 20'000);
  ask(0, 0, 5);
  EXPECT_EQ(work.owed_bytes(), 10U * 20'000 + 5U * 100);
  work.clear();
  EXPECT_EQ(work.owed_bytes(), 0U);
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
