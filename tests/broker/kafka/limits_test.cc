// Sizes, keys and timestamps: what the engine admits the broker takes, and nothing more is refused
// than has to be.
#include <gmock/gmock.h>

#include "apps/cli/dead_letter_replay.h"
#include "engine/output/collector.h"
#include "engine/output/dead_letters.h"
#include "engine/topics/internal_topics.h"
#include "tests/broker/kafka/engine_runner.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::kafka::limits_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kHourMs = 3'600'000;
using Settings = std::map<std::string, std::string>;

class LimitsTest : public BrokerTest {
 protected:
  int32_t add_topic(const std::string& suffix, const Settings& config) {
    return topics_.add(make_topic(suffix, 1, config));
  }
  /// After all topics were added.
  void open() {
    ASSERT_OK(topics_.describe(*admin_));
    producer_ = must(clients_->producer(unique("tx"), topics_.producer_limits()));
    ASSERT_OK(producer_->init_transactions());
    topics_.bind(must(topics_.handles_of(*producer_)));
    collector_ = std::make_unique<Collector>(topics_, system_clock());
  }
  /// Whether the collector admits the record; if it does, the broker has to take it too.
  bool commits(int32_t topic, const Record& record) {
    EXPECT_OK(producer_->begin_transaction());
    collector_->begin_unit();
    collector_->stage(topic, 0, record);
    const bool is_admitted = collector_->unit_status().ok();
    if (is_admitted) {
      EXPECT_OK(collector_->flush(*producer_));
      EXPECT_OK(producer_->commit_transaction());
    } else {
      EXPECT_OK(producer_->abort_transaction());
    }
    return is_admitted;
  }
  static Record record(Bytes key, Bytes value, int64_t timestamp_ms = system_clock().now_ms()) {
    return {
        .key = key, .value = value, .old_value = {}, .timestamp_ms = timestamp_ms, .headers = {}};
  }

  std::unique_ptr<ClientFactory> clients_ = nullptr;
  OutputTopics topics_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Collector> collector_;

  void SetUp() override {
    BrokerTest::SetUp();
    clients_ = clients();
  }
};

TEST_F(LimitsTest, EverySizeIsTakenOrRefusedBeforeItIsSent) {
  const int32_t usual = add_topic("usual", {});
  const int32_t large = add_topic("large", {{"max.message.bytes", "3000000"}});
  const int32_t small = add_topic("small", {{"max.message.bytes", "5000"}});
  open();
  for (const int32_t topic : {usual, large, small}) {
    const size_t most = topics_[topic].limits.record_bytes_max();
    for (const size_t size : {size_t{4'000}, size_t{999'900}, size_t{1'000'000}, size_t{1'000'100},
                              size_t{1'048'460}, most - 1, most, most + 1}) {
      const std::string value(size - 1, 'x');
      EXPECT_EQ(commits(topic, record("k", value)), size <= most) << size;
    }
  }
}

TEST_F(LimitsTest, HeadersCountAsTheBrokerCountsThem) {
  const int32_t topic = add_topic("t", {{"max.message.bytes", "20000"}});
  open();
  const std::string filler(9, 'v');
  std::vector<Header> headers(500, Header{"n", Bytes(filler)});
  const size_t room = topics_[topic].limits.record_bytes_max() - record_bytes({}, {}, headers);
  const std::string value(room, 'x');
  Record full = record({}, value);
  full.headers = headers;
  EXPECT_TRUE(commits(topic, full));
  const std::string more(room + 1, 'x');
  full.value = Bytes(more);
  EXPECT_FALSE(commits(topic, full));
}

