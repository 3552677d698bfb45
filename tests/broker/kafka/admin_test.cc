#include <gmock/gmock.h>

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::admin_test {

using ::testing::Contains;
using ::testing::Field;

class AdminTest : public BrokerTest {};

TEST_F(AdminTest, CreatedTopicsHaveTheirPartitionsAndConfigurationAtOnce) {
  const std::string topic =
      make_topic("t", 3, {{"cleanup.policy", "compact"}, {"delete.retention.ms", "604800000"}});
  const TopicDescription described = must(admin_->describe_topic(topic));
  EXPECT_EQ(described.name, topic);
  EXPECT_EQ(described.partitions, 3);
  EXPECT_EQ(described.config.at("cleanup.policy"), "compact");
  EXPECT_EQ(described.config.at("delete.retention.ms"), "604800000");
  EXPECT_THAT(must(admin_->list_topics()), Contains(Field(&TopicDescription::name, topic)));
}

TEST_F(AdminTest, CreatingWhatExistsIsNoError) {
  const std::string topic = make_topic("t", 3);
  const std::vector<NewTopic> again{{topic, 3, {}}, {unique("new"), 1, {}}};
  EXPECT_OK(admin_->create_topics(again));
  EXPECT_EQ(must(admin_->describe_topic(unique("new"))).partitions, 1);
}

TEST_F(AdminTest, RefusesTopicsThatCannotBe) {
  const auto create = [this](NewTopic topic) {
    return admin_->create_topics(std::vector<NewTopic>{std::move(topic)});
  };
  EXPECT_CODE(create({unique("a"), 0, {}}), ErrorCode::kConfig);
  EXPECT_CODE(create({"no/slash", 1, {}}), ErrorCode::kConfig);
  EXPECT_CODE(create({unique("b"), 1, {{"cleanup.policy", "nonsense"}}}), ErrorCode::kConfig);
}

TEST_F(AdminTest, WatermarksFollowWritesAndDeletions) {
  const std::string topic = make_topic("t");
  write(topic, {"a", "b", "c"});
  Admin::Watermarks marks = must(admin_->watermarks({topic, 0}));
  EXPECT_EQ(marks.low, 0);
  EXPECT_EQ(marks.high, 3);
  ASSERT_OK(admin_->delete_records(std::vector<PartitionOffset>{{{topic, 0}, 2}}));
  marks = must(admin_->watermarks({topic, 0}));
  EXPECT_EQ(marks.low, 2);
  EXPECT_EQ(marks.high, 3);
}

TEST_F(AdminTest, PartitionsNeverCommittedHaveNoOffset) {
  const std::string topic = make_topic("t", 2);
  const auto offsets = must(admin_->committed(std::vector<TopicPartition>{{topic, 0}, {topic, 1}}));
  ASSERT_EQ(offsets.size(), 2U);
  EXPECT_EQ(offsets[0].partition, (TopicPartition{topic, 0}));
  EXPECT_EQ(offsets[0].offset, -1);
  EXPECT_EQ(offsets[1].offset, -1);
}

}  // namespace millrace::engine::kafka::admin_test
