// Sizes, keys and timestamps in an engine: a record that cannot be sent on fails alone.
#include <gmock/gmock.h>

#include "millrace/core/partitioner.h"
#include "millrace/engine/metrics.h"

#include "apps/cli/dead_letter_replay.h"
#include "engine/output/dead_letters.h"
#include "engine/output/topic_limits.h"
#include "engine/topics/internal_topics.h"
#include "tests/broker/kafka/engine_runner.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/testing/counting_topology.h"

namespace millrace::engine::kafka::engine_limits_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kHourMs = 3'600'000;

Status never(Bytes) {
  return Error{ErrorCode::kInvalidRecord, "never valid"};
}

class EngineLimitsTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    clients_ = clients();
  }

  std::vector<DeadLetter> letters() {
    std::vector<DeadLetter> found;
    for (const ReadRecord& record :
         read_to_end(options().application_id + "-dead-letters").records) {
      std::vector<Header> headers;
      for (const auto& [name, value] : record.headers) {
        headers.push_back({name, value ? Bytes(*value) : Bytes()});
      }
      RecordBatch batch;
      batch.add(record.offset, record.timestamp_ms, record.key ? Bytes(*record.key) : Bytes(),
                record.value ? Bytes(*record.value) : Bytes(), headers);
      if (auto letter = read_dead_letter(batch.records().front())) found.push_back(*letter);
    }
    return found;
  }
  /// Runs the engine until there are so many dead letters.
  void run_until_letters(Result<Topology> topology, size_t count) {
    auto engine =
        must(Engine::create(std::move(topology), forgiving(options()), *clients_, system_clock()));
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] {
      return must(admin_->watermarks({options().application_id + "-dead-letters", 0})).high >=
             static_cast<int64_t>(count);
    }));
    EXPECT_OK(status);
    EXPECT_OK(engine->close());
  }

  std::unique_ptr<ClientFactory> clients_;
};

TEST_F(EngineLimitsTest, AnInvalidInputThatIsLargerThanItsLettersTopicTakesIsCut) {
  const std::string in = make_topic("in", 1, {{"max.message.bytes", "2000000"}});
  const std::string letters_topic = options().application_id + "-dead-letters";
  ASSERT_OK(admin_->create_topics(std::vector<millrace::NewTopic>{{letters_topic, 1, {}}}));
  const std::string large(1'500'000, 'x');
  pipe(in, "a", large, 1);
  pipe(in, "b", "small", 2);
  run_until_letters(forwarding(in, make_topic("out"), {"never", &never}), 2);
  const std::vector<DeadLetter> found = letters();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].cut, HasSubstr("of 1500000 bytes"));
  EXPECT_GT(found[0].value->size(), 1'040'000U);
  EXPECT_EQ(found[1].value, "small");
  EXPECT_EQ(found[1].cut, "");
}

TEST_F(EngineLimitsTest, TheLettersTopicThatTheEngineMakesTakesTheLargestInputWhole) {
  const std::string in = make_topic("in", 1, {{"max.message.bytes", "2000000"}});
  const std::string large(1'000'002, 'x');
  pipe(in, "a", large, 1);
  run_until_letters(forwarding(in, make_topic("out"), {"never", &never}), 1);
  const std::vector<DeadLetter> found = letters();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cut, "");
  EXPECT_EQ(found[0].value, large);
}

TEST_F(EngineLimitsTest, PoisonOfEveryKindGoesToTheDeadLettersAndTheRestGoesOn) {
  const std::string in = make_topic(
      "in", 1, {{"max.message.bytes", "2000000"}, {"message.timestamp.after.max.ms", "86400000"}});
  const std::string out = make_topic(
      "out", 1, {{"cleanup.policy", "compact"}, {"message.timestamp.after.max.ms", "3600000"}});
  const int64_t now_ms = system_clock().now_ms();
  const std::string large(1'100'000, 'x');
  pipe(in, {}, "no key", now_ms);
  pipe(in, "k", large, now_ms);
  pipe(in, "k", "of tomorrow", now_ms + 5 * kHourMs);
  pipe(in, "k", "good", now_ms);
  run_until_letters(forwarding(in, out, type_info<std::string>()), 3);
  std::vector<int64_t> offsets;
  for (const DeadLetter& letter : letters()) offsets.push_back(letter.offset);
  EXPECT_THAT(offsets, ElementsAre(0, 1, 2));
  EXPECT_THAT(values_of(read_to_end(out).records), ElementsAre("good"));
}

