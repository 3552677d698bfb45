#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::fetcher_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FetcherTest : public BrokerTest {
 protected:
  /// Polls until `count` records are there or time is over.
  static std::vector<ReadRecord> take(Fetcher& fetcher, const TopicPartition& partition,
                                      size_t count) {
    std::vector<ReadRecord> records;
    eventually([&] {
      RecordBatch batch;
      must(fetcher.poll(partition, count - records.size(), batch));
      append(batch, records);
      return records.size() >= count;
    });
    return records;
  }

  /// Status of the first poll that fails.
  static Status first_failure(Fetcher& fetcher, const TopicPartition& partition) {
    Status failure;
    eventually([&] {
      RecordBatch batch;
      failure = fetcher.poll(partition, 10, batch).status();
      return !failure.ok();
    });
    return failure;
  }
};

TEST_F(FetcherTest, StartsAtTheOffsetAndReportsTheEnd) {
  const std::string topic = make_topic("t");
  write(topic, {"a", "b", "c"});
  const ReadResult read = read_to_end(topic, 1);
  EXPECT_THAT(values_of(read.records), ElementsAre("b", "c"));
  EXPECT_EQ(read.end_offset, 3);
  EXPECT_EQ(read_to_end(topic, 3).end_offset, 3);
  EXPECT_EQ(read_to_end(make_topic("empty")).end_offset, 0);
}

TEST_F(FetcherTest, SkipsHeadersWhereNobodyWantsThem) {
  const std::string topic = make_topic("t");
  const auto producer = must(clients()->producer(""));
  const int32_t handle = must(producer->topic_handle(topic));
  const std::vector<Header> headers{{"name", "text"}};
  ASSERT_OK(producer->send({handle, 0, "key", "value", 1, headers}));
  ASSERT_OK(producer->flush());
  for (const RecordHeaders wanted : {RecordHeaders::kRead, RecordHeaders::kSkip}) {
    const auto fetcher = must(clients()->fetcher("test", wanted));
    ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}}));
    const std::vector<ReadRecord> records = take(*fetcher, {topic, 0}, 1);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].value, "value");
    EXPECT_EQ(records[0].headers.size(), wanted == RecordHeaders::kRead ? 1U : 0U);
  }
}

TEST_F(FetcherTest, HandsOutNoMoreThanWasAskedFor) {
  const std::string topic = make_topic("t");
  write(topic, {"a", "b", "c"});
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}}));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 2)), ElementsAre("a", "b"));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 1)), ElementsAre("c"));
}

TEST_F(FetcherTest, RefusesWhatIsNotAssignedAndWhatIsAssignedTwice) {
  const std::string topic = make_topic("t", 2);
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  const std::vector<PartitionOffset> once{{{topic, 0}, 0}};
  RecordBatch batch;
  EXPECT_CODE(fetcher->poll({topic, 0}, 1, batch).status(), ErrorCode::kInvalidArgument);
  EXPECT_OK(fetcher->add(once));
  EXPECT_CODE(fetcher->add(once), ErrorCode::kInvalidArgument);
  EXPECT_CODE(fetcher->remove(std::vector<TopicPartition>{{topic, 1}}),
              ErrorCode::kInvalidArgument);
  EXPECT_CODE(fetcher->add(std::vector<PartitionOffset>{{{topic, 1}, -1}}),
              ErrorCode::kInvalidArgument);
}

TEST_F(FetcherTest, SaysNotFoundForEverWhenThePositionIsGone) {
  const std::string topic = make_topic("t");
  write(topic, {"a", "b", "c"});
  ASSERT_OK(admin_->delete_records(std::vector<PartitionOffset>{{{topic, 0}, 2}}));
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}}));
  EXPECT_CODE(first_failure(*fetcher, {topic, 0}), ErrorCode::kNotFound);
  RecordBatch batch;
  EXPECT_CODE(fetcher->poll({topic, 0}, 10, batch).status(), ErrorCode::kNotFound);

  ASSERT_OK(fetcher->remove(std::vector<TopicPartition>{{topic, 0}}));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 2}}));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 1)), ElementsAre("c"));
}

TEST_F(FetcherTest, SaysNotFoundWhenThePositionIsBeyondTheEnd) {
  const std::string topic = make_topic("t");
  write(topic, {"a"});
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 7}}));
  EXPECT_CODE(first_failure(*fetcher, {topic, 0}), ErrorCode::kNotFound);
}

