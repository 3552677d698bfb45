#include "engine/metrics/metrics_feed.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>

#include "millrace/state/task_state.h"

#include "engine/metrics/metric_table.h"
#include "engine/testing/manual_clock.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::metrics_feed_test {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kHourMs = 3'600'000;

class Freshness : public ::testing::Test {
 protected:
  double after(const std::vector<MetricsFeed::TaskTimes>& tasks) {
    feed_.set_freshness(tasks);
    return metrics_.freshness_seconds().value();
  }

  testing::ManualClock clock_{10 * kHourMs};
  Metrics metrics_{"a"};
  OutputTopics outputs_;
  MetricsFeed feed_{metrics_, outputs_, clock_};
};

TEST_F(Freshness, IsThatOfTheSlowestTask) {
  EXPECT_EQ(after({{{0, 0}, 10 * kHourMs - 5'000}, {{0, 1}, 10 * kHourMs - 60'000}}), 60);
  EXPECT_EQ(after({}), 0);
}

TEST_F(Freshness, OfAQuietTaskDoesNotAge) {
  EXPECT_EQ(after({{{0, 0}, 9 * kHourMs, true}}), 0);
  // A record came an hour after the one before. The task was at the end two seconds ago.
  clock_.advance(2'000);
  EXPECT_EQ(after({{{0, 0}, 9 * kHourMs, false}}), 2);
  clock_.advance(3'000);
  EXPECT_EQ(after({{{0, 0}, 9 * kHourMs, false}}), 5);
}

TEST_F(Freshness, ATaskThatCameBackIsAsOldAsItsEvents) {
  EXPECT_EQ(after({{{0, 0}, 9 * kHourMs, true}}), 0);
  EXPECT_EQ(after({}), 0);
  EXPECT_EQ(after({{{0, 0}, 9 * kHourMs, false}}), 3'600);
}

TEST(Surroundings, AreTheTargetAndTheDisk) {
  const TempDirectory directory;
  Metrics metrics("a");
  EngineOptions options;
  options.freshness_target_ms = 1'500;
  options.state_dir = directory.path();
  show_surroundings(metrics, options);
  EXPECT_THAT(metrics.text(), HasSubstr("\nmillrace_freshness_target_seconds 1.5\n"));
  const double free = metrics.gauge(metric("millrace_disk_free_bytes")).value();
  EXPECT_GT(free, 0);
  EXPECT_GT(metrics.gauge(metric("millrace_disk_size_bytes")).value(), free);
}

TEST(Surroundings, WithoutADirectoryThereIsNoDisk) {
  const TempDirectory directory;
  Metrics metrics("a");
  EngineOptions options;
  options.state_dir = directory.path() / "none";
  show_surroundings(metrics, options);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("millrace_disk")));
}

TEST(Surroundings, CountTheDatabasesThatAreOpen) {
  const TempDirectory directory;
  Metrics metrics("a");
  show_surroundings(metrics, {});
  const auto databases = [&] {
    const std::string text = metrics.text();
    EXPECT_THAT(text, HasSubstr("millrace_rocksdb_write_buffer_bytes"));
    return metrics.gauge(metric("millrace_rocksdb_databases")).value();
  };
  EXPECT_EQ(databases(), 0);
  StoreSpec rows;
  rows.name = "rows";
  auto state = TaskState::open({.directory = directory.path() / "task",
                                .memory = make_shared_state_memory(8 << 20, 8 << 20),
                                .incarnation = "i"},
                               std::vector<StoreSpec>{rows});
  ASSERT_TRUE(state.ok()) << state.message();
  EXPECT_EQ(databases(), 1);
  EXPECT_GT(metrics.gauge(metric("millrace_rocksdb_write_buffer_bytes")).value(), 0);
  ASSERT_TRUE((*state)->close().ok());
  EXPECT_EQ(databases(), 0);
}

}  // namespace millrace::engine::metrics_feed_test
