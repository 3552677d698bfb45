// On a broker whose defaults are hostile: records get its time, and go after a second.
#include <gmock/gmock.h>

#include "tests/broker/kafka/engine_runner.h"
#include "tests/unit/testing/counting_topology.h"

namespace millrace::engine::kafka::defaults_test {

using ::testing::Each;
using ::testing::Field;

class DefaultsTest : public BrokerTest {};

TEST_F(DefaultsTest, EventTimePassesThroughExchangesAndDeadLettersStay) {
  const std::map<std::string, std::string> kept{
      {"message.timestamp.type", "CreateTime"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
  ASSERT_OK(admin_->create_topics(
      std::vector<millrace::NewTopic>{{"words", 1, kept}, {"counts", 1, kept}}));
  EngineOptions own = forgiving(options());
  const auto factory = clients();
  auto engine =
      must(Engine::create(testing::counting_topology(true), own, *factory, system_clock()));
  write("words", {"a", "b", "bad", "a"});
  Status status;
  EXPECT_TRUE(turn_until(*engine, status, [&] {
    return must(admin_->watermarks({"counts", 0})).high >= 3;
  }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  const ReadResult counts = read_to_end("counts");
  EXPECT_EQ(counts.records.size(), 3U);
  EXPECT_THAT(counts.records, Each(Field(&ReadRecord::timestamp_ms, 1)));

  // The broker has looked for old records several times by now, if a second one is gone.
  const std::string doomed = make_topic("doomed", 1, {{"segment.ms", "100"}});
  ASSERT_TRUE(eventually(
      [&] {
        write(doomed, {"x"});
        return must(admin_->watermarks({doomed, 0})).low > 1;
      },
      90'000));
  const ReadResult letters = read_to_end(own.application_id + "-dead-letters");
  ASSERT_EQ(letters.records.size(), 1U);
  EXPECT_EQ(letters.records[0].timestamp_ms, 1);
}

}  // namespace millrace::engine::kafka::defaults_test
