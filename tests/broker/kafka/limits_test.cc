// Sizes, keys and timestamps: what the engine admits the broker takes, and nothing more is refused
// than has to be.
#include <gmock/gmock.h>

#include "millrace/core/clock.h"

#include "engine/output/collector.h"
#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka::limits_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kHourMs = 3'600'000;
using Settings = std::map<std::string, std::string>;

class LimitsTest : public BrokerTest {
 protected:
  int32_t add_topic(const std::string& suffix, const Settings& config) {
    return topics_.add(make_topic(suffix, 1, config));
  }
  /// After all topics were added.
  void open() {
    ASSERT_OK(topics_.describe(*admin_));
    producer_ = must(clients_->producer(unique("tx"), topics_.producer_limits()));
    ASSERT_OK(producer_->init_transactions());
    topics_.bind(must(topics_.handles_of(*producer_)));
    collector_ = std::make_unique<Collector>(topics_, system_clock());
  }
  /// Whether the collector admits the record; if it does, the broker has to take it too.
  bool commits(int32_t topic, const Record& record) {
    EXPECT_OK(producer_->begin_transaction());
    collector_->begin_unit();
    collector_->stage(topic, 0, record);
    const bool is_admitted = collector_->unit_status().ok();
    if (is_admitted) {
      EXPECT_OK(collector_->flush(*producer_));
      EXPECT_OK(producer_->commit_transaction());
    } else {
      EXPECT_OK(producer_->abort_transaction());
    }
    return is_admitted;
  }
  static Record record(Bytes key, Bytes value, int64_t timestamp_ms = system_clock().now_ms()) {
    return {
        .key = key, .value = value, .old_value = {}, .timestamp_ms = timestamp_ms, .headers = {}};
  }

  std::unique_ptr<ClientFactory> clients_ = nullptr;
  OutputTopics topics_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Collector> collector_;

  void SetUp() override {
    BrokerTest::SetUp();
    clients_ = clients();
  }
};

TEST_F(LimitsTest, EverySizeIsTakenOrRefusedBeforeItIsSent) {
  const int32_t usual = add_topic("usual", {});
  const int32_t large = add_topic("large", {{"max.message.bytes", "3000000"}});
  const int32_t small = add_topic("small", {{"max.message.bytes", "5000"}});
  open();
  for (const int32_t topic : {usual, large, small}) {
    const size_t most = topics_[topic].limits.record_bytes_max();
    for (const size_t size : {size_t{4'000}, size_t{999'900}, size_t{1'000'000}, size_t{1'000'100},
                              size_t{1'048'460}, most - 1, most, most + 1}) {
      const std::string value(size - 1, 'x');
      EXPECT_EQ(commits(topic, record("k", value)), size <= most) << size;
    }
  }
}

TEST_F(LimitsTest, HeadersCountAsTheBrokerCountsThem) {
  const int32_t topic = add_topic("t", {{"max.message.bytes", "20000"}});
  open();
  const std::string filler(9, 'v');
  std::vector<Header> headers(500, Header{"n", Bytes(filler)});
  const size_t room = topics_[topic].limits.record_bytes_max() - record_bytes({}, {}, headers);
  const std::string value(room, 'x');
  Record full = record({}, value);
  full.headers = headers;
  EXPECT_TRUE(commits(topic, full));
  const std::string more(room + 1, 'x');
  full.value = Bytes(more);
  EXPECT_FALSE(commits(topic, full));
}

