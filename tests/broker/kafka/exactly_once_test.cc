#include <gmock/gmock.h>

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::exactly_once_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ExactlyOnceTest : public BrokerTest {
 protected:
  /// Waits for the next assignment, letting revocations pass.
  static MembershipEvent next_assignment(Membership& membership) {
    std::optional<MembershipEvent> event;
    EXPECT_TRUE(eventually([&] {
      event = must(membership.poll());
      if (!event) return false;
      if (event->kind != MembershipEvent::Kind::kAssigned) membership.acknowledge_revoked();
      return event->kind == MembershipEvent::Kind::kAssigned;
    }));
    return event.value_or(MembershipEvent{});
  }

  std::unique_ptr<Producer> transactional(const std::string& id, ClientFactory& from) const {
    auto producer = must(from.producer(unique(id)));
    EXPECT_OK(producer->init_transactions());
    return producer;
  }

  static void send(Producer& producer, const std::string& topic, Bytes value) {
    OutgoingRecord record;
    record.topic = must(producer.topic_handle(topic));
    record.value = value;
    record.timestamp_ms = 1;
    ASSERT_OK(producer.send(record));
  }

  /// Where the topic ends, markers that are written already included.
  int64_t ends_at(const std::string& topic) { return must(admin_->watermarks({topic, 0})).high; }
};

TEST_F(ExactlyOnceTest, ACopyCommitsRecordsAndOffsetsTogether) {
  const std::string input = make_topic("in");
  const std::string output = make_topic("out");
  write(input, {"a", "b", "c"});
  const auto factory = clients();
  const auto membership = must(factory->join({input}, kSpareTopic, "one"));
  const MembershipEvent assigned = next_assignment(*membership);
  const auto producer = transactional("tx", *factory);
  const int32_t handle = must(producer->topic_handle(output));

  ASSERT_OK(producer->begin_transaction());
  for (const ReadRecord& record : read_to_end(input).records) {
    const std::string position = std::to_string(record.offset);
    const std::vector<Header> headers{{"from", Bytes(position)}};
    ASSERT_OK(producer->send({handle, 0, {}, Bytes(*record.value), record.timestamp_ms, headers}));
  }
  const std::vector<PartitionOffset> offsets{{{input, 0}, 3, 1'234}};
  ASSERT_OK(producer->send_offsets(offsets, assigned.group));
  ASSERT_OK(producer->commit_transaction());

  EXPECT_EQ(producer->delivered_end(handle, 0), 3);
  EXPECT_EQ(committed({input, 0}), 3);
  const std::vector<TopicPartition> asked{{input, 0}};
  EXPECT_EQ(must(admin_->committed(asked)).front().stream_time_ms, 1'234);
  const ReadResult read = read_until(output, 4);
  EXPECT_THAT(read.records, ElementsAre(ReadRecord{0, 1, std::nullopt, "a", {{"from", "0"}}},
                                        ReadRecord{1, 1, std::nullopt, "b", {{"from", "1"}}},
                                        ReadRecord{2, 1, std::nullopt, "c", {{"from", "2"}}}));
  EXPECT_EQ(read.end_offset, 4) << "past the commit marker";
}

TEST_F(ExactlyOnceTest, AbortedRecordsAreNeverRead) {
  const std::string topic = make_topic("t");
  const auto factory = clients();
  const auto producer = transactional("tx", *factory);
  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "dropped");
  ASSERT_OK(producer->flush());
  ASSERT_OK(producer->abort_transaction());
  ReadResult read = read_until(topic, 2);
  EXPECT_THAT(read.records, IsEmpty());
  EXPECT_EQ(read.end_offset, 2) << "past the record and the abort marker";

  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "kept");
  ASSERT_OK(producer->commit_transaction());
  read = read_until(topic, 4);
  EXPECT_THAT(values_of(read.records), ElementsAre("kept"));
  EXPECT_EQ(read.end_offset, 4);
}

TEST_F(ExactlyOnceTest, AnOpenTransactionEndsWhatIsReadAndNotTheHighWatermark) {
  const std::string topic = make_topic("t");
  write(topic, {"before"});
  const auto factory = clients();
  const auto producer = transactional("tx", *factory);
  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "open");
  ASSERT_OK(producer->flush());
  const ReadResult read = read_to_end(topic);
  EXPECT_THAT(values_of(read.records), ElementsAre("before"));
  EXPECT_EQ(read.end_offset, 1);
  EXPECT_EQ(must(admin_->watermarks({topic, 0})).high, 2);
  ASSERT_OK(producer->abort_transaction());
}

TEST_F(ExactlyOnceTest, ANewerProducerOfTheSameIdFencesTheOlder) {
  const std::string topic = make_topic("t");
  const auto factory = clients();
  const auto older = transactional("tx", *factory);
  ASSERT_OK(older->begin_transaction());
  send(*older, topic, "of the zombie");
  ASSERT_OK(older->flush());
  const auto newer = transactional("tx", *factory);
  EXPECT_CODE(older->commit_transaction(), ErrorCode::kFenced);
  EXPECT_CODE(older->abort_transaction(), ErrorCode::kFenced);
  ASSERT_OK(newer->begin_transaction());
  send(*newer, topic, "of the owner");
  ASSERT_OK(newer->commit_transaction());
  EXPECT_THAT(values_of(read_until(topic, ends_at(topic)).records), ElementsAre("of the owner"));
}

