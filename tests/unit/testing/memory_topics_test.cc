// Topics that come and go, and what they refuse. `kafka_broker_test.memory` compares the limits
// with those of a real Kafka.
#include <gmock/gmock.h>

#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::testing::memory_topics_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNowMs = 1'000'000'000'000;
constexpr int64_t kHourMs = 3'600'000;
const TopicPartition kIn{"in", 0};

class MemoryTopicsTest : public ::testing::Test {
 protected:
  MemoryTopicsTest() {
    broker_.set_clock(clock_);
    broker_.create_topic("in", 1);
    clients_ = broker_.clients();
    producer_ = clients_->producer("one").value();
    EXPECT_TRUE(producer_->init_transactions());
    EXPECT_TRUE(producer_->begin_transaction());
  }

  Status send(const std::string& topic, Bytes key, Bytes value, int64_t timestamp_ms = kNowMs) {
    return producer_->send({.topic = producer_->topic_handle(topic).value(),
                            .partition = 0,
                            .key = key,
                            .value = value,
                            .timestamp_ms = timestamp_ms,
                            .headers = {}});
  }
  std::vector<std::string> values(const TopicPartition& partition) {
    std::vector<std::string> found;
    for (const StoredRecord& record : broker_.read_committed(partition)) {
      found.push_back(record.value.value_or("null"));
    }
    return found;
  }

  ManualClock clock_{kNowMs};
  MemoryBroker broker_;
  std::unique_ptr<engine::ClientFactory> clients_;
  std::unique_ptr<engine::Producer> producer_;
};

TEST_F(MemoryTopicsTest, DeletingATopicDeletesTheGroupsOffsetsOfIt) {
  broker_.create_topic("other", 1);
  const auto member = clients_->join({"in"}, "spare", "one").value();
  const engine::GroupMetadata group = member->poll()->value().group;
  broker_.set_offset(kIn, 5);
  broker_.set_offset({"other", 0}, 6);
  const std::vector<engine::PartitionOffset> offsets{{kIn, 7}, {{"other", 0}, 8}};
  ASSERT_TRUE(producer_->send_offsets(offsets, group));
  broker_.delete_topic("in");
  EXPECT_EQ(broker_.committed_offset(kIn), -1);
  EXPECT_EQ(producer_->send_offsets(offsets, group).code(), ErrorCode::kAborted);
  ASSERT_TRUE(producer_->abort_transaction());
  EXPECT_EQ(broker_.committed_offset({"other", 0}), 6);
}

TEST_F(MemoryTopicsTest, ATransactionThatIsOpenInADeletedTopicLeavesNothingInItsSuccessor) {
  ASSERT_TRUE(send("in", "k", "old"));
  broker_.delete_topic("in");
  broker_.create_topic("in", 1);
  ASSERT_TRUE(producer_->commit_transaction());
  EXPECT_THAT(values(kIn), IsEmpty());
  EXPECT_EQ(broker_.last_stable_offset(kIn), 0);
}

TEST_F(MemoryTopicsTest, ATopicThatIsBroughtBackIsWhatItWas) {
  ASSERT_TRUE(send("in", "k", "aborted"));
  broker_.append(kIn, {.key = "k", .value = "kept", .headers = {}});
  broker_.set_aside("in");
  EXPECT_EQ(broker_.partitions("in"), 0);
  ASSERT_TRUE(producer_->abort_transaction());
  ASSERT_TRUE(broker_.bring_back("in"));
  EXPECT_THAT(values(kIn), ElementsAre("kept"));
  EXPECT_FALSE(broker_.bring_back("in"));
}

TEST_F(MemoryTopicsTest, ATopicRefusesAtTheCommitWhatItDoesNotTake) {
  broker_.create_topic("compacted", 1, {{"cleanup.policy", "compact,delete"}});
  broker_.create_topic("small", 1, {{"max.message.bytes", "200"}});
  broker_.create_topic("bounded", 1,
                       {{"message.timestamp.before.max.ms", "3600000"},
                        {"message.timestamp.after.max.ms", "3600000"}});
  const std::string large(200, 'x');
  struct Case {
    std::string topic;
    Bytes key;
    Bytes value;
    int64_t timestamp_ms;
  };
  for (const auto& [topic, key, value, timestamp_ms] :
       {Case{"compacted", {}, "v", kNowMs}, Case{"small", "k", large, kNowMs},
        Case{"bounded", "k", "v", kNowMs + kHourMs + 1},
        Case{"bounded", "k", "v", kNowMs - kHourMs - 1}}) {
    ASSERT_TRUE(send(topic, "k", "good"));
    EXPECT_TRUE(send(topic, key, value, timestamp_ms));
    const Status refused = producer_->commit_transaction();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.code(), ErrorCode::kRefused);
    EXPECT_THAT(refused.message(), HasSubstr(topic + "/0"));
    ASSERT_TRUE(producer_->abort_transaction());
    ASSERT_TRUE(producer_->begin_transaction());
    EXPECT_THAT(values({topic, 0}), IsEmpty());
  }
  EXPECT_TRUE(send("bounded", "k", "v", kNowMs + kHourMs));
  EXPECT_TRUE(send("bounded", "k", "v", kNowMs - kHourMs));
  EXPECT_TRUE(producer_->commit_transaction());
}

TEST_F(MemoryTopicsTest, ABatchMayBeTooLargeThoughItsRecordsAreNot) {
  broker_.create_topic("small", 1, {{"max.message.bytes", "500"}});
  const std::string value(100, 'x');
  for (const size_t batch_bytes_max : {size_t{500}, size_t{1'000}}) {
    producer_ = clients_->producer("one", {.batch_bytes_max = batch_bytes_max}).value();
    ASSERT_TRUE(producer_->init_transactions());
    ASSERT_TRUE(producer_->begin_transaction());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(send("small", "k", value));
    EXPECT_EQ(producer_->commit_transaction().ok(), batch_bytes_max == 500);
  }
}

}  // namespace millrace::testing::memory_topics_test
