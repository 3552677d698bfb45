#include <gmock/gmock.h>

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::producer_test {

using ::testing::ElementsAre;

class ProducerTest : public BrokerTest {};

TEST_F(ProducerTest, KeepsKeysValuesTimestampsAndHeadersNullOrEmpty) {
  const std::string topic = make_topic("t");
  const auto producer = must(clients()->producer(""));
  const int32_t handle = must(producer->topic_handle(topic));
  const std::vector<Header> headers{{"a", "1"}, {"a", Bytes()}, {"empty", ""}};
  const auto send = [&](Bytes key, Bytes value, int64_t timestamp_ms,
                        std::span<const Header> with) {
    ASSERT_OK(producer->send({handle, 0, key, value, timestamp_ms, with}));
  };
  send("key", "value", 1'700'000'000'123, headers);
  send({}, "value", 5, {});
  send("key", {}, 6, {});
  send("", "", 7, {});
  send("key", "oldest", 0, {});
  ASSERT_OK(producer->flush());
  EXPECT_EQ(producer->delivered_end(handle, 0), 5);
  EXPECT_EQ(producer->delivered_end(handle, 0), -1) << "told already";

  const ReadResult read = read_to_end(topic);
  EXPECT_EQ(read.end_offset, 5);
  EXPECT_THAT(read.records,
              ElementsAre(ReadRecord{0,
                                     1'700'000'000'123,
                                     "key",
                                     "value",
                                     {{"a", "1"}, {"a", std::nullopt}, {"empty", ""}}},
                          ReadRecord{1, 5, std::nullopt, "value", {}},
                          ReadRecord{2, 6, "key", std::nullopt, {}}, ReadRecord{3, 7, "", "", {}},
                          ReadRecord{4, 1, "key", "oldest", {}}));
}

TEST_F(ProducerTest, RefusesARecordThatIsTooLargeForTheClientAtOnce) {
  const std::string topic = make_topic("t");
  const auto producer = must(clients()->producer(""));
  const std::string large(2'000'000, 'x');
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.value = large;
  EXPECT_CODE(producer->send(record), ErrorCode::kRefused);
  record.value = "small";
  EXPECT_OK(producer->send(record));
  EXPECT_OK(producer->flush());
  EXPECT_THAT(values_of(read_to_end(topic).records), ElementsAre("small"));
}

TEST_F(ProducerTest, RefusesAPartitionThatTheTopicDoesNotHave) {
  const auto producer = must(clients()->producer(""));
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(make_topic("t", 2)));
  record.partition = 2;
  EXPECT_CODE(producer->send(record), ErrorCode::kRefused);
  record.partition = -1;
  EXPECT_CODE(producer->send(record), ErrorCode::kRefused);
}

TEST_F(ProducerTest, TellsARecordThatIsTooLargeForTheTopicAtTheFlush) {
  const auto producer = must(clients()->producer(""));
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(make_topic("t", 1, {{"max.message.bytes", "1000"}})));
  const std::string large(5'000, 'x');
  record.value = large;
  ASSERT_OK(producer->send(record));
  EXPECT_CODE(producer->flush(), ErrorCode::kRefused);
  record.value = "small";
  ASSERT_OK(producer->send(record));
  EXPECT_OK(producer->flush());
}

TEST_F(ProducerTest, SaysThatATopicDoesNotExistAndDoesNotMakeIt) {
  const auto producer = must(clients()->producer(""));
  EXPECT_CODE(producer->topic_handle(unique("missing")).status(), ErrorCode::kConfig);
  EXPECT_CODE(admin_->describe_topic(unique("missing")).status(), ErrorCode::kNotFound);
}

TEST_F(ProducerTest, AFullSendBufferBlocksAndLosesNothing) {
  const std::string topic = make_topic("t");
  KafkaOptions small = options();
  small.send_buffer_bytes = 1 << 20;
  const auto producer = must(clients(small)->producer(""));
  const std::string value(1'000, 'x');
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.value = value;
  constexpr int64_t kRecords = 20'000;
  for (int64_t i = 0; i < kRecords; ++i) ASSERT_OK(producer->send(record));
  ASSERT_OK(producer->flush());
  EXPECT_EQ(producer->delivered_end(record.topic, 0), kRecords);
}

}  // namespace millrace::engine::kafka::producer_test
