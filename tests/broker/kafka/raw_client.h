#pragma once

#include <string>

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

namespace millrace::engine::kafka {

/// An operator's client, for what the engine never asks of a broker.
class RawClient {
 public:
  explicit RawClient(const std::string& bootstrap_servers) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap_servers.c_str(), text, sizeof text);
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    EXPECT_NE(client_, nullptr) << text;
  }
  ~RawClient() {
    if (client_ != nullptr) rd_kafka_destroy(client_);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// Calls `request(client, queue)`, and waits for the broker's answer.
  template <class Request>
  void ask(Request&& request) {
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(client_);
    request(client_, queue);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 30'000);
    EXPECT_NE(event, nullptr) << "no answer";
    if (event != nullptr) {
      EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR)
          << rd_kafka_event_error_string(event);
      rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
  }

 private:
  rd_kafka_t* client_ = nullptr;
};

}  // namespace millrace::engine::kafka
