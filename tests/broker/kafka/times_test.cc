// Event times as a topic really holds them, and the stream time that follows from them.
#include <limits>

#include <gmock/gmock.h>

#include "tests/broker/kafka/engine_runner.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::kafka::times_test {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

class TimesTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    in_ = make_any_time("in");
    out_ = make_any_time("out");
  }
  std::string make_any_time(const std::string& suffix) {
    const std::string any = std::to_string(kLargest);
    return make_topic(
        suffix, 1,
        {{"message.timestamp.before.max.ms", any}, {"message.timestamp.after.max.ms", any}});
  }
  /// An instance of its own, without state, reads the input up to `end`.
  void run_to(Script script, int64_t end) {
    script.sources = {in_};
    script.sink = out_;
    const auto factory = clients();
    const auto engine =
        must(Engine::create(scripted(script), forgiving(options()), *factory, system_clock()));
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] { return committed({in_, 0}) >= end; }));
    EXPECT_OK(status);
    EXPECT_OK(engine->close());
  }
  std::vector<std::string> outputs() { return values_of(read_to_end(out_).records); }

  std::string in_;
  std::string out_;
};

/// Sets a timer for the record's time; says which records come, and which timers fire.
Script timed() {
  const auto say = [](ProcessorContext& context, const std::string& what, int64_t time_ms) {
    context.forward({.key = Bytes("k"),
                     .value = Bytes(what),
                     .old_value = {},
                     .timestamp_ms = time_ms,
                     .headers = {}});
  };
  return {.process =
              [say](ProcessorContext& context, const Record& record) {
                count_up(context, record);
                context.timers("timers").set(record.value, 0, record.timestamp_ms);
              },
          .with_store = true,
          .timers = TimeKind::kStream,
          .on_timer =
              [say](ProcessorContext& context, const Timer& timer) {
                say(context, "timer of " + timer.key.to_string(), timer.time_ms);
              }};
}

TEST_F(TimesTest, TheLargestAndNegativeTimesOfATopicEndNothing) {
  pipe(in_, "k", "early", 10);
  pipe(in_, "k", "without a time", -1);
  pipe(in_, "k", "negative", -5);
  pipe(in_, "k", "smallest", kSmallest);
  pipe(in_, "k", "largest", kLargest);
  pipe(in_, "k", "late", 20);
  run_to(timed(), 6);
  // Negative times count as 0. The largest one is as late as can be, so all others are late then.
  std::vector<std::string> said{"1", "timer of early",    "2", "timer of without a time",
                                "3", "timer of negative", "4", "timer of smallest",
                                "5", "timer of largest",  "6", "timer of late"};
  EXPECT_THAT(outputs(), ElementsAreArray(said));

  // The largest time is in the offsets now.
  pipe(in_, "k", "later", 30);
  run_to(timed(), 7);
  said.insert(said.end(), {"7", "timer of later"});
  EXPECT_THAT(outputs(), ElementsAreArray(said));
}

TEST_F(TimesTest, StreamTimeGoesOnInAnotherInstanceWithoutState) {
  Script telling{.process = [](ProcessorContext& context, const Record& record) {
    context.store("rows").put(record.key, record.value, record.timestamp_ms);
    const std::string now = std::to_string(context.stream_time_ms());
    Record output = record;
    output.value = Bytes(now);
    context.forward(output);
  }};
  telling.with_store = true;
  int64_t end = 0;
  for (const int64_t time_ms : {100, 5, 101, 7}) {
    pipe(in_, "k", "v", time_ms);
    run_to(telling, ++end);
  }
  EXPECT_THAT(outputs(), ElementsAre("100", "100", "101", "101"));
}

}  // namespace millrace::engine::kafka::times_test