TEST_F(LimitsTest, ManyRecordsGoInBatchesThatTheSmallestTopicTakes) {
  const int32_t small = add_topic("small", {{"max.message.bytes", "3000"}});
  const int32_t usual = add_topic("usual", {});
  open();
  const std::string value(1'000, 'x');
  // The leader of a new topic may not know it yet, and some of many batches are sent again then: a
  // delivery without an offset gives up the transaction.
  Status status;
  for (int attempt = 0; attempt < 5; ++attempt) {
    ASSERT_OK(producer_->begin_transaction());
    collector_->begin_unit();
    for (int i = 0; i < 500; ++i) {
      collector_->stage(small, 0, record("k", value));
      collector_->stage(usual, 0, record("k", value));
    }
    ASSERT_TRUE(collector_->unit_status().ok());
    status = collector_->flush(*producer_);
    if (status.ok()) status = producer_->commit_transaction();
    if (status.ok()) break;
    EXPECT_CODE(status, ErrorCode::kAborted);
    collector_->clear();
    ASSERT_OK(producer_->abort_transaction());
  }
  EXPECT_OK(status);
}

TEST_F(LimitsTest, ACompactedTopicTakesNoRecordWithoutAKey) {
  const int32_t compacted = add_topic("compacted", {{"cleanup.policy", "compact"}});
  const int32_t usual = add_topic("usual", {});
  open();
  EXPECT_FALSE(commits(compacted, record({}, "v")));
  EXPECT_TRUE(commits(compacted, record("", "v")));
  EXPECT_TRUE(commits(usual, record({}, "v")));
}

TEST_F(LimitsTest, TimestampsOutOfTheTopicsBoundsAreFound) {
  const int32_t bounded = add_topic("bounded", {{"message.timestamp.before.max.ms", "86400000"},
                                                {"message.timestamp.after.max.ms", "3600000"}});
  const int32_t any = add_topic("any", {{"message.timestamp.before.max.ms", "9223372036854775807"},
                                        {"message.timestamp.after.max.ms", "9223372036854775807"}});
  const int32_t stamped = add_topic("stamped", {{"message.timestamp.type", "LogAppendTime"}});
  open();
  const int64_t now_ms = system_clock().now_ms();
  EXPECT_TRUE(commits(bounded, record("k", "v", now_ms + kHourMs - 90'000)));
  EXPECT_TRUE(commits(bounded, record("k", "v", now_ms - 24 * kHourMs + 90'000)));
  for (const int64_t time_ms : {now_ms + 2 * kHourMs, now_ms - 25 * kHourMs, int64_t{1}}) {
    EXPECT_FALSE(commits(bounded, record("k", "v", time_ms))) << time_ms;
    EXPECT_TRUE(commits(any, record("k", "v", time_ms))) << time_ms;
    EXPECT_TRUE(commits(stamped, record("k", "v", time_ms))) << time_ms;
  }
}

TEST_F(LimitsTest, AFailedDeliveryNamesItsRecordWithoutItsKey) {
  const auto producer = must(clients_->producer(""));
  OutgoingRecord sent;
  sent.topic = must(producer->topic_handle(make_topic("u", 1, {{"max.message.bytes", "2000"}})));
  const std::string value(9'000, 'x');
  sent.key = "jane@example.org";
  sent.value = value;
  sent.timestamp_ms = 5;
  ASSERT_OK(producer->send(sent));
  const Status status = producer->flush();
  EXPECT_CODE(status, ErrorCode::kRefused);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(unique("u") + "/0 (key hash "), HasSubstr("9016 bytes)")));
  EXPECT_THAT(status.message(), ::testing::Not(HasSubstr("jane")));
}

/// One record that a topic refuses, in a transaction with another that it would take.
TEST_F(LimitsTest, ATopicRefusesATransactionForOneOfItsRecords) {
  const int64_t now_ms = system_clock().now_ms();
  const std::string large(5'000, 'x');
  struct Case {
    std::string name;
    Settings config;
    Record refused;
  };
  const std::vector<Case> cases{
      {"keyless", {{"cleanup.policy", "compact"}}, record({}, "v")},
      {"large", {{"max.message.bytes", "2000"}}, record("k", large)},
      {"late",
       {{"message.timestamp.after.max.ms", "3600000"}},
       record("k", "v", now_ms + 2 * kHourMs)},
      {"early",
       {{"message.timestamp.before.max.ms", "86400000"}},
       record("k", "v", now_ms - 25 * kHourMs)},
  };
  for (const auto& [name, config, refused] : cases) {
    SCOPED_TRACE(name);
    const std::string topic = make_topic(name, 1, config);
    const auto producer = must(clients_->producer(unique(name)));
    ASSERT_OK(producer->init_transactions());
    const int32_t handle = must(producer->topic_handle(topic));
    ASSERT_OK(producer->begin_transaction());
    for (const Record& sent : {record("k", "v"), refused}) {
      ASSERT_OK(producer->send({handle, 0, sent.key, sent.value, sent.timestamp_ms, {}}));
    }
    EXPECT_CODE(producer->commit_transaction(), ErrorCode::kRefused);
    EXPECT_OK(producer->abort_transaction());
    EXPECT_THAT(read_to_end(topic).records, ::testing::IsEmpty());
  }
}

TEST_F(LimitsTest, ATopicRefusesABatchOfRecordsThatItWouldTakeOneByOne) {
  const std::string topic = make_topic("small", 1, {{"max.message.bytes", "3000"}});
  const auto producer = must(clients_->producer(unique("tx")));
  ASSERT_OK(producer->init_transactions());
  const int32_t handle = must(producer->topic_handle(topic));
  ASSERT_OK(producer->begin_transaction());
  const std::string value(1'000, 'x');
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(producer->send({handle, 0, "k", value, system_clock().now_ms(), {}}));
  }
  EXPECT_CODE(producer->commit_transaction(), ErrorCode::kRefused);
  EXPECT_OK(producer->abort_transaction());
}

}  // namespace millrace::engine::kafka::limits_test
