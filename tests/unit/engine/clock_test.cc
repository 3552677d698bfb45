// The time of day is set while tasks run: nothing waits for it, nothing is lost by it.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::clock_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kIntervalMs = 1'000;

TEST(ClockSteps, GroupCommitsAndStandbysGoOn) {
  Cluster cluster([] { return scripted({.process = count_up, .with_store = true}); }, 4);
  cluster.options.standby_replicas = 1;
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.start("b"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster.turn(50));
  const double rebalances = cluster["a"].metrics().rebalances().value();
  std::vector<std::string> expected;
  for (const int64_t step : {5 * kHourMs, -12 * kHourMs, 30 * kHourMs, -23 * kHourMs}) {
    cluster.clock.step(step);
    for (const char* const key : {"k1", "k2", "k3", "k4", "k5"}) cluster.pipe("left", key, "v");
    expected.push_back(std::to_string(expected.size() + 1));
    ASSERT_TRUE(cluster.settle());
    ASSERT_TRUE(cluster.turn(50));
    EXPECT_THAT(cluster.values("out").at("k3"), expected) << step;
  }
  EXPECT_EQ(cluster["a"].metrics().rebalances().value(), rebalances);
  EXPECT_EQ(cluster["b"].metrics().restored_records().value(), 0);
  cluster.kill("b");
  cluster.clock.step(-kHourMs);
  ASSERT_TRUE(cluster.turn(50));
  EXPECT_EQ(cluster["a"].metrics().restored_records().value(), 0) << "standbys had kept up";
}

TEST(ClockSteps, LocalStateIsKeptOverARestart) {
  for (const int64_t step : {9 * kHourMs, -9 * kHourMs}) {
    Cluster cluster([] { return scripted({.process = count_up, .with_store = true}); }, 1);
    ASSERT_TRUE(cluster.start("a"));
    cluster.pipe("left", "k", "v");
    ASSERT_TRUE(cluster.settle());
    ASSERT_TRUE(cluster["a"].close());
    cluster.kill("a");
    cluster.clock.step(step);
    ASSERT_TRUE(cluster.start("a"));
    cluster.pipe("left", "k", "v");
    ASSERT_TRUE(cluster.settle());
    EXPECT_EQ(cluster["a"].metrics().restored_records().value(), 0);
    EXPECT_THAT(cluster.values("out").at("k"), ElementsAre("1", "2"));
  }
}

TEST(ClockSteps, WallPunctuationsKeepTheirInterval) {
  std::vector<int64_t> calls;
  Cluster cluster(
      [&] {
        return scripted({.init = [&](ProcessorContext& context) {
          context.schedule(TimeKind::kWall, kIntervalMs,
                           [&](int64_t now_ms) { calls.push_back(now_ms); });
        }});
      },
      1);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_THAT(calls, IsEmpty());
  for (const int64_t step : {-7 * kHourMs, 19 * kHourMs}) {
    calls.clear();
    cluster.clock.step(step);
    ASSERT_TRUE(cluster.turn(5));
    EXPECT_THAT(calls, IsEmpty()) << "no time has passed";
    cluster.clock.advance(kIntervalMs);
    ASSERT_TRUE(cluster.turn(5));
    EXPECT_THAT(calls, SizeIs(1));
    EXPECT_NEAR(static_cast<double>(calls.back()), static_cast<double>(cluster.clock.now_ms()), 10);
  }
}

}  // namespace millrace::engine::clock_test
