// Topics of ours rest on no default of the broker.
#include "engine/topics/internal_topics.h"

#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "engine/testing/memory_broker.h"
#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/testing/counting_topology.h"

namespace millrace::engine::internal_topics_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Settings = std::map<std::string, std::string>;

constexpr const char* kAnyTime = "9223372036854775807";

Result<Topology> by_value() {
  return testing::counting_topology(true);
}

class InternalTopics : public ::testing::Test {
 protected:
  InternalTopics() {
    options_.application_id = "app";
    broker_.create_topic("words", 3, words_);
    broker_.create_topic("counts", 3);
  }
  Status prepare() { return prepare_topics(*admin_, *topology_, options_).status(); }
  Settings settings(const std::string& topic) { return admin_->describe_topic(topic)->config; }
  std::string setting(const std::string& topic, const std::string& name) {
    const Settings found = settings(topic);
    return found.contains(name) ? found.at(name) : "inherited";
  }

  const Settings words_ = {{"max.message.bytes", "4000000"},
                           {"message.timestamp.before.max.ms", kAnyTime},
                           {"message.timestamp.after.max.ms", "3600000"},
                           {"message.timestamp.difference.max.ms", kAnyTime}};
  EngineOptions options_;
  testing::MemoryBroker broker_;
  std::unique_ptr<Admin> admin_ = broker_.clients()->admin().value();
  const Result<Topology> topology_ = by_value();
};

TEST_F(InternalTopics, ThatAnotherInstanceMakesMeanwhileAreNotTakenForDeleted) {
  Questions questions;
  questions.change_committed = [&](std::vector<PartitionOffset>& offsets) {
    broker_.create_topic("app-counts-changelog", 3, {{"cleanup.policy", "compact"}});
    offsets.front().offset = 5;
  };
  admin_ = std::make_unique<AskingAdmin>(std::move(admin_), questions);
  const Status prepared = prepare();
  EXPECT_TRUE(prepared.ok()) << prepared.message();
}

TEST_F(InternalTopics, AnInputThatOneBrokerHasNotHeardOfYetIsNotMissing) {
  Questions questions;
  questions.change_list = [](std::vector<TopicDescription>& topics) {
    std::erase_if(topics, [](const TopicDescription& topic) { return topic.name == "words"; });
  };
  admin_ = std::make_unique<AskingAdmin>(std::move(admin_), questions);
  const Status prepared = prepare();
  EXPECT_TRUE(prepared.ok()) << prepared.message();
  EXPECT_EQ(broker_.partitions("app-counts-changelog"), 3);
  broker_.delete_topic("words");
  EXPECT_THAT(prepare().message(), HasSubstr("topics do not exist: 'words'"));
}

TEST_F(InternalTopics, AnOrphanThatOneBrokerStillListsIsGone) {
  Questions questions;
  questions.change_list = [](std::vector<TopicDescription>& topics) {
    topics.push_back({"app-renamed-changelog", 1, {}});
  };
  admin_ = std::make_unique<AskingAdmin>(std::move(admin_), questions);
  const Status prepared = prepare();
  EXPECT_TRUE(prepared.ok()) << prepared.message();
  broker_.create_topic("app-renamed-changelog", 1);
  EXPECT_THAT(prepare().message(), HasSubstr("'app-renamed-changelog'"));
}

TEST_F(InternalTopics, AnotherApplicationOfWhichOneBrokerHasNotHeardHasItsTopics) {
  broker_.create_topic("app-eu-rows-changelog", 1);
  broker_.create_topic("app-eu-control", 1);
  Questions questions;
  questions.change_list = [](std::vector<TopicDescription>& topics) {
    std::erase_if(topics, [](const auto& topic) { return topic.name == "app-eu-control"; });
  };
  admin_ = std::make_unique<AskingAdmin>(std::move(admin_), questions);
  const Status prepared = prepare();
  EXPECT_TRUE(prepared.ok()) << prepared.message();
  broker_.delete_topic("app-eu-control");
  EXPECT_THAT(prepare().message(), HasSubstr("'app-eu-rows-changelog'"));
}

