#include "tests/broker/kafka/cluster.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::engine::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::optional<std::string> owned(Bytes bytes) {
  if (bytes.is_null()) return std::nullopt;
  return bytes.to_string();
}

}  // namespace

void BrokerTest::SetUp() {
  const char* bootstrap = std::getenv("MILLRACE_TEST_BOOTSTRAP");
  ASSERT_NE(bootstrap, nullptr) << "set MILLRACE_TEST_BOOTSTRAP to a Kafka for tests, e.g. of "
                                   "apps/kafka/local_kafka.sh start";
  bootstrap_ = bootstrap;
  if (bootstrap_ == "memory") memory_ = std::make_unique<testing::MemoryBroker>();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  prefix_ =
      fmt::format("mrt-{}-{}-{}", ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                  getpid(), std::chrono::duration_cast<milliseconds>(now).count() % 100'000'000);
  admin_ = must(clients()->admin());
  ASSERT_TRUE(admin_->list_topics().ok()) << "no Kafka answers at " << bootstrap_;
}

KafkaOptions BrokerTest::options() const {
  KafkaOptions options;
  options.bootstrap_servers = bootstrap_;
  options.application_id = prefix_;
  options.client_id = prefix_;
  options.session_timeout_ms = 6'000;
  options.barrier_timeout_ms = 20'000;
  return options;
}

std::unique_ptr<ClientFactory> BrokerTest::clients(const KafkaOptions& options) {
  return memory_ != nullptr ? memory_->clients() : must(make_kafka_clients(options));
}

std::string BrokerTest::make_topic(const std::string& suffix, int32_t partitions,
                                   std::map<std::string, std::string> config) {
  // Records of tests are of any time, and a stock broker looks for old ones half a minute after its
  // start.
  config.try_emplace("retention.ms", "-1");
  const std::vector<NewTopic> wanted{{unique(suffix), partitions, std::move(config)}};
  EXPECT_OK(admin_->create_topics(wanted));
  return wanted[0].name;
}

void BrokerTest::write(const std::string& topic, const std::vector<std::string>& values) {
  const auto producer = must(clients()->producer(""));
  OutgoingRecord record;
  record.topic = must(producer->topic_handle(topic));
  record.timestamp_ms = 1;
  for (const std::string& value : values) {
    record.value = value;
    ASSERT_OK(producer->send(record));
  }
  ASSERT_OK(producer->flush());
}

void BrokerTest::pipe(const std::string& topic, Bytes key, Bytes value, int64_t timestamp_ms,
                      int32_t partition, std::span<const Header> headers) {
  ProducerLimits limits;
  limits.record_bytes_max = 3'000'000;
  const auto producer = must(clients()->producer("", limits));
  ASSERT_OK(producer->send({.topic = must(producer->topic_handle(topic)),
                            .partition = partition,
                            .key = key,
                            .value = value,
                            .timestamp_ms = timestamp_ms,
                            .headers = headers}));
  ASSERT_OK(producer->flush());
}

int64_t BrokerTest::committed(const TopicPartition& partition) {
  const auto known = admin_->committed(std::vector<TopicPartition>{partition});
  return known.ok() ? (*known)[0].offset : -2;
}

ReadResult BrokerTest::read_to_end(const std::string& topic, int64_t offset, int64_t patience_ms) {
  const auto fetcher = must(clients()->fetcher("test", RecordHeaders::kRead));
  const std::vector<PartitionOffset> from{{{topic, 0}, offset}};
  EXPECT_OK(fetcher->add(from));
  ReadResult result;
  const auto deadline = Clock::now() + milliseconds(patience_ms);
  while (!result.end_offset && Clock::now() < deadline) {
    RecordBatch batch;
    result.end_offset = must(fetcher->poll(from[0].partition, 10'000, batch)).end_offset;
    append(batch, result.records);
    if (!result.end_offset) fetcher->wait(100);
  }
  EXPECT_TRUE(result.end_offset.has_value()) << "the end of " << topic << " was not seen";
  return result;
}

ReadResult BrokerTest::read_until(const std::string& topic, int64_t end_offset) {
  ReadResult result;
  eventually([&] {
    result = read_to_end(topic);
    return result.end_offset >= end_offset;
  });
  return result;
}

std::vector<std::string> values_of(const std::vector<ReadRecord>& records) {
  std::vector<std::string> values;
  values.reserve(records.size());
  for (const ReadRecord& record : records) values.push_back(record.value.value_or("<null>"));
  return values;
}

void append(const RecordBatch& batch, std::vector<ReadRecord>& records) {
  for (const FetchedRecord& fetched : batch.records()) {
    ReadRecord& record = records.emplace_back();
    record = {fetched.offset, fetched.timestamp_ms, owned(fetched.key), owned(fetched.value), {}};
    for (const auto& [name, value] : fetched.headers) {
      record.headers.emplace_back(name, owned(value));
    }
  }
}

bool eventually(const std::function<bool()>& done, int64_t patience_ms) {
  const auto deadline = Clock::now() + milliseconds(patience_ms);
  while (!done()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

}  // namespace millrace::engine::kafka
