// Joins of two streams on the real engine, over partitions, restarts and crashes.
#include <algorithm>
#include <chrono>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"
#include "millrace/engine/metrics.h"
#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::stream_joins_driver_test {

using namespace std::chrono_literals;
using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TopologyDriver;

constexpr Topic<std::string, int64_t> kLefts{"lefts"};
constexpr Topic<std::string, std::string> kRights{"rights"};
constexpr Topic<std::string, std::string> kJoined{"joined"};

std::string both(Maybe<int64_t> left, Maybe<std::string> right) {
  return (left ? std::to_string(*left) : "-") + '+' + (right ? std::string(*right) : "-");
}

Result<Topology> outer_join(const JoinWindows& windows) {
  TopologyBuilder builder{"test"};
  builder.stream(kLefts)
      .outer_join(builder.stream(kRights), both, windows, {.name = "join"})
      .to(kJoined);
  return std::move(builder).build();
}

std::vector<std::string> read_joined(TopologyDriver& driver) {
  std::vector<std::string> results;
  for (const auto& record : driver.read(kJoined)) {
    results.push_back(std::string(record.key()) + ":" + std::string(record.value()));
  }
  return results;
}

TEST(StreamJoinOnTheEngine, KeepsItsRecordsAndTimeWhenItMoves) {
  TopologyDriver driver(outer_join(JoinWindows::of_time_difference(10ms).grace(5ms)));
  driver.pipe(kLefts, "a", 1, 100);
  driver.pipe(kLefts, "b", 2, 112);
  driver.run();
  driver.restart();  // without a disk: everything comes from the changelog
  driver.pipe(kRights, "a", "11", 108);
  driver.pipe(kRights, "b", "12", 96);  // late: 96 + 10 < 112 − 5
  driver.run();
  EXPECT_THAT(read_joined(driver), ElementsAre("a:1+11"));
  EXPECT_EQ(driver.engine().metrics().late("join").records.value(), 1) << "the time was forgotten";
  driver.crash_and_restart();
  driver.pipe(kRights, "c", "13", 200);
  driver.run();
  EXPECT_THAT(read_joined(driver), ElementsAre("b:2+-"));
  driver.pipe(kRights, "c", "14", 201);
  driver.run();
  EXPECT_LE(driver.table_bytes("test-join-changelog").size(), 6U) << "two records, time and marks";
}

Result<Topology> by_value_and_key() {
  TopologyBuilder builder{"test"};
  builder.stream(kLefts)
      .key_by([](int64_t value) { return "k" + std::to_string(value % 9); })
      .outer_join(builder.stream(kRights), both, JoinWindows::of_time_difference(10ms).grace(200ms),
                  {.name = "join"})
      .to(kJoined);
  return std::move(builder).build();
}

/// Each round's records lie within the grace, so their order makes no difference.
std::vector<std::string> results_with(std::optional<CommitStep> crash) {
  DriverOptions options;
  options.partitions = 2;
  TopologyDriver driver(by_value_and_key(), options);
  std::mt19937 random(5);
  std::vector<std::string> results;
  int64_t value = 0;
  for (int64_t round = 0; round < 12; ++round) {
    for (int64_t i = 0; i < 30; ++i) {
      const int64_t time_ms = round * 90 + i * 3;
      if (random() % 2 == 0) {
        driver.pipe(kLefts, "any", ++value, time_ms);
      } else {
        driver.pipe(kRights, "k" + std::to_string(random() % 9), std::to_string(++value), time_ms);
      }
    }
    if (crash && round % 3 == 1) {
      driver.crash_at(*crash);
      EXPECT_FALSE(driver.try_run().ok());
      driver.crash_and_restart();
    }
    driver.run();
    for (std::string& result : read_joined(driver)) results.push_back(std::move(result));
  }
  std::sort(results.begin(), results.end());
  return results;
}

TEST(StreamJoinOnTheEngine, EmitsEachResultOnceHoweverACommitEnds) {
  const std::vector<std::string> undisturbed = results_with(std::nullopt);
  const auto is_alone = [](const std::string& result) {
    return result.find('-') != std::string::npos;
  };
  const auto alone = std::count_if(undisturbed.begin(), undisturbed.end(), is_alone);
  EXPECT_GT(alone, 50);
  EXPECT_GT(undisturbed.size() - static_cast<size_t>(alone), 30U);
  EXPECT_EQ(std::adjacent_find(undisturbed.begin(), undisturbed.end()), undisturbed.end());
  for (const CommitStep step : {CommitStep::kBegin, CommitStep::kOffsetsSent,
                                CommitStep::kTransactionCommitted, CommitStep::kDone}) {
    EXPECT_EQ(results_with(step), undisturbed);
  }
}

TEST(StreamJoinOnTheEngine, LosesOnlyTheResultThatTheCodeBehindRefuses) {
  TopologyBuilder builder{"test"};
  builder.stream(kLefts)
      .left_join(builder.stream(kRights), both, JoinWindows::of_time_difference(10ms),
                 {.name = "join"})
      .peek([](std::string_view value) {
        if (value == "7+-") throw InvalidRecord("seven");
      })
      .to(kJoined);
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  TopologyDriver driver(std::move(builder).build(), options);
  driver.pipe(kLefts, "a", 6, 5);
  driver.pipe(kLefts, "b", 7, 5);
  driver.pipe(kLefts, "c", 8, 5);
  driver.pipe(kLefts, "d", 9, 100);
  driver.run();
  EXPECT_THAT(read_joined(driver), ElementsAre("a:6+-", "c:8+-"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
  driver.pipe(kLefts, "e", 10, 200);
  driver.pipe(kRights, "e", "11", 201);
  driver.run();
  EXPECT_THAT(read_joined(driver), ElementsAre("e:10+11", "d:9+-"));
}

TEST(StreamJoinOnTheEngine, EndsTheStartAtARowOfTheChangelogWhoseKeyIsOfTheOtherSide) {
  using operators::JoinSide;
  TopologyDriver driver(outer_join(JoinWindows::of_time_difference(10ms)), {});
  driver.pipe(kLefts, "b", 1, 100);  // so that the inputs have positions
  driver.run();
  std::string key;
  operators::encode_stream_join_key({Bytes("a"), JoinSide::kLeft, 100, 110, 0}, key);
  std::string row;
  operators::encode_stream_join_row({JoinSide::kRight, true, Bytes("x")}, row);
  driver.pipe_bytes("test-join-changelog", key, Bytes(row), 100);
  driver.crash_and_restart();
  const Status status = driver.try_run();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("the value of a side and the key of the other"));
}

}  // namespace millrace::stream_joins_driver_test