TEST_F(ExactlyOnceTest, AnOlderGenerationCannotCommit) {
  const std::string topic = make_topic("t", 2);
  const auto factory = clients();
  const auto first = must(factory->join({topic}, kSpareTopic, "one"));
  const MembershipEvent before = next_assignment(*first);
  const auto second_factory = clients();
  const auto second = must(second_factory->join({topic}, kSpareTopic, "two"));
  const MembershipEvent after = next_assignment(*first);
  ASSERT_GT(after.group.generation, before.group.generation);

  const auto producer = transactional("tx", *factory);
  const std::vector<PartitionOffset> offsets{{{topic, 0}, 0}};
  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "late");
  Status status = producer->send_offsets(offsets, before.group);
  if (status.ok()) status = producer->commit_transaction();
  EXPECT_CODE(status, ErrorCode::kAborted);
  ASSERT_OK(producer->abort_transaction());

  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "in time");
  ASSERT_OK(producer->send_offsets(offsets, after.group));
  ASSERT_OK(producer->commit_transaction());
  EXPECT_THAT(values_of(read_until(topic, ends_at(topic)).records), ElementsAre("in time"));
}

TEST_F(ExactlyOnceTest, ARecordTooLargeForTheTopicIsToldAtTheCommitAndTheProducerGoesOn) {
  const std::string topic = make_topic("t", 1, {{"max.message.bytes", "1000"}});
  const auto factory = clients();
  const auto producer = transactional("tx", *factory);
  const std::string large(5'000, 'x');
  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, Bytes(large));
  EXPECT_CODE(producer->commit_transaction(), ErrorCode::kRefused);
  ASSERT_OK(producer->abort_transaction());

  // librdkafka notices the gap in its sequence numbers in the next transaction, and mends it with
  // that one's abort.
  Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    ASSERT_OK(producer->begin_transaction());
    send(*producer, topic, "small");
    status = producer->commit_transaction();
    if (status.ok()) break;
    EXPECT_CODE(status, ErrorCode::kAborted);
    ASSERT_OK(producer->abort_transaction());
  }
  EXPECT_OK(status);
  EXPECT_THAT(values_of(read_until(topic, ends_at(topic)).records), ElementsAre("small"));
}

TEST_F(ExactlyOnceTest, OffsetsOfADeadInstanceAreHiddenUntilItIsFenced) {
  const std::string topic = make_topic("t");
  const auto factory = clients();
  const auto membership = must(factory->join({topic}, kSpareTopic, "one"));
  const MembershipEvent assigned = next_assignment(*membership);
  const std::vector<PartitionOffset> offsets{{{topic, 0}, 5}};
  {
    const auto dead = transactional("tx", *factory);
    ASSERT_OK(dead->begin_transaction());
    ASSERT_OK(dead->send_offsets(offsets, assigned.group));
  }
  const std::vector<TopicPartition> asked{{topic, 0}};
  EXPECT_CODE(admin_->committed(asked).status(), ErrorCode::kRetriable);
  const auto successor = transactional("tx", *factory);
  EXPECT_TRUE(eventually([&] { return admin_->committed(asked).ok(); }, 5'000));
  EXPECT_EQ(committed({topic, 0}), -1);
}

TEST_F(ExactlyOnceTest, ATransactionThatTimedOutIsFenced) {
  const std::string topic = make_topic("t");
  KafkaOptions quick = options();
  quick.transaction_timeout_ms = 3'000;
  const auto factory = clients(quick);
  const auto producer = transactional("tx", *factory);
  ASSERT_OK(producer->begin_transaction());
  send(*producer, topic, "late");
  ASSERT_OK(producer->flush());
  if (memory() != nullptr) memory()->time_out_transaction(unique("tx"));
  ASSERT_TRUE(eventually([&] { return read_to_end(topic).end_offset == 2; })) << "aborted";
  EXPECT_CODE(producer->commit_transaction(), ErrorCode::kFenced);
  const auto successor = transactional("tx", *factory);
  ASSERT_OK(successor->begin_transaction());
  send(*successor, topic, "again");
  ASSERT_OK(successor->commit_transaction());
  EXPECT_THAT(values_of(read_until(topic, ends_at(topic)).records), ElementsAre("again"));
}

TEST_F(ExactlyOnceTest, AtLeastOnceCommitsOffsetsInItsGenerationOnly) {
  const std::string topic = make_topic("t");
  const auto factory = clients();
  const auto membership = must(factory->join({topic}, kSpareTopic, "one"));
  const MembershipEvent assigned = next_assignment(*membership);
  const auto producer = must(factory->producer(""));
  ASSERT_OK(
      producer->commit_offsets(std::vector<PartitionOffset>{{{topic, 0}, 5, 77}}, assigned.group));
  EXPECT_EQ(committed({topic, 0}), 5);
  const std::vector<TopicPartition> asked{{topic, 0}};
  EXPECT_EQ(must(admin_->committed(asked)).front().stream_time_ms, 77);

  GroupMetadata older = assigned.group;
  older.generation--;
  const std::vector<PartitionOffset> more{{{topic, 0}, 6}};
  EXPECT_CODE(producer->commit_offsets(more, older), ErrorCode::kAborted);
  membership->close();
  EXPECT_CODE(producer->commit_offsets(more, assigned.group), ErrorCode::kAborted);
  EXPECT_EQ(committed({topic, 0}), 5);
}

}  // namespace millrace::engine::kafka::exactly_once_test
