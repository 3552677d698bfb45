#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "engine/kafka/kafka_clients.h"

namespace millrace::engine {

/// librdkafka's mock in this process; of its brokers the first one leads.
class MockCluster {
 public:
  static constexpr int32_t kBroker = 1;
  static constexpr int32_t kNoBroker = -1;

  explicit MockCluster(int brokers = 1) {
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
    cluster_ = rd_kafka_mock_cluster_new(client_, brokers);
    rd_kafka_mock_topic_create(cluster_, "t", 1, brokers);
    set_leader(kBroker);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }

  std::string bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void set_down() { rd_kafka_mock_broker_set_down(cluster_, kBroker); }
  void set_leader(int32_t broker) { rd_kafka_mock_partition_set_leader(cluster_, "t", 0, broker); }
  void claim_to_have_next_batch() {
    constexpr int16_t kProduce = 0;
    rd_kafka_mock_push_request_errors(cluster_, kProduce, 1,
                                      RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
  }
  /// Whether its brokers know the topic.
  void set_unknown(const std::string& topic, bool is_unknown) {
    rd_kafka_mock_topic_set_error(
        cluster_, topic.c_str(),
        is_unknown ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void set_up() { rd_kafka_mock_broker_set_up(cluster_, kBroker); }

 private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

inline std::unique_ptr<ClientFactory> clients_at(const std::string& bootstrap) {
  KafkaOptions options;
  options.bootstrap_servers = bootstrap;
  options.application_id = "app";
  options.transaction_timeout_ms = 1'000;
  return make_kafka_clients(options).value();
}

inline Status send(Producer& producer, Bytes value) {
  const auto topic = producer.topic_handle("t");
  if (!topic.ok()) return topic.status();
  OutgoingRecord record;
  record.topic = topic.value();
  record.value = value;
  record.timestamp_ms = 1;
  return producer.send(record);
}

/// Polls partition 0 of "t" until `count` values are there or 20 s are over.
inline std::vector<std::string> take(Fetcher& fetcher, size_t count) {
  std::vector<std::string> values;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (values.size() < count && std::chrono::steady_clock::now() < deadline) {
    fetcher.wait(50);
    RecordBatch batch;
    EXPECT_TRUE(fetcher.poll({"t", 0}, count - values.size(), batch).ok());
    for (const FetchedRecord& record : batch.records()) {
      values.push_back(record.value.to_string());
    }
  }
  return values;
}

inline std::string shown(const Status& status) {
  if (status.ok()) return "ok";
  return std::string(to_string(status.code())) + ": " + status.message();
}

}  // namespace millrace::engine