TEST_F(EngineLimitsTest, PoisonOfEveryKindIsSkippedAndCountedWhereThatIsThePolicy) {
  const std::string in = make_topic(
      "in", 1, {{"max.message.bytes", "2000000"}, {"message.timestamp.after.max.ms", "86400000"}});
  const std::string out = make_topic(
      "out", 1, {{"cleanup.policy", "compact"}, {"message.timestamp.after.max.ms", "3600000"}});
  const int64_t now_ms = system_clock().now_ms();
  const std::string large(1'100'000, 'x');
  pipe(in, {}, "no key", now_ms);
  pipe(in, "k", large, now_ms);
  pipe(in, "k", "of tomorrow", now_ms + 5 * kHourMs);
  pipe(in, "k", "good", now_ms);
  EngineOptions skipping = forgiving(options());
  skipping.on_invalid_record = OnError::kSkip;
  skipping.on_user_error = OnError::kSkip;
  skipping.on_refused_output = OnError::kSkip;
  auto engine = must(Engine::create(forwarding(in, out, type_info<std::string>()), skipping,
                                    *clients_, system_clock()));
  Status status;
  EXPECT_TRUE(turn_until(*engine, status, [&] {
    return committed({in, 0}) >= 4 && engine->metrics().dropped("refused_output").value() >= 3;
  }));
  ASSERT_OK(status);
  EXPECT_EQ(engine->metrics().dropped("refused_output").value(), 3);
  EXPECT_OK(engine->close());
  EXPECT_THAT(values_of(read_to_end(out).records), ElementsAre("good"));
  EXPECT_EQ(admin_->describe_topic(options().application_id + "-dead-letters").code(),
            ErrorCode::kNotFound);
}

/// Sends a record to the key that a test gives it.
class Rekeyer final : public Processor {
 public:
  explicit Rekeyer(std::string key) : key_(std::move(key)) {}
  void process(const Record& record) override {
    Record keyed = record;
    keyed.key = Bytes(key_);
    context().forward(keyed);
  }

 private:
  const std::string key_;
};

/// source topic → key → exchange "by-key" → sink topic
Result<Topology> exchanging(const std::string& source, const std::string& sink,
                            const std::string& key) {
  std::vector<Node> nodes(4);
  const TypeInfo text = type_info<std::string>();
  nodes[0].name = "in";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {source, text, text};
  nodes[1].name = "key";
  nodes[1].factory = [key] { return std::make_unique<Rekeyer>(key); };
  nodes[2].name = "by-key";
  nodes[2].kind = NodeKind::kExchange;
  nodes[2].topic = {"by-key", text, text};
  nodes[3].name = "out";
  nodes[3].kind = NodeKind::kSink;
  nodes[3].topic = {sink, text, text};
  for (NodeIndex i = 1; i < 4; ++i) {
    nodes[i].parents = {i - 1};
    nodes[i - 1].children = {i};
  }
  return Topology::create("exchanging", std::move(nodes), {}, {});
}

/// Of two partitions; by an exchange it comes there from the first.
std::string text_of_the_second(std::string text) {
  while (partition_of(Bytes(text), 2) != 1) text += 'x';
  return text;
}

