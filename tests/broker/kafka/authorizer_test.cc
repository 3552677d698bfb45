// Rights that are taken away while an engine runs. For a broker with an authorizer that lets
// everybody do what no rule is about.
#include <gmock/gmock.h>

#include "tests/broker/kafka/engine_runner.h"
#include "tests/broker/kafka/raw_client.h"

namespace millrace::engine::kafka::authorizer_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AuthorizerTest : public BrokerTest {
 protected:
  /// Once a topic has a rule, nobody may do what no rule allows: Write is taken away.
  void leave_only_describe(const std::string& topic) {
    char text[512];
    rd_kafka_AclBinding_t* rule = rd_kafka_AclBinding_new(
        RD_KAFKA_RESOURCE_TOPIC, topic.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:ANONYMOUS",
        "*", RD_KAFKA_ACL_OPERATION_DESCRIBE, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text,
        sizeof text);
    ASSERT_NE(rule, nullptr) << text;
    RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
      rd_kafka_CreateAcls(client, &rule, 1, nullptr, queue);
    });
    rd_kafka_AclBinding_destroy(rule);
  }
};

TEST_F(AuthorizerTest, WriteRevokedOnAnOutputEndsTheEngineWithTheCauseUnderEveryPolicy) {
  const std::string in = make_topic("in");
  for (const OnError policy : {OnError::kFail, OnError::kSkip, OnError::kDeadLetter}) {
    SCOPED_TRACE(static_cast<int>(policy));
    const std::string out = make_topic("out" + std::to_string(static_cast<int>(policy)));
    EngineOptions own = forgiving(options());
    own.on_refused_output = policy;
    own.allow_orphans = true;
    const auto factory = clients();
    auto engine = must(Engine::create(forwarding(in, out, type_info<std::string>()), own, *factory,
                                      system_clock()));
    Status status;
    write(in, {"before"});
    ASSERT_TRUE(turn_until(*engine, status, [&] {
      return must(admin_->watermarks({out, 0})).high > 0;
    }));
    ASSERT_OK(status);
    leave_only_describe(out);
    int turns = 0;
    EXPECT_TRUE(turn_until(*engine, status, [&] {
      if (++turns % 20 == 0) write(in, {"after"});
      return false;
    }));
    EXPECT_CODE(status, ErrorCode::kRefused);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(out), HasSubstr("AUTHORIZATION_FAILED")));
    EXPECT_EQ(engine->state(), EngineState::kFailed);
  }
}

/// librdkafka takes no records then and says only that it does not.
TEST_F(AuthorizerTest, ARecordAfterTheTransactionFailedTellsItsCause) {
  const std::string open = make_topic("open");
  const std::string closed = make_topic("closed");
  leave_only_describe(closed);
  const auto factory = clients();
  const auto producer = must(factory->producer(unique("tx")));
  ASSERT_OK(producer->init_transactions());
  OutgoingRecord record;
  record.timestamp_ms = 1;
  record.value = "x";
  const int32_t open_topic = must(producer->topic_handle(open));
  const int32_t closed_topic = must(producer->topic_handle(closed));
  ASSERT_OK(producer->begin_transaction());
  record.topic = closed_topic;
  ASSERT_OK(producer->send(record));
  record.topic = open_topic;
  Status status;
  ASSERT_TRUE(eventually([&] {
    status = producer->send(record);
    return !status.ok();
  }));
  EXPECT_CODE(status, ErrorCode::kRefused);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("TOPIC_AUTHORIZATION_FAILED"), HasSubstr(closed)));
}

}  // namespace millrace::engine::kafka::authorizer_test
