// Poison: the engine finds records that a topic would refuse before they are part of a commit.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "engine/output/dead_letters.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/engine/secret_files.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::limits_test {

using testing::DriverOptions;
using testing::DriverRecord;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TopologyDriver;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kNowMs = 1'700'000'000'000;
using Settings = std::map<std::string, std::string>;

TEST(TopicLimits, ComeFromTheTopicsSettings) {
  const TopicLimits limits = limits_of({{"max.message.bytes", "2000"},
                                        {"segment.bytes", "1048576"},
                                        {"cleanup.policy", "compact,delete"},
                                        {"message.timestamp.type", "CreateTime"},
                                        {"message.timestamp.before.max.ms", "1000"},
                                        {"message.timestamp.after.max.ms", "3600000"}});
  EXPECT_EQ(limits.batch_bytes_max, 2'000U);
  EXPECT_TRUE(limits.needs_keys);
  EXPECT_EQ(limits.before_ms_max, 900);
  EXPECT_EQ(limits.after_ms_max, kHourMs - 60'000);
  EXPECT_FALSE(limits.takes_time(kNowMs - 901, kNowMs));
  EXPECT_TRUE(limits.takes_time(kNowMs - 900, kNowMs));
  EXPECT_FALSE(limits.takes_time(TopicLimits::kNoBound, kNowMs));
}

TEST(TopicLimits, ABatchFitsASegment) {
  EXPECT_EQ(limits_of({{"segment.bytes", "14"}}).batch_bytes_max, 14U);
  EXPECT_EQ(limits_of({{"segment.bytes", "14"}}).record_bytes_max(), 0U);
}

TEST(TopicLimits, TheOldBoundOnTimestampsHoldsWhereTheNewOnesAreNotSet) {
  const std::string none = std::to_string(TopicLimits::kNoBound);
  const TopicLimits limits = limits_of({{"message.timestamp.difference.max.ms", "1000"},
                                        {"message.timestamp.before.max.ms", none},
                                        {"message.timestamp.after.max.ms", "500"}});
  EXPECT_EQ(limits.before_ms_max, 900);
  EXPECT_EQ(limits.after_ms_max, 450);
}

TEST(TopicLimits, WhereTheBrokerStampsRecordsAnyTimeIsTaken) {
  const TopicLimits limits = limits_of(
      {{"message.timestamp.type", "LogAppendTime"}, {"message.timestamp.after.max.ms", "1000"}});
  EXPECT_TRUE(limits.takes_time(TopicLimits::kNoBound, kNowMs));
  EXPECT_TRUE(limits.takes_time(0, kNowMs));
}

TEST(ProducerLimits, LetEveryTopicTakeItsLargestRecordAndAnyBatch) {
  testing::MemoryBroker broker;
  broker.create_topic("small", 1, {{"max.message.bytes", "70000"}});
  broker.create_topic("usual", 1);
  broker.create_topic("large", 1, {{"max.message.bytes", "5000000"}});
  OutputTopics topics({"small", "usual", "large"});
  ASSERT_TRUE(topics.describe(**broker.clients()->admin()));
  EXPECT_EQ(topics.producer_limits().batch_bytes_max, 70'000U);
  EXPECT_EQ(topics.producer_limits().record_bytes_max, 5'000'000U);
}

/// left → out, where "out" and the dead letters have these settings.
class Limits : public ::testing::Test {
 protected:
  void start(const Settings& out, const Script& script = {}, const Settings& letters = {},
             OnError refused = OnError::kDeadLetter) {
    options_.engine.on_refused_output = refused;
    driver_ = std::make_unique<TopologyDriver>(scripted(script), options_);
    broker_of(*driver_).delete_topic("out");
    broker_of(*driver_).create_topic("out", 1, out);
    broker_of(*driver_).create_topic("test-dead-letters", 1, letters);
  }
  /// The only dead letter, as a reader of its topic fetches it; nullopt: there is not just one.
  std::optional<DeadLetter> letter() {
    const auto stored = broker_of(*driver_).read_committed({"test-dead-letters", 0});
    if (stored.size() != 1) return std::nullopt;
    std::vector<Header> headers;
    for (const auto& [name, value] : stored[0].headers) {
      headers.push_back({name, value ? Bytes(*value) : Bytes()});
    }
    const auto part = [](const std::optional<std::string>& text) {
      return text ? Bytes(*text) : Bytes();
    };
    letter_bytes_ = record_bytes(part(stored[0].key), part(stored[0].value), headers);
    batch_.add(0, stored[0].timestamp_ms, part(stored[0].key), part(stored[0].value), headers);
    return read_dead_letter(batch_.records().front());
  }
  size_t outputs() { return driver_->read_bytes("out").size(); }

  DriverOptions options_;
  std::unique_ptr<TopologyDriver> driver_;
  RecordBatch batch_;
  size_t letter_bytes_ = 0;
};

TEST_F(Limits, AnOutputWithoutAKeyToACompactedTopicIsItsRecordsFault) {
  for (const bool coalesce : {false, true}) {
    start({{"cleanup.policy", "compact"}}, {.coalesce = coalesce});
    driver_->pipe_bytes("left", std::nullopt, "keyless", 1);
    driver_->pipe_bytes("left", "k", "keyed", 1);
    driver_->run();
    EXPECT_EQ(outputs(), 1U);
    const auto found = letter();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->error, "refused");
    EXPECT_THAT(found->reason, HasSubstr("cannot go to topic 'out', which is compacted"));
    batch_.clear();
  }
}

TEST_F(Limits, ATimestampOutOfBoundsIsItsRecordsFault) {
  const auto put = [](ProcessorContext& context, const Record& record) {
    context.store("rows").put(record.key, record.value, record.timestamp_ms);
    context.forward(record);
  };
  for (const bool coalesce : {false, true}) {
    for (const bool rows_in_store : {false, true}) {
      Script script{.process = put, .with_store = true, .coalesce = coalesce};
      if (coalesce && rows_in_store) script.forwards_rows_of = "rows";
      start({{"message.timestamp.after.max.ms", "3600000"}}, script);
      driver_->pipe_bytes("left", "a", "in bounds", kNowMs + kHourMs / 2);
      driver_->pipe_bytes("left", "b", "out of bounds", kNowMs + 2 * kHourMs);
      driver_->run();
      EXPECT_EQ(outputs(), 1U);
      EXPECT_EQ(driver_->store_bytes("rows", "b"), std::nullopt);
      const auto found = letter();
      ASSERT_TRUE(found);
      EXPECT_THAT(found->reason, HasSubstr("too far in the future for topic 'out'"));
      EXPECT_EQ(found->timestamp_ms, kNowMs + 2 * kHourMs);
      batch_.clear();
    }
  }
}

TEST_F(Limits, ATimestampThatIsTooOldIsItsRecordsFault) {
  start({{"message.timestamp.before.max.ms", "3600000"}});
  driver_->pipe_bytes("left", "a", "old", kNowMs - 2 * kHourMs);
  driver_->pipe_bytes("left", "b", "new", kNowMs);
  driver_->run();
  EXPECT_EQ(outputs(), 1U);
  ASSERT_TRUE(letter());
}

TEST_F(Limits, UnderPolicyFailTheErrorNamesThePosition) {
  start({{"cleanup.policy", "compact"}}, {}, {}, OnError::kFail);
  driver_->pipe_bytes("left", std::nullopt, "keyless", 1);
  const Status status = driver_->try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("left/0@0: an output without a key"));
}

/// The store's rows have another time than what is forwarded.
TEST_F(Limits, ARowWhoseOwnTimeIsOutOfBoundsIsItsRecordsFault) {
  Script script{.process =
                    [](ProcessorContext& context, const Record& record) {
                      const bool is_far = record.value == Bytes("far");
                      context.store("rows").put(record.key, record.value,
                                                is_far ? kNowMs + 2 * kHourMs : kNowMs);
                      context.forward(record);
                    },
                .with_store = true,
                .coalesce = true,
                .forwards_rows_of = "rows"};
  start({{"message.timestamp.after.max.ms", "3600000"}}, script);
  driver_->pipe_bytes("left", "a", "near", 1);
  driver_->pipe_bytes("left", "b", "far", 1);
  driver_->run();
  EXPECT_EQ(outputs(), 1U);
  EXPECT_EQ(driver_->engine().metrics().dropped("refused_output").value(), 1);
  EXPECT_EQ(driver_->store_bytes("rows", "b"), std::nullopt);
  const auto found = letter();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error, "refused");
  EXPECT_EQ(found->offset, 1);
  EXPECT_THAT(found->reason, HasSubstr("too far in the future for topic 'out'"));
}

