// State and offsets that do not belong together any more, and inputs that somebody else holds up,
// as an engine finds them on a broker.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "tests/broker/kafka/engine_runner.h"
#include "tests/broker/kafka/raw_client.h"

namespace millrace::engine::kafka::guards_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Counts all records, whatever their keys.
class Counter final : public Processor {
 public:
  void process(const Record& record) override {
    KeyValueStore& rows = context().store("rows");
    const Row row = rows.get(Bytes("all"));
    const std::string count = std::to_string(row ? std::stoi(row.value.to_string()) + 1 : 1);
    rows.put(Bytes("all"), Bytes(count), record.timestamp_ms);
  }
};

/// Counts the records of two topics in the store "rows".
Result<Topology> counting(const std::string& left, const std::string& right) {
  std::vector<Node> nodes(3);
  for (size_t i = 0; i < 2; ++i) {
    nodes[i].name = i == 0 ? "left-in" : "right-in";
    nodes[i].kind = NodeKind::kSource;
    nodes[i].topic = {i == 0 ? left : right, type_info<std::string>(), type_info<std::string>()};
    nodes[i].children = {2};
  }
  nodes[2].name = "count";
  nodes[2].factory = [] { return std::make_unique<Counter>(); };
  nodes[2].parents = {0, 1};
  nodes[2].stores = {"rows"};
  return Topology::create(
      "counting", std::move(nodes),
      {{.name = "rows", .key = type_info<std::string>(), .value = type_info<std::string>()}}, {});
}

class GuardsTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    clients_ = clients();
    left_ = make_topic("left");
    right_ = make_topic("right");
  }

  std::unique_ptr<Engine> engine() {
    return must(
        Engine::create(counting(left_, right_), forgiving(options()), *clients_, system_clock()));
  }
  int64_t committed(const std::string& topic) {
    const std::vector<TopicPartition> partition{{topic, 0}};
    const auto known = admin_->committed(partition);
    return known.ok() ? (*known)[0].offset : -2;
  }
  /// Counts three records and two, and stops.
  void count_some() {
    write(left_, {"1", "2", "3"});
    write(right_, {"1", "2"});
    const auto counting = engine();
    Status status;
    ASSERT_TRUE(turn_until(*counting, status,
                           [&] { return committed(left_) >= 3 && committed(right_) >= 2; }));
    ASSERT_OK(status);
    ASSERT_OK(counting->close());
  }
  /// How the next start ends.
  Status end_of_next() {
    const auto next = engine();
    Status status;
    EXPECT_TRUE(turn_until(*next, status, [] { return false; }));
    return status;
  }

  std::unique_ptr<ClientFactory> clients_;
  std::string left_;
  std::string right_;
};

TEST_F(GuardsTest, OffsetsLostForOneOfTwoInputsAreNotAppliedTwice) {
  count_some();
  RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_topic_partition_list_t* const partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(partitions, right_.c_str(), 0);
    rd_kafka_DeleteConsumerGroupOffsets_t* lost =
        rd_kafka_DeleteConsumerGroupOffsets_new(options().application_id.c_str(), partitions);
    rd_kafka_DeleteConsumerGroupOffsets(client, &lost, 1, nullptr, queue);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(lost);
    rd_kafka_topic_partition_list_destroy(partitions);
  });
  ASSERT_EQ(committed(right_), -1);
  ASSERT_GE(committed(left_), 3);
  const Status ended = end_of_next();
  EXPECT_CODE(ended, ErrorCode::kConfig);
  EXPECT_THAT(ended.message(), HasSubstr("no offsets for its input " + right_ + "/0"));
}

TEST_F(GuardsTest, AChangelogThatWasDeletedIsNotMadeAnew) {
  count_some();
  const std::string changelog = options().application_id + "-rows-changelog";
  ASSERT_OK(admin_->describe_topic(changelog).status());
  RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopic_t* deleted = rd_kafka_DeleteTopic_new(changelog.c_str());
    rd_kafka_DeleteTopics(client, &deleted, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(deleted);
  });
  ASSERT_TRUE(
      eventually([&] { return admin_->describe_topic(changelog).code() == ErrorCode::kNotFound; }));
  const Status ended = end_of_next();
  EXPECT_CODE(ended, ErrorCode::kConfig);
  EXPECT_THAT(ended.message(), AllOf(HasSubstr("changelog '" + changelog + "' of store 'rows'"),
                                     HasSubstr("has committed offset")));
  EXPECT_EQ(admin_->describe_topic(changelog).code(), ErrorCode::kNotFound);
}

TEST_F(GuardsTest, AnOpenTransactionShowsInHealthWithWhatItHides) {
  write(left_, {"before"});
  const auto foreign = must(clients_->producer(unique("foreign")));
  ASSERT_OK(foreign->init_transactions());
  ASSERT_OK(foreign->begin_transaction());
  ASSERT_OK(foreign->send({.topic = must(foreign->topic_handle(left_)),
                           .partition = 0,
                           .key = "k",
                           .value = "open",
                           .timestamp_ms = 1,
                           .headers = {}}));
  ASSERT_OK(foreign->flush());
  write(left_, {"committed, and hidden"});

  const auto counting = engine();
  Status status;
  std::vector<PartitionLag> hidden;
  ASSERT_TRUE(turn_until(*counting, status, [&] {
    hidden = counting->metrics().hidden_inputs();
    return !hidden.empty();
  }));
  ASSERT_OK(status);
  ASSERT_THAT(hidden, SizeIs(1));
  EXPECT_EQ(hidden[0].partition, (TopicPartition{left_, 0}));
  EXPECT_EQ(hidden[0].hidden->last_stable_offset, 1);
  EXPECT_EQ(hidden[0].records, 2);
  EXPECT_LE(hidden[0].hidden->since_ms, system_clock().now_ms());
  ASSERT_OK(foreign->commit_transaction());
  EXPECT_TRUE(
      turn_until(*counting, status, [&] { return counting->metrics().hidden_inputs().empty(); }));
  EXPECT_GE(committed(left_), 3);
  EXPECT_OK(counting->close());
}

}  // namespace millrace::engine::kafka::guards_test
