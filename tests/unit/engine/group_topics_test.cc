#include <gmock/gmock.h>

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::group_topics_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMinuteMs = 60'000;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

/// Latest value in the instances' topic; nullopt: removed, or never there.
std::optional<std::string> report_of(Cluster& cluster, const std::string& instance) {
  std::optional<std::string> latest;
  for (const auto& record : cluster.broker.read_committed({"app-instances", 0})) {
    if (record.key == instance) latest = record.value;
  }
  return latest;
}

TEST(GroupTopics, MadeAnewUnderAnInstanceEndItWithAWayOut) {
  for (const char* const topic : {"app-plan", "app-instances"}) {
    Cluster cluster(counting, 2);
    ASSERT_TRUE(cluster.start("a"));
    cluster.pipe("left", "k", "v");
    ASSERT_TRUE(cluster.settle());
    cluster.broker.delete_topic(topic);
    cluster.broker.create_topic(topic, 1, {{"cleanup.policy", "compact"}});
    const Status status = cluster.turn(10);
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(), HasSubstr("'" + std::string(topic) + "' was deleted"));
    EXPECT_THAT(status.message(), HasSubstr("Start all instances"));
    cluster.kill("a");
    ASSERT_TRUE(cluster.start("a"));
    cluster.pipe("left", "k", "v");
    ASSERT_TRUE(cluster.settle());
    EXPECT_THAT(cluster.values("out").at("k"), ElementsAre("1", "2"));
  }
}

TEST(GroupTopics, WithoutALeadersTopicTheInstancesEndWithAWayOut) {
  Cluster cluster(counting, 2);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.start("b"));
  ASSERT_TRUE(cluster.settle());
  cluster.broker.delete_topic("app-control");
  cluster.kill("b");
  Status status;
  for (int second = 0; second < 10 && status.ok(); ++second) {
    cluster.clock.advance(1'000);
    status = cluster.turn(3);
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("'app-control' was deleted"));
  cluster.kill("a");
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_TRUE(cluster.settle());
}

TEST(GroupTopics, ReportsOfInstancesThatAreGoneAreRemoved) {
  Cluster cluster(counting, 4);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.start("b"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["b"].close());
  cluster.kill("b");
  for (int minute = 0; minute < 5; ++minute) {
    cluster.clock.advance(kMinuteMs);
    ASSERT_TRUE(cluster.turn(3));
  }
  EXPECT_TRUE(report_of(cluster, "b"));
  for (int minute = 0; minute < 10; ++minute) {
    cluster.clock.advance(kMinuteMs);
    ASSERT_TRUE(cluster.turn(3));
  }
  EXPECT_FALSE(report_of(cluster, "b"));
  EXPECT_TRUE(report_of(cluster, "a"));
  ASSERT_TRUE(cluster.start("b"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_EQ(cluster["b"].queries().tasks().size(), 2U);
}

TEST(GroupTopics, AnInstanceWhoseReportWasRemovedReportsOnceMore) {
  Cluster cluster(counting, 1);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(report_of(cluster, "a"));
  cluster.broker.append({"app-instances", 0},
                        {.timestamp_ms = 1, .key = "a", .value = {}, .headers = {}});
  ASSERT_FALSE(report_of(cluster, "a"));
  cluster.clock.advance(kMinuteMs);
  ASSERT_TRUE(cluster.turn(5));
  EXPECT_TRUE(report_of(cluster, "a"));
}

TEST(SourceTopics, WithMorePartitionsAreRefusedAtStart) {
  Cluster cluster(counting, 2);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  cluster.broker.add_partitions("left", 3);
  ASSERT_TRUE(cluster.start("a"));
  const Status status = cluster.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("the partition count of an input changed"));
  EXPECT_THAT(status.message(), HasSubstr("Give the input its old count, or reset"));
}

TEST(SourceTopics, WithMorePartitionsAreRefusedByARunningInstance) {
  Cluster cluster(counting, 2);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.start("b"));
  ASSERT_TRUE(cluster.settle());
  cluster.broker.add_partitions("left", 3);
  ASSERT_TRUE(cluster["b"].close());
  cluster.kill("b");
  const Status status = cluster.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("topic 'left' has partition 2 now"));
  EXPECT_THAT(status.message(), HasSubstr("or give it a new application.id"));
}

}  // namespace millrace::engine::group_topics_test