/// However long the slice lasts already.
TEST_F(Limits, ARowOfThePresentIsTakenWhereNoFutureIs) {
  Script script{.process =
                    [](ProcessorContext& context, const Record&) {
                      context.timers("timers").set(Bytes("a"), 0, kNowMs);
                      context.timers("timers").set(Bytes("b"), 0, kNowMs);
                    },
                .with_store = true,
                .coalesce = true,
                .forwards_rows_of = "rows",
                .timers = TimeKind::kWall};
  script.on_timer = [this](ProcessorContext& context, const Timer& timer) {
    if (timer.key == Bytes("a")) return driver_->advance_time(5);
    context.store("rows").put(timer.key, Bytes("v"), context.wall_time_ms());
  };
  start({{"message.timestamp.after.max.ms", "0"}}, script, {}, OnError::kFail);
  driver_->pipe_bytes("left", "k", "v", kNowMs - 5);
  driver_->run();
  EXPECT_EQ(outputs(), 1U);
}

TEST_F(Limits, ARowOfAStartThatATopicRefusesEndsTheStart) {
  Script script{.with_store = true, .coalesce = true, .forwards_rows_of = "rows"};
  script.init = [](ProcessorContext& context) {
    context.store("rows").put(Bytes("a"), Bytes("v"), 0);
  };
  start({{"message.timestamp.before.max.ms", "3600000"}}, script);
  const Status status = driver_->try_run();
  EXPECT_EQ(status.code(), ErrorCode::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("a processor failed to start: an output of time 0 ms is "
                                          "too old for topic 'out'"));
}

