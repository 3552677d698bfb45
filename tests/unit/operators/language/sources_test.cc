#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/language/steps.h"

namespace millrace::sources_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kIn{"in"};
constexpr TextTopic kMore{"more"};
constexpr TextTopic kOut{"out"};
constexpr TextTopic kOther{"other"};

int64_t time_of(std::string_view value) {
  return static_cast<int64_t>(value.size());
}

template <class F>
Result<Topology> built(F define) {
  TopologyBuilder builder{"test"};
  define(builder);
  return std::move(builder).build();
}

template <class F>
std::string fault_of(F define) {
  const auto topology = built(define);
  if (topology.ok()) return "(no error)";
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  return topology.message();
}

TEST(ATopicReadTwice, GivesEachRecordToAllItsStreams) {
  Steps step(built([](TopologyBuilder& builder) {
               builder.stream(kIn).to(kOut);
               builder.stream(kIn).map_values([](std::string_view v) { return v; }).to(kOther);
             }),
             {kOut, kOther});
  EXPECT_THAT(step(kIn, "a", "x", 1), ElementsAre("out a=x@1", "other a=x@1"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 2), ElementsAre("out null=x@2", "other null=x@2"));
}

TEST(ATopicReadTwice, MayBeATableToo) {
  const auto both = [](std::string_view event, Maybe<std::string> row) {
    return std::string(event) + "/" + (row ? std::string(*row) : "none");
  };
  Steps table_first(built([&](TopologyBuilder& builder) {
                      const auto table = builder.table(kIn);
                      builder.stream(kIn).left_join(table, both).to(kOut);
                    }),
                    {kOut});
  EXPECT_THAT(table_first(kIn, "a", "x", 1), ElementsAre("out a=x/x@1"));
  EXPECT_THAT(table_first(kIn, "a", "y", 2), ElementsAre("out a=y/y@2"));
}

TEST(ATopicReadTwice, KeepsTheOptionsOfTheFirst) {
  Steps step(built([](TopologyBuilder& builder) {
               builder.stream(kIn, time_of, {.name = "timed"}).to(kOut);
               builder.stream(kIn).to(kOther);
             }),
             {kOut, kOther});
  EXPECT_THAT(step(kIn, "a", "xyz", 1), ElementsAre("out a=xyz@3", "other a=xyz@3"));
}

TEST(ATopicReadTwice, IsAFaultWithOptionsOrTypesOfItsOwn) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                builder.stream(kIn).to(kOut);
                builder.stream(kIn, time_of).to(kOther);
              }),
              HasSubstr("node 'in' reads topic 'in' already: give the options"));
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                builder.stream(kIn).to(kOut);
                builder.table(Topic<std::string, int64_t>{"in"})
                    .to_stream()
                    .to(Topic<std::string, int64_t>{"numbers"});
              }),
              HasSubstr("topic 'in' is read as (string -> string) by node 'in' and as (string -> "
                        "int64)"));
}

using Left = Input<"left", std::string, std::string>;
using Right = Input<"right", std::string, std::string>;

class Sides final : public MultiInputProcessor<Inputs<Left, Right>, std::string, std::string> {
  void on_record(Left, Maybe<std::string> key, Maybe<std::string> v, const Record&) override {
    emit()(*key, "left " + std::string(*v));
  }
  void on_record(Right, Maybe<std::string> key, Maybe<std::string> v, const Record&) override {
    emit()(*key, "right " + std::string(*v));
  }
};

TEST(ATopicReadTwice, FeedsTwoInputsOfAProcessor) {
  Steps step(built([](TopologyBuilder& builder) {
               builder
                   .process(
                       "sides", [] { return std::make_unique<Sides>(); }, {},
                       builder.stream(kIn).as<Right>(), builder.stream(kIn).as<Left>())
                   .to(kOut);
             }),
             {kOut});
  EXPECT_THAT(step(kIn, "a", "x", 1), ElementsAre("out a=right x@1", "out a=left x@1"));
}

TEST(SeveralTopics, MakeOneStreamInTheOrderOfTheirTimes) {
  Steps step(built([](TopologyBuilder& builder) {
               builder.stream({kIn, kMore}).to(kOut);
             }),
             {kOut});
  step.pipe(kIn, "a", "1", 10);
  step.pipe(kIn, "a", "3", 30);
  step.pipe(kMore, "a", "2", 20);
  EXPECT_THAT(step.written(), ElementsAre("out a=1@10", "out a=2@20", "out a=3@30"));
}

TEST(SeveralTopics, ShareOptionsAndEventTime) {
  const Topology topology = built([](TopologyBuilder& builder) {
                              builder.stream({kIn, kMore}, time_of, {.name = "all"}).to(kOut);
                            }).value();
  ASSERT_EQ(topology.nodes().size(), 3U);
  for (const size_t i : {0, 1}) {
    EXPECT_EQ(topology.nodes()[i].name, "all." + topology.nodes()[i].topic.name);
    EXPECT_EQ(topology.nodes()[i].event_time(Bytes("a"), Bytes("xyz"), 1), 3);
  }
}

}  // namespace millrace::sources_test