TEST_F(LimitsTest, ManyRecordsGoInBatchesThatTheSmallestTopicTakes) {
  const int32_t small = add_topic("small", {{"max.message.bytes", "3000"}});
  const int32_t usual = add_topic("usual", {});
  open();
  const std::string value(1'000, 'x');
  // The leader of a new topic may not know it yet, and some of many batches are sent again then: a
  // delivery without an offset gives up the transaction.
  Status status;
  for (int attempt = 0; attempt < 5; ++attempt) {
    ASSERT_OK(producer_->begin_transaction());
    collector_->begin_unit();
    for (int i = 0; i < 500; ++i) {
      collector_->stage(small, 0, record("k", value));
      collector_->stage(usual, 0, record("k", value));
    }
    ASSERT_TRUE(collector_->unit_status().ok());
    status = collector_->flush(*producer_);
    if (status.ok()) status = producer_->commit_transaction();
    if (status.ok()) break;
    EXPECT_CODE(status, ErrorCode::kAborted);
    collector_->clear();
    ASSERT_OK(producer_->abort_transaction());
  }
  EXPECT_OK(status);
}

TEST_F(LimitsTest, ACompactedTopicTakesNoRecordWithoutAKey) {
  const int32_t compacted = add_topic("compacted", {{"cleanup.policy", "compact"}});
  const int32_t usual = add_topic("usual", {});
  open();
  EXPECT_FALSE(commits(compacted, record({}, "v")));
  EXPECT_TRUE(commits(compacted, record("", "v")));
  EXPECT_TRUE(commits(usual, record({}, "v")));
}

TEST_F(LimitsTest, TimestampsOutOfTheTopicsBoundsAreFound) {
  const int32_t bounded = add_topic("bounded", {{"message.timestamp.before.max.ms", "86400000"},
                                                {"message.timestamp.after.max.ms", "3600000"}});
  const int32_t any = add_topic("any", {{"message.timestamp.before.max.ms", "9223372036854775807"},
                                        {"message.timestamp.after.max.ms", "9223372036854775807"}});
  const int32_t stamped = add_topic("stamped", {{"message.timestamp.type", "LogAppendTime"}});
  open();
  const int64_t now_ms = system_clock().now_ms();
  EXPECT_TRUE(commits(bounded, record("k", "v", now_ms + kHourMs - 90'000)));
  EXPECT_TRUE(commits(bounded, record("k", "v", now_ms - 24 * kHourMs + 90'000)));
  for (const int64_t time_ms : {now_ms + 2 * kHourMs, now_ms - 25 * kHourMs, int64_t{1}}) {
    EXPECT_FALSE(commits(bounded, record("k", "v", time_ms))) << time_ms;
    EXPECT_TRUE(commits(any, record("k", "v", time_ms))) << time_ms;
    EXPECT_TRUE(commits(stamped, record("k", "v", time_ms))) << time_ms;
  }
}

TEST_F(LimitsTest, AFailedDeliveryNamesItsRecordWithoutItsKey) {
  const auto producer = must(clients_->producer(""));
  OutgoingRecord sent;
  sent.topic = must(producer->topic_handle(make_topic("u", 1, {{"max.message.bytes", "2000"}})));
  const std::string value(9'000, 'x');
  sent.key = "jane@example.org";
  sent.value = value;
  sent.timestamp_ms = 5;
  ASSERT_OK(producer->send(sent));
  const Status status = producer->flush();
  EXPECT_CODE(status, ErrorCode::kRefused);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(unique("u") + "/0 (key hash "), HasSubstr("9016 bytes)")));
  EXPECT_THAT(status.message(), ::testing::Not(HasSubstr("jane")));
}

/// One record that a topic refuses, in a transaction with another that it would take.
TEST_F(LimitsTest, ATopicRefusesATransactionForOneOfItsRecords) {
  const int64_t now_ms = system_clock().now_ms();
  const std::string large(5'000, 'x');
  struct Case {
    std::string name;
    Settings config;
    Record refused;
  };
  const std::vector<Case> cases{
      {"keyless", {{"cleanup.policy", "compact"}}, record({}, "v")},
      {"large", {{"max.message.bytes", "2000"}}, record("k", large)},
      {"late",
       {{"message.timestamp.after.max.ms", "3600000"}},
       record("k", "v", now_ms + 2 * kHourMs)},
      {"early",
       {{"message.timestamp.before.max.ms", "86400000"}},
       record("k", "v", now_ms - 25 * kHourMs)},
  };
  for (const auto& [name, config, refused] : cases) {
    SCOPED_TRACE(name);
    const std::string topic = make_topic(name, 1, config);
    const auto producer = must(clients_->producer(unique(name)));
    ASSERT_OK(producer->init_transactions());
    const int32_t handle = must(producer->topic_handle(topic));
    ASSERT_OK(producer->begin_transaction());
    for (const Record& sent : {record("k", "v"), refused}) {
      ASSERT_OK(producer->send({handle, 0, sent.key, sent.value, sent.timestamp_ms, {}}));
    }
    EXPECT_CODE(producer->commit_transaction(), ErrorCode::kRefused);
    EXPECT_OK(producer->abort_transaction());
    EXPECT_THAT(read_to_end(topic).records, ::testing::IsEmpty());
  }
}

TEST_F(LimitsTest, ATopicRefusesABatchOfRecordsThatItWouldTakeOneByOne) {
  const std::string topic = make_topic("small", 1, {{"max.message.bytes", "3000"}});
  const auto producer = must(clients_->producer(unique("tx")));
  ASSERT_OK(producer->init_transactions());
  const int32_t handle = must(producer->topic_handle(topic));
  ASSERT_OK(producer->begin_transaction());
  const std::string value(1'000, 'x');
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(producer->send({handle, 0, "k", value, system_clock().now_ms(), {}}));
  }
  EXPECT_CODE(producer->commit_transaction(), ErrorCode::kRefused);
  EXPECT_OK(producer->abort_transaction());
}

Status never(Bytes) {
  return Error{ErrorCode::kInvalidRecord, "never valid"};
}

class EngineLimitsTest : public LimitsTest {
 protected:
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

}  // namespace millrace::engine::kafka::limits_test
