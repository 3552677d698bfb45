#include <gmock/gmock.h>

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::start_test {

using ::testing::HasSubstr;
using ::testing::Not;

/// Counts in a string how often the key was seen.
void count(ProcessorContext& context, const Record& record) {
  KeyValueStore& rows = context.store("rows");
  const Row row = rows.get(record.key);
  const std::string now = row ? row.value.to_string() + "I" : "I";
  rows.put(record.key, Bytes(now), record.timestamp_ms);
  Record output = record;
  output.value = Bytes(now);
  context.forward(output);
}

Result<Topology> counting() {
  return scripted({.process = count, .with_store = true});
}

TEST(Start, CreatesCompactedChangelogsAndTheDeadLetterTopic) {
  Cluster cluster(counting, 3);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_EQ(cluster.broker.partitions("app-rows-changelog"), 3);
  EXPECT_EQ(cluster.broker.partitions("app-dead-letters"), 1);
  const auto admin =
      cluster.broker.clients()->admin().value()->describe_topic("app-rows-changelog");
  EXPECT_EQ(admin->config.at("cleanup.policy"), "compact");
  EXPECT_EQ(admin->config.at("delete.retention.ms"), "604800000");
}

TEST(Start, CreatesTheTopicsOfTheGroup) {
  Cluster cluster(counting, 3);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  for (const char* topic : {"app-control", "app-rebalance", "app-plan", "app-instances"}) {
    EXPECT_EQ(cluster.broker.partitions(topic), 1) << topic;
  }
  const auto admin = cluster.broker.clients()->admin().value();
  EXPECT_EQ(admin->describe_topic("app-plan")->config.at("cleanup.policy"), "compact");
  EXPECT_EQ(admin->describe_topic("app-instances")->config.at("cleanup.policy"), "compact");
}

TEST(Start, RefusesTopicsOfTheGroupThatAreNotWhatTheyHaveToBe) {
  Cluster forgetful(counting, 3);
  forgetful.broker.create_topic("app-plan", 1, {{"cleanup.policy", "delete"}});
  ASSERT_TRUE(forgetful.start("a"));
  EXPECT_THAT(forgetful.settle().message(), HasSubstr("cleanup.policy=delete (kafka-configs.sh"));
  Cluster split(counting, 3);
  split.broker.create_topic("app-control", 2);
  ASSERT_TRUE(split.start("a"));
  EXPECT_THAT(split.settle().message(), HasSubstr("'app-control' has 2 partitions"));
}

TEST(Start, NamesAllTopicsThatAreMissing) {
  testing::MemoryBroker broker;
  const auto clients = broker.clients();
  const testing::ManualClock clock(0);
  EngineOptions options;
  options.application_id = "app";
  options.state_dir.clear();
  auto engine = Engine::create(scripted({.sources = {"left", "right"}}), options, *clients, clock);
  ASSERT_TRUE(engine.ok());
  const Status status = (*engine)->run_once();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  for (const char* topic : {"'left'", "'right'", "'out'"}) {
    EXPECT_THAT(status.message(), HasSubstr(topic));
  }
}

TEST(Start, RefusesAnInternalTopicWithAnotherPartitionCount) {
  Cluster cluster(counting, 3);
  cluster.broker.create_topic("app-rows-changelog", 2, {{"cleanup.policy", "compact"}});
  ASSERT_TRUE(cluster.start("a"));
  const Status status = cluster.settle();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("'app-rows-changelog' has 2 partitions"));
}

TEST(Start, RefusesAChangelogThatDeletes) {
  Cluster cluster(counting, 1);
  cluster.broker.create_topic("app-rows-changelog", 1, {{"cleanup.policy", "delete"}});
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_THAT(cluster.settle().message(), HasSubstr("cleanup.policy=delete (kafka-configs.sh"));
}

TEST(Start, NamesOrphansUnlessTheyAreAllowed) {
  Cluster cluster(counting, 1);
  cluster.broker.create_topic("app-renamed-changelog", 1);
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_THAT(cluster.settle().message(), HasSubstr("'app-renamed-changelog'"));
  cluster.kill("a");
  cluster.options.allow_orphans = true;
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_TRUE(cluster.settle());
}

TEST(Start, TopicsOfALongerApplicationIdAreNoOrphans) {
  Cluster cluster(counting, 1);
  for (const char* topic :
       {"app-eu-west-control", "app-eu-west-rows-changelog", "app-eu-west-by-name-exchange"}) {
    cluster.broker.create_topic(topic, 1);
  }
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_TRUE(cluster.settle());
  cluster.kill("a");
  // No such application has its control topic: this was a store of ours.
  cluster.broker.create_topic("app-eu-east-rows-changelog", 1);
  ASSERT_TRUE(cluster.start("a"));
  const std::string message = cluster.settle().message();
  EXPECT_THAT(message, HasSubstr("'app-eu-east-rows-changelog'"));
  EXPECT_THAT(message, Not(HasSubstr("west")));
}

TEST(Start, TwoInstancesCannotShareAStateDirectory) {
  Cluster cluster(counting, 1);
  ASSERT_TRUE(cluster.start("a"));
  const Status second = cluster.start("a");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.code(), ErrorCode::kConfig);
}

TEST(Start, AStateDirectoryThatCannotBeWrittenIsAFailedDisk) {
  testing::MemoryBroker broker;
  const auto clients = broker.clients();
  const testing::ManualClock clock(0);
  EngineOptions options;
  options.application_id = "app";
  options.state_dir = "/dev/null/state";
  const auto engine = Engine::create(counting(), options, *clients, clock);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.code(), ErrorCode::kStoreIo);
  EXPECT_THAT(engine.message(), HasSubstr("/dev/null/state"));
}

TEST(Start, StateThatIsAheadOfTheGroupIsRebuilt) {
  Cluster cluster(counting, 1);
  ASSERT_TRUE(cluster.start("a"));
  for (int i = 0; i < 3; ++i) cluster.pipe("left", "k", "v");
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  // The application was reset: its internal topics and offsets are gone, local state was forgotten.
  cluster.kill("a");
  cluster.broker.delete_topic("app-rows-changelog");
  cluster.broker.forget_offsets();
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_EQ(cluster["a"].queries().get("rows", "k")->row->value, "III");
}

TEST(Start, ChangelogsWithoutOffsetsAreNotAppliedTwice) {
  Cluster cluster(counting, 1);
  ASSERT_TRUE(cluster.start("a"));
  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  cluster.broker.forget_offsets();
  ASSERT_TRUE(cluster.start("a"));
  const Status status = cluster.settle();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("no offsets"));
}

}  // namespace millrace::engine::start_test