TEST_F(Limits, ARowThatItsChangelogWouldRefuseIsAUserError) {
  options_.engine.on_user_error = OnError::kDeadLetter;
  start({{"max.message.bytes", "5000000"}},
        {.process =
             [](ProcessorContext& context, const Record& record) {
               context.store("rows").put(record.key, record.value, 1);
             },
         .with_store = true},
        {}, OnError::kFail);
  driver_->pipe_bytes("left", "k", std::string(5'100'000, 'b'), 1);
  driver_->pipe_bytes("left", "l", "small", 1);
  driver_->run();
  EXPECT_EQ(driver_->store_bytes("rows", "k"), std::nullopt);
  EXPECT_EQ(driver_->store_bytes("rows", "l"), "small");
  const auto found = letter();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error, "user_code");
  EXPECT_THAT(found->reason, HasSubstr("a row of store 'rows' of 5100001 bytes is larger than "
                                       "topic 'test-rows-changelog' takes"));
}

Status never(Bytes) {
  return Error{ErrorCode::kInvalidRecord, "never valid"};
}
const TypeInfo kNever{"never", &never};

TEST_F(Limits, ADeadLetterThatDoesNotFitIsCutAndSaysSo) {
  start({}, {.value = kNever}, {{"max.message.bytes", "3000"}});
  driver_->pipe_bytes("left", "k", std::string(5'000, 'v'), 5, std::nullopt,
                      {{"large", std::string(4'000, 'h')}, {"small", "7"}});
  driver_->run();
  const auto found = letter();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, "k");
  EXPECT_EQ(found->offset, 0);
  EXPECT_EQ(found->reason, "never valid");
  EXPECT_THAT(found->headers,
              ::testing::ElementsAre(std::pair<std::string, std::string>("small", "7")));
  ASSERT_TRUE(found->value);
  EXPECT_EQ(*found->value, std::string(found->value->size(), 'v'));
  EXPECT_EQ(found->cut, "1 of 2 headers are left; the value has " +
                            std::to_string(found->value->size()) + " of 5000 bytes");
  const size_t limit = limits_of({{"max.message.bytes", "3000"}}).record_bytes_max();
  EXPECT_LE(letter_bytes_, limit);
  EXPECT_GT(letter_bytes_ + 400, limit) << "more was cut than had to be";
  EXPECT_EQ(driver_->engine().metrics().dropped("dead_letter_refused").value(), 0);
}

TEST_F(Limits, ADeadLetterWithAKeyThatDoesNotFitIsCutToo) {
  start({}, {.value = kNever}, {{"max.message.bytes", "3000"}});
  driver_->pipe_bytes("left", std::string(9'000, 'k'), "v", 5);
  driver_->run();
  const auto found = letter();
  ASSERT_TRUE(found);
  EXPECT_THAT(found->cut, HasSubstr("of 9000 bytes; the value has 0 of 1 bytes"));
}

TEST_F(Limits, ASealedDeadLetterIsCutBeforeItIsSealed) {
  const SecretFiles files;
  options_.engine.dead_letter_key_file = files.write("key", std::string(64, '7'));
  start({}, {.value = kNever}, {{"max.message.bytes", "3000"}});
  driver_->pipe_bytes("left", "jane", std::string(5'000, 'v'), 5, std::nullopt, {{"trace", "7"}});
  driver_->run();
  auto found = letter();
  ASSERT_TRUE(found && found->is_sealed());
  EXPECT_LE(letter_bytes_, limits_of({{"max.message.bytes", "3000"}}).record_bytes_max());
  const auto key = SealingKey::load(options_.engine.dead_letter_key_file);
  ASSERT_TRUE(open_dead_letter(*found, {&*key, 1}).ok());
  EXPECT_EQ(found->key, "jane");
  EXPECT_THAT(found->cut, HasSubstr("of 5000 bytes"));
}

TEST_F(Limits, ADeadLetterOfATimeThatItsTopicRefusesGetsTheNearestOne) {
  start({}, {.value = kNever}, {{"message.timestamp.before.max.ms", "3600000"}});
  driver_->pipe_bytes("left", "k", "v", 5);
  driver_->run();
  const auto found = letter();
  ASSERT_TRUE(found);
  EXPECT_GT(found->timestamp_ms, kNowMs - kHourMs);
  EXPECT_EQ(found->value, "v");
  EXPECT_EQ(found->cut, "the timestamp was 5");
}

TEST_F(Limits, ADeadLetterWhoseMetadataDoNotFitIsDroppedAndCounted) {
  start({}, {.value = kNever}, {{"max.message.bytes", "200"}});
  driver_->pipe_bytes("left", "k", "v", 5);
  driver_->run();
  EXPECT_EQ(driver_->engine().metrics().dropped("dead_letter_refused").value(), 1);
  EXPECT_EQ(broker_of(*driver_).committed_offset({"left", 0}), 1);
}

}  // namespace millrace::engine::limits_test
