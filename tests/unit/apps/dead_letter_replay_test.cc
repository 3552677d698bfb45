#include "apps/cli/dead_letter_replay.h"

#include <gmock/gmock.h>

#include "engine/output/dead_letters.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::apps::dead_letter_replay_test {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

using ::testing::HasSubstr;

/// A record goes to the topic of dead letters as a task sends it, and comes back from there.
TEST(DeadLetterReplay, GivesBackTheRecordWithItsNulls) {
  testing::MemoryBroker broker;
  broker.create_topic("in", 1);
  broker.create_topic("letters", 1);
  const auto clients = broker.clients();
  const auto producer = std::move(*clients->producer(""));
  engine::OutputTopics topics({"letters"});
  ASSERT_TRUE(topics.describe(**clients->admin()).ok());
  topics.bind(topics.handles_of(*producer).value());
  testing::ManualClock clock{1'700'000'000'000};
  engine::Collector collector(topics, clock);
  const std::vector<Header> headers{{"null", Bytes()}, {"empty", Bytes("")}, {"trace", "7"}};
  collector.begin_unit();
  engine::stage_dead_letter(
      {.collector = collector, .topics = topics, .now_ms = clock.now_ms()},
      {{.offset = 3, .timestamp_ms = 5, .key = Bytes(), .value = Bytes(""), .headers = headers},
       {}},
      {"in", 0, 3}, {0, 0}, Error{ErrorCode::kUserCode, "told so"});
  ASSERT_TRUE(collector.unit_status().ok());
  ASSERT_TRUE(collector.flush(*producer).ok());

  const Result<ReplayOutcome> outcome = replay_dead_letters({.topic = "letters"}, {}, *clients);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome->replayed, 1);
  const auto records = broker.read_committed({"in", 0});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].key, std::nullopt);
  EXPECT_EQ(records[0].value, "");
  EXPECT_EQ(records[0].timestamp_ms, 5);
  EXPECT_THAT(records[0].headers,
              ElementsAre(Pair("null", std::nullopt), Pair("empty", ""), Pair("trace", "7")));
}

TEST(DeadLetterReplay, PassesALetterOverThatLacksAPartOfItsRecord) {
  testing::MemoryBroker broker;
  broker.create_topic("in", 1);
  broker.create_topic("letters", 1, {{"max.message.bytes", "1000"}});
  const auto clients = broker.clients();
  const auto producer = std::move(*clients->producer(""));
  engine::OutputTopics topics({"letters"});
  ASSERT_TRUE(topics.describe(**clients->admin()).ok());
  topics.bind(topics.handles_of(*producer).value());
  testing::ManualClock clock{1'700'000'000'000};
  engine::Collector collector(topics, clock);
  int64_t offset = 3;
  for (const size_t bytes : {size_t{2'000}, size_t{10}}) {
    const std::string value(bytes, 'v');
    collector.begin_unit();
    engine::stage_dead_letter(
        {.collector = collector, .topics = topics, .now_ms = clock.now_ms()},
        {{.offset = offset, .timestamp_ms = 5, .key = "k", .value = Bytes(value), .headers = {}},
         {}},
        {"in", 0, offset}, {0, 0}, Error{ErrorCode::kUserCode, "told so"});
    ASSERT_TRUE(collector.unit_status().ok());
    ++offset;
  }
  ASSERT_TRUE(collector.flush(*producer).ok());

  const Result<ReplayOutcome> outcome = replay_dead_letters({.topic = "letters"}, {}, *clients);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome->replayed, 1);
  EXPECT_THAT(outcome->cut, ElementsAre(HasSubstr(
                                "letters/0@0 lacks a part of its record, which is whole only at "
                                "in/0@3: the value has ")));
  const auto records = broker.read_committed({"in", 0});
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_THAT(records[0].value, ::testing::Optional(SizeIs(10)));
}

}  // namespace millrace::apps::dead_letter_replay_test
