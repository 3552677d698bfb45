// On a broker whose defaults are hostile: records get its time, and go after a second or a
// kilobyte.
#include <cstdlib>
#include <random>
#include <regex>

#include <gmock/gmock.h>

#include "millrace/core/partitioner.h"

#include "tests/broker/kafka/engine_runner.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/testing/counting_topology.h"

namespace millrace::engine::kafka::defaults_test {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DefaultsTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    factory_ = clients();
    words_ = make_kept("words", 2);
    counts_ = make_kept("counts", 1);
    own_ = forgiving(options());
  }
  std::string make_kept(const std::string& suffix, int32_t partitions) {
    return make_topic(suffix, partitions,
                      {{"message.timestamp.type", "CreateTime"},
                       {"message.timestamp.before.max.ms", "9223372036854775807"},
                       {"retention.bytes", "-1"}});
  }
  std::string internal(const std::string& suffix) const {
    return own_.application_id + "-" + suffix;
  }
  /// words → exchange "by-value" → counts
  std::unique_ptr<Engine> counting() {
    return must(Engine::create(testing::counting_topology(true, false, words_, counts_), own_,
                               *factory_, system_clock()));
  }
  int64_t begin_of(const TopicPartition& partition) {
    int64_t begin = -1;  // the leader of a new topic may not know it yet
    EXPECT_TRUE(eventually([&] {
      const auto marks = admin_->watermarks(partition);
      if (marks.ok()) begin = marks->low;
      return marks.ok();
    }));
    return begin;
  }
  /// Until the broker has looked for old records in all topics.
  void wait_for_retention() {
    const std::string doomed = make_topic("doomed-" + std::to_string(++doomed_), 1,
                                          {{"segment.ms", "100"}, {"retention.ms", "1000"}});
    // Twice: the first look may have come here before it came elsewhere.
    for (int look = 0; look < 2; ++look) {
      const int64_t begin = begin_of({doomed, 0});
      ASSERT_TRUE(eventually(
          [&] {
            write(doomed, {"x"});
            return begin_of({doomed, 0}) > begin;
          },
          90'000));
    }
  }

  std::unique_ptr<ClientFactory> factory_;
  EngineOptions own_;
  std::string words_;
  std::string counts_;

 private:
  int doomed_ = 0;
};

/// Words that belong to a task, in no order that compresses.
std::vector<std::string> long_words(size_t count, int32_t partition) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> letter('!', '~');
  std::vector<std::string> words;
  while (words.size() < count) {
    std::string word(1'000, ' ');
    for (char& each : word) each = static_cast<char>(letter(random));
    if (partition_of(Bytes(word), 2) == partition) words.push_back(word);
  }
  return words;
}

TEST_F(DefaultsTest, ExchangesAndDeadLettersAreNotCutAndKeepEventTime) {
  // They come in partition 0 and are counted in partition 1. Several segments hold them between.
  constexpr size_t kWords = 1'500;
  write(words_, long_words(kWords, 1));
  write(words_, {"bad"});
  own_.commit_interval_ms = own_.commit_interval_max_ms = 60'000;
  auto engine = counting();
  Status status;
  ASSERT_TRUE(
      turn_until(*engine, status, [&] { return engine->is_idle() && engine->has_uncommitted(); }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  const TopicPartition exchange{internal("by-value-exchange"), 1};
  ASSERT_GE(must(admin_->watermarks(exchange)).high, static_cast<int64_t>(kWords));
  wait_for_retention();
  EXPECT_EQ(begin_of(exchange), 0) << "nobody has read it";

  own_.commit_interval_ms = 100;
  engine = counting();
  EXPECT_TRUE(turn_until(*engine, status, [&] {
    return committed(exchange) >= static_cast<int64_t>(kWords) && engine->is_idle() &&
           !engine->has_uncommitted();
  }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  const ReadResult counts = read_to_end(counts_);
  EXPECT_THAT(counts.records, AllOf(SizeIs(kWords), Each(Field(&ReadRecord::timestamp_ms, 1))));

  wait_for_retention();
  const ReadResult letters = read_to_end(internal("dead-letters"));
  EXPECT_THAT(letters.records, ElementsAre(Field(&ReadRecord::timestamp_ms, 1)));
}

/// "set <time>" and "cancel" a key's timer; says which fire.
Script timed() {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                const std::string order = record.value.to_string();
                Timers& timers = context.timers("timers");
                if (order == "cancel") timers.cancel(record.key, 0);
                if (order.starts_with("set "))
                  timers.set(record.key, 0, std::stoll(order.substr(4)));
              },
          .timers = TimeKind::kStream,
          .on_timer =
              [](ProcessorContext& context, const Timer& timer) {
                const std::string what =
                    timer.key.to_string() + "@" + std::to_string(timer.time_ms);
                context.forward({.key = timer.key,
                                 .value = Bytes(what),
                                 .old_value = {},
                                 .timestamp_ms = timer.time_ms,
                                 .headers = {}});
              }};
}

TEST_F(DefaultsTest, TimersAreRestoredAsTheyWere) {
  Script script = timed();
  script.sources = {words_};
  script.sink = counts_;
  const auto run_to = [&](int64_t end) {
    const auto engine = must(Engine::create(scripted(script), own_, *factory_, system_clock()));
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] { return committed({words_, 0}) >= end; }));
    EXPECT_OK(status);
    EXPECT_OK(engine->close());
  };
  pipe(words_, "stays", "set 500", 10);
  pipe(words_, "cancelled", "set 500", 10);
  pipe(words_, "replaced", "set 500", 10);
  pipe(words_, "later", "set 2000", 10);
  run_to(4);
  pipe(words_, "cancelled", "cancel", 20);
  pipe(words_, "replaced", "set 900", 20);
  run_to(6);
  pipe(words_, "x", "", 600);
  run_to(7);
  EXPECT_THAT(values_of(read_to_end(counts_).records), ElementsAre("stays@500"));
  pipe(words_, "x", "", 1'000);
  run_to(8);
  EXPECT_THAT(values_of(read_to_end(counts_).records), ElementsAre("stays@500", "replaced@900"));
}

/// Runs the commands that a message has in brackets; how many there were.
int run_commands(const std::string& message) {
  const std::regex command(R"(kafka-configs\.sh [^)]*)");
  int count = 0;
  for (std::sregex_iterator found(message.begin(), message.end(), command), end; found != end;
       ++found, ++count) {
    EXPECT_EQ(std::system((found->str() + " </dev/null >/dev/null").c_str()), 0) << found->str();
  }
  return count;
}

TEST_F(DefaultsTest, TopicsThatHaveTheDefaultsAreRefusedWithCommandsThatMendThem) {
  const std::string exchange = internal("by-value-exchange");
  const std::string changelog = internal("counts-changelog");
  ASSERT_OK(admin_->create_topics(
      std::vector<millrace::NewTopic>{{exchange, 2, {}}, {changelog, 2, {}}}));
  const auto start = [&](std::unique_ptr<Engine>& engine) {
    engine.reset();
    engine = counting();
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] { return engine->is_idle(); }));
    return status;
  };
  std::unique_ptr<Engine> engine;
  Status status = start(engine);
  EXPECT_CODE(status, ErrorCode::kConfig);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("internal topic '" + exchange + "' has "),
                    HasSubstr("retention.bytes=1000, retention.ms=1000"),
                    HasSubstr("internal topic '" + changelog + "' has cleanup.policy=delete"),
                    HasSubstr("message.timestamp.type=LogAppendTime")));
  EXPECT_EQ(run_commands(status.message()), 2);

  // Now its default of delete.retention.ms, which is less than that of state.max.age.ms.
  status = start(engine);
  EXPECT_CODE(status, ErrorCode::kConfig);
  EXPECT_THAT(status.message(),
              HasSubstr("changelog '" + changelog + "' has delete.retention.ms=86400000"));
  EXPECT_EQ(run_commands(status.message()), 1);

  EXPECT_OK(start(engine));
  EXPECT_OK(engine->close());
}

}  // namespace millrace::engine::kafka::defaults_test
