#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/harness.h"
#include "tests/unit/operators/language/steps.h"

namespace millrace::branches_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kIn{"in"};
constexpr TextTopic kLarge{"large"};
constexpr TextTopic kSmall{"small"};
constexpr TextTopic kRest{"rest"};

bool is_large(std::string_view value) {
  return value.size() > 2;
}
bool is_anything(std::string_view) {
  return true;
}

template <class F>
Result<Topology> from_stream(F define) {
  TopologyBuilder builder{"test"};
  define(builder.stream(kIn));
  return std::move(builder).build();
}

TEST(Split, SendsARecordToTheFirstBranchThatFitsElseToTheDefault) {
  Steps step(from_stream([](const auto& in) {
               const auto sizes = in.split("by-size")
                                      .branch("large", is_large)
                                      .branch("small", is_anything)
                                      .default_branch("rest");
               sizes["rest"].to(kRest);
               sizes["large"].to(kLarge);
               sizes["small"].to(kSmall);
             }),
             {kLarge, kSmall, kRest});
  EXPECT_THAT(step(kIn, "a", "xxx", 1), ElementsAre("large a=xxx@1"));
  EXPECT_THAT(step(kIn, "a", "x", 3), ElementsAre("small a=x@3"));
  EXPECT_THAT(step(kIn, "a", std::nullopt, 2), ElementsAre("rest a=null@2"));
  EXPECT_THAT(step(kIn, std::nullopt, "xxx", 2), ElementsAre("large null=xxx@2"));
}

TEST(Split, WithoutADefaultDropsAndCountsOtherRecords) {
  const auto define = [](const auto& in) {
    in.split().branch("large", is_large).no_default_branch()["large"].to(kLarge);
  };
  Harness harness(from_stream(define));
  harness.pipe(kIn, "a", "xxx");
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_EQ(harness.read(kLarge).size(), 1U);
  EXPECT_EQ(harness.dropped("no_branch"), 2);
}

TEST(Split, CallsBranchesAndWhatFollowsThemAfterTheirNames) {
  const auto same = [](std::string_view value) { return value; };
  const Topology topology =
      from_stream([&](const auto& in) {
        const auto named = in.split("sizes").branch("large", is_large).default_branch("rest");
        named["large"].key_by(same).exchange().to(kLarge);
        const auto derived = in.split().branch("large", is_large).default_branch("rest");
        derived["rest"].key_by(same).exchange().to(kRest);
      }).value();
  EXPECT_THAT(topology.describe(), HasSubstr("[through: sizes.large-by-key (string -> string)]"));
  EXPECT_THAT(topology.describe(), HasSubstr("[through: in.rest-by-key (string -> string)]"));
}

TEST(Split, NamesABranchThatThereIsNot) {
  const auto topology = from_stream([](const auto& in) {
    in.split("sizes").branch("large", is_large).default_branch("rest")["huge"].to(kLarge);
  });
  ASSERT_FALSE(topology.ok());
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  EXPECT_THAT(topology.message(), HasSubstr("there is no branch 'huge' beside 'sizes.large'"));
}

std::optional<TextTopic> topic_for(std::string_view value) {
  if (value == "stray") return TextTopic{"elsewhere"};
  if (value.empty()) return std::nullopt;
  return is_large(value) ? kLarge : kSmall;
}

TEST(ToPicked, WritesEachRecordToTheTopicThatTheFunctionPicks) {
  Steps step(from_stream([](const auto& in) {
               in.to({kSmall, kLarge}, topic_for);
             }),
             {kLarge, kSmall});
  EXPECT_THAT(step(kIn, "a", "xxx", 5), ElementsAre("large a=xxx@5"));
  EXPECT_THAT(step(kIn, "a", "x", 4), ElementsAre("small a=x@4"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 4), ElementsAre("small null=x@4"));
  EXPECT_THAT(step(kIn, "a", "", 6), IsEmpty());
  EXPECT_THAT(step(kIn, "a", std::nullopt, 6), IsEmpty());
}

TEST(ToPicked, CountsWhatItDrops) {
  Harness harness(from_stream([](const auto& in) { in.to({kSmall, kLarge}, topic_for); }));
  harness.pipe(kIn, "a", "");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_EQ(harness.dropped("no_topic"), 1);
  EXPECT_EQ(harness.dropped("null_value"), 1);
  EXPECT_THROW(harness.pipe(kIn, "a", "stray"), std::invalid_argument);
}

TEST(ToPicked, TakesNullsWithAFunctionThatDoes) {
  const auto pick = [](Maybe<std::string> key, Maybe<std::string>) { return key ? kLarge : kRest; };
  Steps step(from_stream([&](const auto& in) {
               in.to({kLarge, kRest}, pick, {.name = "picked"});
             }),
             {kLarge, kRest});
  EXPECT_THAT(step(kIn, "a", std::nullopt, 1), ElementsAre("large a=null@1"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 2), ElementsAre("rest null=x@2"));
}

}  // namespace millrace::branches_test
