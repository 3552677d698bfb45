#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/language/steps.h"

namespace millrace::requests_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kIn{"in"};
constexpr TextTopic kOut{"out"};

template <class F>
Result<Topology> built(F define) {
  TopologyBuilder builder{"test"};
  define(builder);
  return std::move(builder).build();
}

/// Emits at each multiple of 100 in stream time, by two schedules. A record "stop" cancels one; so
/// does the other in its third call.
class Ticking final : public TypedProcessor<std::string, std::string, std::string, std::string> {
  void on_start() override {
    first_ = schedule(TimeKind::kStream, 100,
                      [this](int64_t now_ms) { emit()("first", std::to_string(now_ms)); });
    second_ = schedule(TimeKind::kStream, 100, [this](int64_t) {
      if (++calls_ == 3) context().cancel_schedule(second_);
      emit()("second", std::to_string(calls_));
    });
    third_ = schedule(TimeKind::kStream, 100, [](int64_t) { FAIL() << "cancelled before"; });
    context().cancel_schedule(third_);
    context().cancel_schedule(third_);
  }
  void on_record(Maybe<std::string>, Maybe<std::string> value, const Record&) override {
    if (*value == "stop") context().cancel_schedule(first_);
  }
  ScheduleId first_{};
  ScheduleId second_{};
  ScheduleId third_{};
  int calls_ = 0;
};

TEST(Schedules, EndWhenTheyAreCancelled) {
  Steps step(
      built([](TopologyBuilder& builder) {
        builder.stream(kIn).process("ticking", [] { return std::make_unique<Ticking>(); }).to(kOut);
      }),
      {kOut});
  EXPECT_THAT(step(kIn, "a", "x", 110), ElementsAre("out first=110@110", "out second=1@110"));
  EXPECT_THAT(step(kIn, "a", "x", 210), ElementsAre("out first=210@210", "out second=2@210"));
  EXPECT_THAT(step(kIn, "a", "stop", 310), ElementsAre("out first=310@310", "out second=3@310"));
  EXPECT_THAT(step(kIn, "a", "x", 410), IsEmpty());
}

TEST(RequestedCommits, ComeBeforeTheIntervalHasPassed) {
  const auto pass = [](std::string_view key, std::string_view value,
                       Emit<std::string, std::string>& emit) {
    if (value == "commit") emit.context().request_commit();
    emit(key, value);
  };
  Steps step(built([&](TopologyBuilder& builder) {
               builder.stream(kIn).process<std::string, std::string>("pass", pass).to(kOut);
             }),
             {kOut});
  step.written();  // the task runs
  const auto after_turns = [&](const std::string& value) {
    step.pipe(kIn, "a", value, 1);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(step.driver().run_once().ok());
    return step.driver().read_bytes("out").size();
  };
  EXPECT_EQ(after_turns("first"), 0U);
  EXPECT_EQ(after_turns("commit"), 2U);
  EXPECT_EQ(after_turns("last"), 0U);
}

TEST(Partitioners, PlaceTheRecordsOfASink) {
  const auto by_value = [](Bytes, Bytes value, int32_t partitions) -> std::optional<int32_t> {
    if (value.is_null()) return std::nullopt;
    return value.view() == "bad" ? partitions : static_cast<int32_t>(value.size()) % partitions;
  };
  DriverOptions options;
  options.partitions = 3;
  Steps step(built([&](TopologyBuilder& builder) {
               builder.stream(kIn).to(kOut, {.partitioner = by_value});
             }),
             {}, options);
  for (const char* const value : {"x", "xx", "xxxx"}) step.pipe(kIn, "a", value, 1);
  step.pipe(kIn, std::nullopt, "xx", 2);
  step.written();
  std::vector<std::pair<int32_t, std::string>> placed;
  for (const auto& record : step.driver().read_bytes("out")) {
    placed.emplace_back(record.partition, *record.value);
  }
  EXPECT_THAT(placed, ::testing::UnorderedElementsAre(std::pair(1, "x"), std::pair(2, "xx"),
                                                      std::pair(1, "xxxx"), std::pair(2, "xx")));
  // Without an answer the key decides, as for any other sink.
  step.pipe(kIn, "a", std::nullopt, 3);
  step.written();
  EXPECT_EQ(step.driver().read_bytes("out").size(), 1U);
  step.pipe(kIn, "a", "bad", 4);
  EXPECT_THAT(step.driver().try_run().message(),
              HasSubstr("the partitioner picked partition 3 of 3"));
}

TEST(Partitioners, AreAFaultWhereTheLatestRowPerKeyIsWritten) {
  const auto zero = [](Bytes, Bytes, int32_t) { return std::optional<int32_t>(0); };
  const auto topology =
      built([&](TopologyBuilder& builder) { builder.table(kIn).to(kOut, {.partitioner = zero}); });
  ASSERT_FALSE(topology.ok());
  EXPECT_THAT(topology.message(),
              HasSubstr("node 'out.sink' has a partitioner, but is no sink that writes every"));
}

}  // namespace millrace::requests_test
