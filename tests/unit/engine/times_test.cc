#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "cluster.h"
#include "engine/testing/driver_broker.h"
#include "small_topologies.h"

namespace millrace::engine::times_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TopologyDriver;

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

void say(ProcessorContext& context, const std::string& what) {
  context.forward(
      {.key = Bytes("k"), .value = Bytes(what), .old_value = {}, .timestamp_ms = 1, .headers = {}});
}

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read(kOut)) values.emplace_back(record.value());
  return values;
}

/// Sets a timer for the number that the value is; says which fire.
Script timed() {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                context.timers("timers").set(record.key, 0, std::stoll(record.value.to_string()));
              },
          .timers = TimeKind::kStream,
          .on_timer = [](ProcessorContext& context,
                         const Timer& timer) { say(context, std::to_string(timer.time_ms)); }};
}

TEST(Times, ARecordOfTheLargestTimeEndsNothing) {
  TopologyDriver driver(scripted(timed()));
  driver.pipe(kLeft, "a", "500", 10);
  driver.pipe(kLeft, "b", std::to_string(kLargest), kLargest);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("500"));
  driver.restart();
  driver.pipe(kLeft, "c", "600", kLargest);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("600"));
  // Later than every event time, so it never fires.
  EXPECT_EQ(driver.timer_ms("timers", Bytes("b"), 0), kLargest - 1);
}

TEST(Times, ARecordsTimeSaturates) {
  int64_t seen_ms = 0;
  int64_t stream_ms = 0;
  TopologyDriver driver(scripted({.process = [&](ProcessorContext& context, const Record& record) {
    seen_ms = record.timestamp_ms;
    stream_ms = context.stream_time_ms();
  }}));
  driver.pipe(kLeft, "k", "v", kLargest);
  driver.run();
  EXPECT_EQ(seen_ms, kEventTimeMaxMs);
  EXPECT_EQ(stream_ms, kEventTimeMaxMs);
}

TEST(Times, ATimerOfANegativeTimeIsAUserError) {
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  TopologyDriver driver(scripted(timed()), options);
  driver.pipe(kLeft, "a", "-1", 10);
  driver.pipe(kLeft, "b", "20", 20);
  driver.pipe(kLeft, "c", "90", 30);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("20"));
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);

  TopologyDriver strict(scripted(timed()));
  strict.pipe(kLeft, "a", "-1", 10);
  EXPECT_THAT(strict.try_run().message(), HasSubstr("left/0@0: node 'step': a timer's time -1 ms"));
}

TEST(Times, ATimerWithoutAKeyIsAUserError) {
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  TopologyDriver driver(scripted(timed()), options);
  driver.pipe_bytes("left", std::nullopt, Bytes("5"), 10);
  driver.run();
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
}

/// Says when punctuations come, two kinds of them with the same interval.
Script punctual(int64_t interval_ms) {
  return {.process = [](ProcessorContext&, const Record&) {},
          .init =
              [interval_ms](ProcessorContext& context) {
                context.schedule(TimeKind::kStream, interval_ms, [&context](int64_t now_ms) {
                  say(context, "stream " + std::to_string(now_ms));
                });
                context.schedule(TimeKind::kWall, interval_ms,
                                 [&context](int64_t) { say(context, "wall"); });
              }};
}

TEST(Times, AnEndlessIntervalDoesNotComeRound) {
  for (const int64_t interval_ms : {kLargest, kLargest / 2 + 1}) {
    TopologyDriver driver(scripted(punctual(interval_ms)));
    for (const int64_t time : {1, 2, 3}) {
      driver.pipe(kLeft, "k", "v", time);
      driver.advance_time(1'000'000);
      driver.run();
    }
    EXPECT_THAT(outputs(driver), ElementsAre("stream 1"));
  }
}

TEST(Times, AnIntervalThatIsNotPositiveIsAUserError) {
  TopologyDriver driver(scripted(punctual(0)));
  EXPECT_THAT(driver.try_run().message(),
              HasSubstr("task 0_0: a processor failed to start: node 'step': the interval"));
}

/// Forwards a key's stream time.
Script telling_stream_time() {
  return {.process = [](ProcessorContext& context, const Record& record) {
    const std::string now = std::to_string(context.stream_time_ms());
    Record output = record;
    output.value = Bytes(now);
    context.forward(output);
  }};
}

TEST(StreamTime, GoesOnAfterARestart) {
  TopologyDriver driver(scripted(telling_stream_time()));
  driver.pipe(kLeft, "k", "v", 100);
  driver.run();
  for (const bool crashes : {false, true}) {
    crashes ? driver.crash_and_restart() : driver.restart();
    driver.pipe(kLeft, "k", "v", 5);
    driver.run();
  }
  EXPECT_THAT(outputs(driver), ElementsAre("100", "100", "100"));
}

TEST(StreamTime, GoesAlongWhenTheTaskMoves) {
  for (const int32_t standbys : {0, 1}) {
    Script script = telling_stream_time();
    script.with_store = standbys > 0;
    Cluster cluster([script] { return scripted(script); }, 1);
    cluster.options.standby_replicas = standbys;
    ASSERT_TRUE(cluster.start("a").ok());
    ASSERT_TRUE(cluster.settle().ok());
    cluster.pipe("left", "k", "v", 100);
    ASSERT_TRUE(cluster.settle().ok());
    ASSERT_TRUE(cluster.start("b").ok());
    ASSERT_TRUE(cluster.settle().ok());
    cluster.kill("a");
    ASSERT_TRUE(cluster.settle().ok());
    cluster.pipe("left", "k", "v", 5);
    ASSERT_TRUE(cluster.settle().ok());
    EXPECT_THAT(cluster.values("out")["k"], ElementsAre("100", "100"));
  }
}

TEST(StreamTime, BeginsAnewWithTheOffsets) {
  TopologyDriver driver(scripted(telling_stream_time()));
  driver.pipe(kLeft, "k", "v", 100);
  driver.run();
  broker_of(driver).forget_offsets();
  // Else the earlier record would be read again, and bring its time with it.
  const auto clients = broker_of(driver).clients();
  const auto admin = clients->admin().value();
  ASSERT_TRUE(
      admin->delete_records(std::vector<PartitionOffset>{{.partition = {"left", 0}, .offset = 1}}));
  driver.pipe(kLeft, "k", "v", 5);
  driver.restart();
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("100", "5"));
}

}  // namespace millrace::engine::times_test