TEST_F(FetcherTest, APartitionThatIsNotPolledDoesNotStopTheOthers) {
  const std::string topic = make_topic("t", 2);
  const auto producer = must(clients()->producer(""));
  const std::string value(10'000, 'x');
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.value = value;
  constexpr size_t kRecords = 2'000;  // 20 MB a partition, many times its share of the budget
  for (record.partition = 0; record.partition < 2; ++record.partition) {
    for (size_t i = 0; i < kRecords; ++i) ASSERT_OK(producer->send(record));
  }
  ASSERT_OK(producer->flush());

  KafkaOptions small = options();
  small.prefetch_bytes = 2 << 20;
  const auto fetcher = must(clients(small)->fetcher("test", RecordHeaders::kRead));
  fetcher->set_catching_up(true);
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}, {{topic, 1}, 0}}));
  EXPECT_EQ(take(*fetcher, {topic, 1}, kRecords).size(), kRecords);
  EXPECT_EQ(take(*fetcher, {topic, 0}, kRecords).size(), kRecords);
}

TEST_F(FetcherTest, GoesOnWhereItWasWhenPartitionsComeAndGo) {
  constexpr int32_t kPartitions = 20;  // more than a fetcher first has room for
  const std::string topic = make_topic("t", kPartitions);
  const auto producer = must(clients()->producer(""));
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  for (const char* value : {"a", "b", "c"}) {
    record.value = value;
    for (record.partition = 0; record.partition < kPartitions; ++record.partition) {
      ASSERT_OK(producer->send(record));
    }
  }
  ASSERT_OK(producer->flush());

  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}, {{topic, 1}, 0}}));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 1)), ElementsAre("a"));
  std::vector<PartitionOffset> others;
  for (int32_t i = 2; i < kPartitions; ++i) others.push_back({{topic, i}, 1});
  ASSERT_OK(fetcher->add(others));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 2)), ElementsAre("b", "c"));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 1}, 3)), ElementsAre("a", "b", "c"));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 19}, 2)), ElementsAre("b", "c"));
  ASSERT_OK(fetcher->remove(std::vector<TopicPartition>{{topic, 0}}));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 1}}));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 2)), ElementsAre("b", "c"));
}

TEST_F(FetcherTest, WaitEndsByWakeByDataAndByTime) {
  using Clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;
  const std::string topic = make_topic("t");
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}}));
  std::optional<int64_t> end;
  ASSERT_TRUE(eventually([&] {
    RecordBatch batch;
    end = must(fetcher->poll({topic, 0}, 10, batch)).end_offset;
    return end.has_value();
  }));
  fetcher->wait(0);

  auto start = Clock::now();
  fetcher->wait(200);
  EXPECT_GE(Clock::now() - start, milliseconds(150));

  start = Clock::now();
  std::thread waker([&] { fetcher->wake(); });
  fetcher->wait(30'000);
  waker.join();
  EXPECT_LT(Clock::now() - start, milliseconds(10'000));

  start = Clock::now();
  write(topic, {"a"});
  fetcher->wait(30'000);
  EXPECT_LT(Clock::now() - start, milliseconds(10'000));
  EXPECT_THAT(values_of(take(*fetcher, {topic, 0}, 1)), ElementsAre("a"));
}

TEST_F(FetcherTest, CatchesUpThroughASmallBudgetCompletelyAndInOrder) {
  const std::string topic = make_topic("t");
  const auto producer = must(clients()->producer(""));
  const std::string value(200, 'x');
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.value = value;
  constexpr int64_t kRecords = 200'000;
  for (int64_t i = 0; i < kRecords; ++i) ASSERT_OK(producer->send(record));
  ASSERT_OK(producer->flush());

  KafkaOptions small = options();
  small.prefetch_bytes = 1 << 20;
  const auto fetcher = must(clients(small)->fetcher("test", RecordHeaders::kRead));
  fetcher->set_catching_up(true);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_OK(fetcher->add(std::vector<PartitionOffset>{{{topic, 0}, 0}}));
  int64_t next = 0;
  EXPECT_TRUE(eventually(
      [&] {
        RecordBatch batch;
        must(fetcher->poll({topic, 0}, 5'000, batch));
        for (const FetchedRecord& fetched : batch.records()) EXPECT_EQ(fetched.offset, next++);
        return next >= kRecords;
      },
      60'000));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("records_per_second",
                 std::to_string(static_cast<double>(kRecords) / seconds.count()));
}

}  // namespace millrace::engine::kafka::fetcher_test
