#include <gmock/gmock.h>

#include "millrace/testing/topology_driver.h"

#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "small_topologies.h"

namespace millrace::engine::task_order_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using testing::TopologyDriver;

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read(kOut)) values.emplace_back(record.value());
  return values;
}

TEST(TaskOrder, TakesTheEarliestRecordAmongItsInputs) {
  TopologyDriver driver(scripted({.sources = {"left", "right"}}));
  driver.pipe(kLeft, "k", "at 10", 10);
  driver.pipe(kLeft, "k", "at 40", 40);
  driver.pipe(kRight, "k", "at 20", 20);
  driver.pipe(kRight, "k", "at 30", 30);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("at 10", "at 20", "at 30", "at 40"));
}

TEST(TaskOrder, WaitsForAnInputWhoseEndItHasNotSeen) {
  TopologyDriver driver(scripted({.sources = {"left", "right"}}));
  driver.pipe(kLeft, "k", "at 10", 10);
  driver.pipe(kRight, "k", "at 5", 5);
  // The first polls fail, of whichever input; nothing may overtake meanwhile.
  broker_of(driver).inject({testing::Operation::kFetch, ErrorCode::kRetriable, false, 5});
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("at 5", "at 10"));
}

TEST(TaskOrder, CallsStreamPunctuationsBeforeTheRecordThatMovesTime) {
  int64_t seen = 0;
  const Script script{.process = [&](ProcessorContext&, const Record&) { ++seen; },
                      .init =
                          [&](ProcessorContext& context) {
                            context.schedule(TimeKind::kStream, 10, [&](int64_t now_ms) {
                              const std::string value =
                                  std::to_string(seen) + " by " + std::to_string(now_ms);
                              context.forward({.key = Bytes("k"),
                                               .value = Bytes(value),
                                               .old_value = {},
                                               .timestamp_ms = now_ms,
                                               .headers = {}});
                            });
                          }};
  TopologyDriver driver(scripted(script));
  for (const int64_t time : {1, 5, 12, 13, 47}) driver.pipe(kLeft, "k", "v", time);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("0 by 1", "2 by 12", "4 by 47"));
  // The first record after a start is met, though it is late; then the grid continues.
  driver.restart();
  for (const int64_t time : {3, 49, 50, 59}) driver.pipe(kLeft, "k", "v", time);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("5 by 47", "7 by 50"));
}

TEST(TaskOrder, CallsWallPunctuationsWhenTheClockMoves) {
  const Script script{.init = [&](ProcessorContext& context) {
    context.schedule(TimeKind::kWall, 1'000, [&](int64_t now_ms) {
      context.forward({.key = Bytes("k"),
                       .value = Bytes("tick"),
                       .old_value = {},
                       .timestamp_ms = now_ms,
                       .headers = {}});
    });
  }};
  TopologyDriver driver(scripted(script));
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre());
  driver.advance_time(3'500);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("tick"));
  driver.advance_time(499);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre());
  driver.advance_time(1);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("tick"));
}

TEST(TaskOrder, APunctuationThatDoesNothingLeadsToNoCommit) {
  int calls = 0;
  bool writes = false;
  const Script script{.init = [&](ProcessorContext& context) {
    context.schedule(TimeKind::kWall, 1'000, [&](int64_t now_ms) {
      ++calls;
      if (!writes) return;
      context.forward({.key = Bytes("k"),
                       .value = Bytes("tick"),
                       .old_value = {},
                       .timestamp_ms = now_ms,
                       .headers = {}});
    });
  }};
  TopologyDriver driver(scripted(script));
  driver.run();
  driver.crash_at(CommitStep::kBegin);
  driver.advance_time(1'000);
  EXPECT_TRUE(driver.try_run().ok());
  writes = true;
  driver.advance_time(1'000);
  EXPECT_FALSE(driver.try_run().ok());
  EXPECT_EQ(calls, 2);
}

TEST(TaskOrder, KeepsHeadersKeysAndTimestampsOnTheWay) {
  TopologyDriver driver(scripted({}));
  driver.pipe_bytes("left", std::string("k"), Bytes("v"), 77, std::nullopt, {{"trace", "7"}});
  driver.run();
  const auto records = driver.read_bytes("out");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "k");
  EXPECT_EQ(records[0].timestamp_ms, 77);
  EXPECT_EQ(records[0].headers.at("trace"), "7");
}

}  // namespace millrace::engine::task_order_test
