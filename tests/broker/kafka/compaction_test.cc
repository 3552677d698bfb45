// The cleaner of a compacted topic. A Kafka's works in its own time, so the settings of the topics
// let it work soon; the broker in memory works when it is called.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "millrace/core/clock.h"

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::compaction_test {

using ::testing::ElementsAre;

/// A stock broker's cleaner looks every 15 seconds.
constexpr int64_t kPatienceMs = 90'000;
constexpr int64_t kTombstonesMs = 1'000;
constexpr int64_t kSegmentMs = 100;

class CompactionTest : public BrokerTest {
 protected:
  std::string make_compacted() {
    return make_topic("t", 1,
                      {{"cleanup.policy", "compact"},
                       {"segment.ms", std::to_string(kSegmentMs)},
                       {"min.cleanable.dirty.ratio", "0.0"},
                       {"delete.retention.ms", std::to_string(kTombstonesMs)}});
  }
  /// The next records go to a new segment: Kafka cleans none that is still written, or that holds
  /// records of an open transaction.
  static void begin_segment() {
    if (memory() == nullptr) std::this_thread::sleep_for(std::chrono::milliseconds(2 * kSegmentMs));
  }
  /// Writes rows, null for a tombstone, to a segment of their own.
  void put(const std::string& topic,
           const std::vector<std::pair<std::string, std::optional<std::string>>>& rows) {
    begin_segment();
    const auto producer = must(clients()->producer(""));
    OutgoingRecord record;
    record.topic = must(producer->topic_handle(topic));
    record.timestamp_ms = system_clock().now_ms();
    for (const auto& [key, value] : rows) {
      record.key = key;
      record.value = value ? Bytes(*value) : Bytes();
      ASSERT_OK(producer->send(record));
    }
    ASSERT_OK(producer->flush());
  }
  /// Lets the cleaner work until the rows are these, each with its offset.
  bool becomes(const std::string& topic, const std::vector<std::string>& wanted) {
    return eventually(
        [&] {
          if (memory() != nullptr) memory()->compact(topic, now_ms_ += kTombstonesMs + 1);
          return rows(topic) == wanted;
        },
        kPatienceMs);
  }
  std::vector<std::string> rows(const std::string& topic, int64_t from = 0) {
    std::vector<std::string> found;
    for (const ReadRecord& record : read_to_end(topic, from).records) {
      found.push_back(std::to_string(record.offset) + " " + record.key.value_or("") + "=" +
                      record.value.value_or("null"));
    }
    return found;
  }

 private:
  int64_t now_ms_ = 0;
};

TEST_F(CompactionTest, TheNewestRowsStayAtTheirOffsetsAndTombstonesGoLater) {
  const std::string topic = make_compacted();
  put(topic, {{"a", "1"}, {"b", "1"}, {"a", "2"}, {"c", "1"}, {"b", std::nullopt}});
  put(topic, {{"x", "1"}});
  EXPECT_TRUE(becomes(topic, {"2 a=2", "3 c=1", "4 b=null", "5 x=1"}))
      << "a deletion outlives its first compaction";
  put(topic, {{"y", "1"}});
  EXPECT_TRUE(becomes(topic, {"2 a=2", "3 c=1", "5 x=1", "6 y=1"}));
  EXPECT_THAT(rows(topic, 1), ElementsAre("2 a=2", "3 c=1", "5 x=1", "6 y=1"))
      << "an offset whose record is gone is no error";
  const Admin::Watermarks marks = must(admin_->watermarks({topic, 0}));
  EXPECT_EQ(marks.low, 0);
  EXPECT_EQ(marks.high, 7);
}

TEST_F(CompactionTest, ReplacesNothingByWhatNobodyHasCommitted) {
  const std::string topic = make_compacted();
  KafkaOptions patient = options();
  patient.transaction_timeout_ms = 2 * kPatienceMs;
  const auto factory = clients(patient);
  const auto producer = must(factory->producer(unique("tx")));
  ASSERT_OK(producer->init_transactions());
  put(topic, {{"a", "1"}, {"b", "1"}, {"b", "2"}});
  begin_segment();
  ASSERT_OK(producer->begin_transaction());
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.timestamp_ms = system_clock().now_ms();
  record.key = "a";
  record.value = "open";
  ASSERT_OK(producer->send(record));
  ASSERT_OK(producer->flush());
  put(topic, {{"x", "1"}});
  EXPECT_TRUE(becomes(topic, {"0 a=1", "2 b=2"}));
  ASSERT_OK(producer->abort_transaction());
  put(topic, {{"y", "1"}});
  EXPECT_TRUE(becomes(topic, {"0 a=1", "2 b=2", "4 x=1", "6 y=1"}))
      << "what was aborted replaces nothing";
}

}  // namespace millrace::engine::kafka::compaction_test