TEST_F(InternalTopics, InheritNothingThatAGuaranteeRestsOn) {
  options_.min_insync_replicas = 2;
  ASSERT_TRUE(prepare());
  for (const char* topic : {"app-counts-changelog", "app-by-value-exchange", "app-dead-letters"}) {
    for (const char* bound : {"before", "after", "difference"}) {
      EXPECT_EQ(setting(topic, std::string("message.timestamp.") + bound + ".max.ms"), kAnyTime)
          << topic;
    }
    EXPECT_EQ(setting(topic, "message.timestamp.type"), "CreateTime") << topic;
    EXPECT_EQ(setting(topic, "max.message.bytes"), "4065536") << topic;
  }
  for (const char* topic : {"app-by-value-exchange", "app-dead-letters", "app-control"}) {
    EXPECT_EQ(setting(topic, "cleanup.policy"), "delete") << topic;
    EXPECT_EQ(setting(topic, "retention.ms"), "-1") << topic;
    EXPECT_EQ(setting(topic, "retention.bytes"), "-1") << topic;
  }
  for (const char* topic : {"app-counts-changelog", "app-plan", "app-instances"}) {
    EXPECT_EQ(setting(topic, "cleanup.policy"), "compact") << topic;
    EXPECT_EQ(setting(topic, "min.compaction.lag.ms"), "0") << topic;
    EXPECT_NE(setting(topic, "delete.retention.ms"), "inherited") << topic;
  }
  for (const char* topic : {"app-plan", "app-instances"}) {
    EXPECT_EQ(setting(topic, "message.timestamp.type"), "LogAppendTime") << topic;
  }
  for (const std::string& topic : broker_.topics()) {
    if (!topic.starts_with("app-")) continue;
    EXPECT_EQ(setting(topic, "min.insync.replicas"), "2") << topic;
    EXPECT_EQ(setting(topic, "unclean.leader.election.enable"), "false") << topic;
    EXPECT_NE(setting(topic, "max.message.bytes"), "inherited") << topic;
  }
}

TEST_F(InternalTopics, AreMadeWithSettingsThatTheBrokerKnows) {
  broker_.delete_topic("words");
  broker_.delete_topic("counts");
  for (const char* topic : {"words", "counts"}) {
    broker_.create_topic(topic, 3, {{"message.timestamp.difference.max.ms", "1000"}});
  }
  ASSERT_TRUE(prepare());
  EXPECT_EQ(setting("app-by-value-exchange", "message.timestamp.difference.max.ms"), kAnyTime);
  EXPECT_EQ(setting("app-by-value-exchange", "message.timestamp.after.max.ms"), "inherited");
}

TEST_F(InternalTopics, ThatInheritedWhatLosesRecordsAreAllRefusedWithTheCommandsThatMendThem) {
  ASSERT_TRUE(prepare());
  for (const auto& [topic, changed] :
       std::map<std::string, Settings>{{"app-by-value-exchange", {{"retention.bytes", "1000000"}}},
                                       {"app-counts-changelog",
                                        {{"message.timestamp.type", "LogAppendTime"},
                                         {"message.timestamp.after.max.ms", "3600000"}}}}) {
    Settings wrong = settings(topic);
    for (const auto& [name, value] : changed) wrong[name] = value;
    broker_.delete_topic(topic);
    broker_.create_topic(topic, 3, wrong);
  }
  options_.bootstrap_servers = "kafka:9092";
  const Status status = prepare();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(
      status.message(),
      AllOf(HasSubstr("'app-by-value-exchange' has retention.bytes=1000000"),
            HasSubstr("kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics "
                      "--entity-name app-by-value-exchange --add-config retention.bytes=-1)"),
            HasSubstr("--entity-name app-counts-changelog --add-config "
                      "message.timestamp.after.max.ms=9223372036854775807,"
                      "message.timestamp.type=CreateTime)")));
}

TEST_F(InternalTopics, ATopicForDeadLettersThatLosesThemOrTheirTimesIsRefused) {
  for (const auto& [name, wrong, right] :
       {std::tuple("message.timestamp.type", "LogAppendTime", "CreateTime"),
        std::tuple("cleanup.policy", "compact", "delete")}) {
    broker_.create_topic("app-dead-letters", 1, {{name, wrong}});
    const Status status = prepare();
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(fmt::format("'app-dead-letters' has {}={}", name, wrong)),
                      HasSubstr(fmt::format("--add-config {}={})", name, right))));
    broker_.delete_topic("app-dead-letters");
  }
}

TEST_F(InternalTopics, ATopicForDeadLettersThatCutsThemIsToldOfWithTheCommandThatMendsIt) {
  broker_.create_topic("app-dead-letters", 1, {{"max.message.bytes", "4065535"}});
  std::ostringstream log;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  EXPECT_TRUE(prepare());
  broker_.delete_topic("app-dead-letters");
  broker_.create_topic("app-dead-letters", 1, {{"max.message.bytes", "4065536"}});
  EXPECT_TRUE(prepare());
  spdlog::set_default_logger(logger);
  constexpr std::string_view kCommand =
      "--entity-name app-dead-letters --add-config max.message.bytes=4065536";
  const size_t told = log.str().find(kCommand);
  ASSERT_NE(told, std::string::npos) << log.str();
  EXPECT_EQ(log.str().find(kCommand, told + 1), std::string::npos)
      << "the second one is large enough";
}

