#include "engine/output/collector.h"

#include <gmock/gmock.h>

#include "engine/task/input_queue.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine::collector_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CollectorTest : public ::testing::Test {
 protected:
  CollectorTest() {
    broker_.create_topic("out", 2);
    clients_ = broker_.clients();
    producer_ = std::move(*clients_->producer(""));
    topic_ = topics_.add("out");
    EXPECT_TRUE(topics_.describe(**clients_->admin()));
    topics_.bind(topics_.handles_of(*producer_).value());
  }
  static Record record(Bytes key, Bytes value) {
    return {.key = key, .value = value, .old_value = {}, .timestamp_ms = 1, .headers = {}};
  }
  std::vector<std::string> sent(int32_t partition) {
    std::vector<std::string> values;
    for (const auto& stored : broker_.read_committed({"out", partition})) {
      values.push_back(stored.value.value_or("null"));
    }
    return values;
  }

  testing::MemoryBroker broker_;
  std::unique_ptr<ClientFactory> clients_;
  std::unique_ptr<Producer> producer_;
  OutputTopics topics_;
  testing::ManualClock clock_{1'700'000'000'000};
  int32_t topic_ = 0;
};

TEST_F(CollectorTest, AnUndoneUnitLeavesWhatWasBefore) {
  Collector collector(topics_, clock_);
  collector.begin_unit();
  collector.stage(topic_, 0, record("k", "stays"));
  collector.begin_unit();
  collector.stage(topic_, 0, record("k", std::string(300'000, 'x')));
  collector.stage(topic_, 1, record("k", "goes"));
  collector.undo_unit();
  ASSERT_TRUE(collector.flush(*producer_));
  EXPECT_TRUE(collector.empty());
  EXPECT_THAT(sent(0), ElementsAre("stays"));
  EXPECT_THAT(sent(1), IsEmpty());
}

TEST_F(CollectorTest, SpreadsRecordsWithoutAKey) {
  Collector collector(topics_, clock_);
  collector.begin_unit();
  for (int i = 0; i < 4; ++i) collector.stage(topic_, PartitionKey(), record({}, "v"));
  ASSERT_TRUE(collector.flush(*producer_));
  EXPECT_EQ(sent(0).size(), 2U);
  EXPECT_EQ(sent(1).size(), 2U);
}

TEST(InputQueue, ShowsKeysOfAnyRangeOverItsBatches) {
  InputQueue queue;
  int next = 0;
  for (const int size : {3, 1, 4}) {
    RecordBatch batch;
    for (int i = 0; i < size; ++i, ++next) {
      const std::string key = std::to_string(next);
      batch.add(next, 0, Bytes(key), Bytes("v"), {});
    }
    queue.push(std::move(batch));
  }
  queue.pop();
  const auto keys = [&](size_t from, size_t to) {
    std::vector<std::string> found;
    queue.for_each_key(from, to, [&](Bytes key) { found.push_back(key.to_string()); });
    return found;
  };
  EXPECT_THAT(keys(0, 2), ElementsAre("1", "2"));
  EXPECT_THAT(keys(1, 4), ElementsAre("2", "3", "4"));
  EXPECT_THAT(keys(5, 100), ElementsAre("6", "7"));
  EXPECT_EQ(queue.size(), 7U);
}

}  // namespace millrace::engine::collector_test