/// The key is the value, so the record doubles on its way to the exchange.
TEST_F(EngineLimitsTest, AnExchangeOfTooLargeARecordGoesToTheDeadLettersAndTheRestGoesOn) {
  const std::string words = make_topic("words", 2);
  const std::string counts = make_topic("counts");
  const TopicPartition exchange{options().application_id + "-by-value-exchange", 1};
  const std::string before = text_of_the_second("before");
  const std::string large = text_of_the_second(std::string(600'000, 'x'));
  const std::string after = text_of_the_second("after");
  for (const std::string& word : {before, large, after}) pipe(words, "k", Bytes(word), 1);
  auto engine = must(Engine::create(testing::counting_topology(true, false, words, counts),
                                    forgiving(options()), *clients_, system_clock()));
  Status status;
  // Two counts, and the marker of the first one's commit.
  EXPECT_TRUE(turn_until(*engine, status, [&] {
    return must(admin_->watermarks({counts, 0})).high >= 3;
  }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  const std::vector<DeadLetter> found = letters();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].topic, words);
  EXPECT_EQ(found[0].offset, 1);
  EXPECT_EQ(found[0].error, "refused");
  EXPECT_THAT(found[0].reason,
              AllOf(HasSubstr("an output of " + std::to_string(2 * large.size()) + " bytes"),
                    HasSubstr("topic '" + exchange.topic + "' takes")));
  EXPECT_EQ(found[0].value, large);
  EXPECT_GE(must(admin_->watermarks(exchange)).high, 3) << "the others did not go by a call";
  std::vector<std::string> keys;
  for (const ReadRecord& count : read_to_end(counts).records) {
    keys.push_back(count.key.value_or(""));
  }
  EXPECT_THAT(keys, ElementsAre(before, after));
}

TEST_F(EngineLimitsTest, TheLargestRecordThatTopicsTakePassesThroughAnExchange) {
  const std::string in = make_topic("in", 2);
  const std::string out = make_topic("out");
  const size_t most = limits_of({}).record_bytes_max();
  ASSERT_EQ(most, 1'048'460U);
  const std::string key = text_of_the_second("k");
  const std::string value(most - key.size(), 'x');
  pipe(in, Bytes(key), Bytes(value), 1);
  auto engine = must(
      Engine::create(exchanging(in, out, key), forgiving(options()), *clients_, system_clock()));
  Status status;
  EXPECT_TRUE(turn_until(*engine, status, [&] {
    return must(admin_->watermarks({out, 0})).high >= 1;
  }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  EXPECT_GE(must(admin_->watermarks({options().application_id + "-by-key-exchange", 1})).high, 1);
  EXPECT_TRUE(letters().empty());
  const ReadResult read = read_to_end(out);
  ASSERT_EQ(read.records.size(), 1U);
  EXPECT_EQ(read.records[0].key, key);
  EXPECT_TRUE(read.records[0].value == value) << "of the same size, or another";
}

/// The limit of the changelog is the broker's here: nobody has made the topic smaller.
TEST_F(EngineLimitsTest, ARowThatItsChangelogWouldRefuseFailsItsUnitAndTheRestGoesOn) {
  const std::string in = make_topic("in");
  const std::string out = make_topic("out");
  const Script doubling{.process =
                            [](ProcessorContext& context, const Record& record) {
                              const std::string row(2 * record.value.size(), 'r');
                              context.store("rows").put(record.key, Bytes(row), 1);
                              context.forward(record);
                            },
                        .sources = {in},
                        .with_store = true,
                        .sink = out};
  const std::string large(600'000, 'x');
  pipe(in, "a", "small", 1);
  pipe(in, "b", Bytes(large), 1);
  pipe(in, "c", "small too", 1);
  {
    auto engine =
        must(Engine::create(scripted(doubling), forgiving(options()), *clients_, system_clock()));
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] { return committed({in, 0}) >= 3; }));
    ASSERT_OK(status);
    ASSERT_OK(engine->close());
  }
  const std::vector<DeadLetter> found = letters();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].topic, in);
  EXPECT_EQ(found[0].offset, 1);
  EXPECT_EQ(found[0].error, "user_code");
  EXPECT_THAT(found[0].reason,
              AllOf(HasSubstr("a row of store 'rows' of 1200001 bytes"),
                    HasSubstr("topic '" + options().application_id + "-rows-changelog' takes")));
  EXPECT_THAT(values_of(read_to_end(out).records), ElementsAre("small", "small too"));
  std::vector<std::string> keys;
  for (const ReadRecord& row : read_to_end(options().application_id + "-rows-changelog").records) {
    keys.push_back(row.key.value_or(""));
  }
  EXPECT_THAT(keys, ElementsAre("a", "c"));

  EngineOptions strict = forgiving(options());
  strict.on_user_error = OnError::kFail;
  pipe(in, "d", Bytes(large), 1);
  auto engine = must(Engine::create(scripted(doubling), strict, *clients_, system_clock()));
  Status status;
  EXPECT_TRUE(turn_until(*engine, status, [] { return false; }));
  EXPECT_CODE(status, ErrorCode::kUserCode);
  EXPECT_THAT(status.message(), HasSubstr(in + "/0@3"));
}

TEST_F(EngineLimitsTest, ALetterGivesItsRecordBackWithItsNulls) {
  const std::string in = make_topic("in");
  const std::vector<Header> headers{{"null", Bytes()}, {"empty", Bytes("")}, {"trace", "7"}};
  pipe(in, {}, "v", 5, 0, headers);
  run_until_letters(forwarding(in, make_topic("out"), {"never", &never}), 1);
  const auto outcome = must(apps::replay_dead_letters(
      {.topic = options().application_id + "-dead-letters"}, {}, *clients_));
  EXPECT_EQ(outcome.replayed, 1);
  const ReadResult read = read_to_end(in);
  const ReadRecord original{
      0, 5, std::nullopt, "v", {{"null", std::nullopt}, {"empty", ""}, {"trace", "7"}}};
  ReadRecord again = original;
  again.offset = 1;
  EXPECT_THAT(read.records, ElementsAre(original, again));
}

/// Every internal topic, as a stock broker has it: nothing that decides is a default.
TEST_F(EngineLimitsTest, InternalTopicsAreMadeAndPassTheirOwnCheck) {
  const std::string in = make_topic("in");
  const auto topology = forwarding(in, make_topic("out"), type_info<std::string>());
  const EngineOptions engine = forgiving(options());
  EXPECT_OK(prepare_topics(*admin_, *topology, engine).status());
  EXPECT_OK(prepare_topics(*admin_, *topology, engine).status());
  const auto letters = must(admin_->describe_topic(engine.application_id + "-dead-letters"));
  EXPECT_EQ(letters.config.at("retention.ms"), "-1");
  EXPECT_EQ(letters.config.at("message.timestamp.after.max.ms"), "9223372036854775807");
  const auto plan = must(admin_->describe_topic(engine.application_id + "-plan"));
  EXPECT_EQ(plan.config.at("message.timestamp.type"), "LogAppendTime");
}

}  // namespace millrace::engine::kafka::engine_limits_test