TEST_F(InternalTopics, WhatIsTheOperatorsToTuneIsNotRefused) {
  ASSERT_TRUE(prepare());
  for (const auto& [topic, name, value] :
       {std::tuple("app-dead-letters", "retention.ms", "86400000"),
        std::tuple("app-counts-changelog", "segment.bytes", "1048576")}) {
    Settings tuned = settings(topic);
    tuned[name] = value;
    const int32_t partitions = broker_.partitions(topic);
    broker_.delete_topic(topic);
    broker_.create_topic(topic, partitions, tuned);
  }
  EXPECT_TRUE(prepare());
}

TEST(Exchange, WithAHoleEndsTheInstance) {
  Cluster cluster(by_value, 1);
  const TopicPartition exchange{"app-by-value-exchange", 0};
  ASSERT_TRUE(cluster.start("a"));
  for (int i = 0; i < 5; ++i) cluster.pipe("words", "k", "v" + std::to_string(i));
  ASSERT_TRUE(cluster.settle());
  const int64_t read_to = cluster.broker.committed_offset(exchange);
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  const auto admin = cluster.broker.clients()->admin().value();
  for (int i = 0; i < 3; ++i) {
    cluster.broker.append(exchange, {.timestamp_ms = 1, .key = "x", .value = "x", .headers = {}});
  }
  const std::vector<PartitionOffset> cut{{exchange, read_to + 2}};
  ASSERT_TRUE(admin->delete_records(cut));
  ASSERT_TRUE(cluster.start("a"));
  const Status status = cluster.settle();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("app-by-value-exchange/0 begins at"),
                                      HasSubstr("are lost"), HasSubstr("Reset the application")));
}

/// The task that reads it has committed nothing yet.
TEST(Exchange, WithAHoleBeforeAllThatWasReadEndsTheInstance) {
  Cluster cluster(by_value, 1);
  const TopicPartition exchange{"app-by-value-exchange", 0};
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  ASSERT_LT(cluster.broker.committed_offset(exchange), 0);
  const auto admin = cluster.broker.clients()->admin().value();
  for (int i = 0; i < 3; ++i) {
    cluster.broker.append(exchange, {.timestamp_ms = 1, .key = "x", .value = "x", .headers = {}});
  }
  for (const int64_t begin : {2, 3}) {
    const std::vector<PartitionOffset> cut{{exchange, begin}};
    ASSERT_TRUE(admin->delete_records(cut));
    ASSERT_TRUE(cluster.start("a"));
    const Status status = cluster.settle();
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr("exchange app-by-value-exchange/0 begins at"),
                      HasSubstr("no offset"), HasSubstr("Reset the application")));
    cluster.kill("a");
  }
}

/// Its records were processed, so a reset would throw state away for nothing.
TEST(Exchange, WhoseOffsetExpiredUnderAtLeastOnceHasAnotherWayOut) {
  Cluster cluster(by_value, 1);
  cluster.options.guarantee = Guarantee::kAtLeastOnce;
  const TopicPartition exchange{"app-by-value-exchange", 0};
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  cluster.broker.append(exchange, {.timestamp_ms = 1, .key = "x", .value = "x", .headers = {}});
  const std::vector<PartitionOffset> cut{{exchange, 1}};
  ASSERT_TRUE(cluster.broker.clients()->admin().value()->delete_records(cut));
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_THAT(cluster.settle().message(),
              HasSubstr("set its offset for app-by-value-exchange/0 to 1 instead"));
}

/// An input's retention is its owner's: what it took is counted, and the rest is read.
TEST(Exchange, AHoleInAnInputIsNotOne) {
  Cluster cluster(by_value, 1);
  cluster.pipe("words", "k", "gone");
  cluster.pipe("words", "k", "there");
  const auto admin = cluster.broker.clients()->admin().value();
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  cluster.pipe("words", "k", "gone too");
  cluster.pipe("words", "k", "there too");
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  const std::vector<PartitionOffset> cut{{{"words", 0}, 3}};
  ASSERT_TRUE(admin->delete_records(cut));
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_TRUE(cluster.values("counts").contains("there too"));
  EXPECT_FALSE(cluster.values("counts").contains("gone too"));
}

}  // namespace millrace::engine::internal_topics_test
