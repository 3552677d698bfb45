#include <gmock/gmock.h>

#include "engine/kafka/client/library_version.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::config_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

KafkaOptions with(std::map<std::string, std::string> properties) {
  KafkaOptions options;
  options.application_id = "app";
  options.properties = std::move(properties);
  return options;
}

/// The message of a configuration that is not taken; empty when it is.
std::string refusal(KafkaOptions options) {
  const auto made = make_kafka_clients(std::move(options));
  if (made.ok()) return "";
  EXPECT_EQ(made.code(), ErrorCode::kConfig);
  return made.message();
}

TEST(KafkaConfig, TakesPropertiesForAllClientsOrOneKind) {
  EXPECT_EQ(refusal(with({{"security.protocol", "plaintext"},
                          {"kafka.socket.keepalive.enable", "true"},
                          {"consumer.fetch.min.bytes", "10"},
                          {"kafka.producer.compression.type", "lz4"},
                          {"linger.ms", "7"}})),
            "");
}

TEST(KafkaConfig, NamesAWrongPropertyWithLibrdkafkasText) {
  EXPECT_THAT(refusal(with({{"no.such.property", "1"}})), HasSubstr("no.such.property"));
  EXPECT_THAT(refusal(with({{"producer.linger.ms", "soon"}})), HasSubstr("linger.ms"));
  EXPECT_THAT(refusal(with({{"consumer.fetch.min.bytes", "0"}})), HasSubstr("fetch.min.bytes"));
}

TEST(KafkaConfig, KeepsThePropertiesThatCarryTheGuarantees) {
  for (const char* name : {"isolation.level", "enable.auto.commit", "consumer.group.id",
                           "kafka.producer.transactional.id", "auto.offset.reset", "client.id",
                           "producer.message.max.bytes", "batch.size"}) {
    EXPECT_THAT(refusal(with({{name, "x"}})), HasSubstr("engine's own")) << name;
  }
}

TEST(KafkaConfig, ShowsNoSecret) {
  auto wrong = with({{"sasl.password", "hunter2"}, {"no.such.secret", "hunter2"}});
  EXPECT_THAT(refusal(wrong), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal(with({{"ssl.key.pem", "hunter2"}, {"linger.ms", "soon"}})),
              Not(HasSubstr("hunter2")));
}

TEST(KafkaConfig, AsksForAnApplicationIdAndABarrierNotShorterThanASession) {
  EXPECT_NE(refusal(KafkaOptions{}), "");
  KafkaOptions options = with({});
  options.barrier_timeout_ms = options.session_timeout_ms - 1;
  EXPECT_THAT(refusal(options), HasSubstr("barrier_timeout_ms"));
}

TEST(KafkaConfig, KnowsFromItsVersionWhetherLibrdkafkaHasABackoffOfFullQueues) {
  EXPECT_FALSE(kafka::has_fetch_queue_backoff(0x020101ff));
  EXPECT_TRUE(kafka::has_fetch_queue_backoff(0x020200ff));
  EXPECT_EQ(refusal(with({{"fetch.queue.backoff.ms", "20"}})).empty(),
            kafka::has_fetch_queue_backoff())
      << "what the loaded library takes";
}

TEST(KafkaConfig, NamesAFileThatCannotBeRead) {
  for (const char* name : {"ssl.ca.location", "kafka.consumer.ssl.key.location"}) {
    EXPECT_THAT(refusal(with({{"security.protocol", "ssl"}, {name, "/nonexistent/file.pem"}})),
                AllOf(HasSubstr("location = /nonexistent/file.pem"), HasSubstr("No such file")));
  }
}

TEST(KafkaConfig, AClientThatCannotBeMadeSaysWhy) {
  const auto factory =
      make_kafka_clients(with({{"security.protocol", "ssl"}, {"ssl.ca.location", "/dev/null"}}));
  ASSERT_TRUE(factory.ok());
  const auto producer = (*factory.value()).producer("");
  ASSERT_FALSE(producer.ok());
  EXPECT_EQ(producer.code(), ErrorCode::kConfig);
  EXPECT_THAT(producer.message(), HasSubstr("ca.location"));
}

}  // namespace millrace::engine::config_test
