#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/harness.h"
#include "tests/unit/operators/language/steps.h"

namespace millrace::cogroup_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kClicks{"clicks"};
constexpr TextTopic kOrders{"orders"};
constexpr TextTopic kOut{"out"};

std::optional<std::string> add_click(std::string_view click, Maybe<std::string> so_far) {
  if (click == "forget") return std::nullopt;
  return (so_far ? std::string(*so_far) + "," : std::string()) + "click " + std::string(click);
}

std::string add_amount(std::string_view key, int64_t amount, Maybe<std::string> so_far) {
  return (so_far ? std::string(*so_far) + "," : std::string()) + std::string(key) + " pays " +
         std::to_string(amount);
}

/// Orders with values of another type.
Stream<std::string, int64_t> amounts(TopologyBuilder& builder) {
  return builder.stream(kOrders).map_values(
      [](std::string_view value) { return static_cast<int64_t>(value.size()); });
}

Result<Topology> profiles() {
  TopologyBuilder builder{"test"};
  builder.stream(kClicks)
      .group_by_key()
      .cogroup(add_click)
      .cogroup(amounts(builder).group_by_key(), add_amount)
      .aggregate("profiles")
      .to_stream()
      .to(kOut);
  return std::move(builder).build();
}

TEST(Cogroup, AggregatesStreamsOfSeveralTypesIntoOneTable) {
  Steps step(profiles(), {kOut});
  EXPECT_THAT(step(kClicks, "a", "x", 10), ElementsAre("out a=click x@10"));
  EXPECT_THAT(step(kOrders, "a", "123", 8), ElementsAre("out a=click x,a pays 3@10"));
  EXPECT_THAT(step(kOrders, "b", "1", 9), ElementsAre("out b=b pays 1@9"));
  EXPECT_THAT(step(kClicks, "a", "y", 11), ElementsAre("out a=click x,a pays 3,click y@11"));
}

TEST(Cogroup, DeletesAndIsSilentWhenThereIsNoRow) {
  Steps step(profiles(), {kOut});
  EXPECT_THAT(step(kClicks, "a", "forget", 1), IsEmpty());
  EXPECT_THAT(step(kOrders, "a", "1", 2), ElementsAre("out a=a pays 1@2"));
  EXPECT_THAT(step(kClicks, "a", "forget", 3), ElementsAre("out a=null@3"));
  EXPECT_THAT(step(kOrders, "a", "1", 4), ElementsAre("out a=a pays 1@4"));
}

TEST(Cogroup, DropsNullKeysAndNullValues) {
  Harness harness(profiles());
  harness.pipe(kClicks, "a", std::nullopt);
  harness.pipe(kOrders, "a", std::nullopt);
  harness.pipe_raw("clicks", std::nullopt, "x");
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  EXPECT_EQ(harness.dropped("null_value"), 2);
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

TEST(Cogroup, KeepsItsRowsOverRestarts) {
  Steps step(profiles(), {kOut});
  step(kClicks, "a", "x", 1);
  step.driver().restart();
  step(kOrders, "a", "1", 2);
  step.driver().crash_and_restart();
  EXPECT_THAT(step(kClicks, "a", "y", 3), ElementsAre("out a=click x,a pays 1,click y@3"));
}

TEST(Cogroup, BeginsWithTheInitialAggregateAndRetractsTheOldRow) {
  const auto join_up = [](std::string_view value, std::string_view so_far) {
    return std::string(so_far) + std::string(value);
  };
  TopologyBuilder builder{"test"};
  builder.stream(kClicks)
      .group_by_key()
      .cogroup<std::string>(join_up)
      .cogroup(builder.stream(kOrders).group_by_key(), join_up)
      .aggregate("texts", "<", {.in_memory = true})
      // By a group, so that the change of the table is to be seen.
      .group_by([](std::string_view key, std::string_view) { return key; })
      .reduce(
          "groups",
          [](std::string_view all, std::string_view row) {
            return std::string(all) + "+" + std::string(row);
          },
          [](std::string_view all, std::string_view row) {
            return std::string(all) + "-" + std::string(row);
          })
      .to_stream()
      .to(kOut);
  Steps step(std::move(builder).build(), {kOut});
  EXPECT_THAT(step(kClicks, "a", "x", 1), ElementsAre("out a=<x@1"));
  EXPECT_THAT(step(kOrders, "a", "y", 2), ElementsAre("out a=<x-<x+<xy@2"));
}

TEST(Cogroup, PutsAnExchangeBehindEachStreamWhoseKeysWereChanged) {
  const auto same = [](std::string_view value) { return value; };
  const auto define = [&](TopologyBuilder& builder) {
    builder.stream(kClicks)
        .key_by(same)
        .group_by_key()
        .cogroup(add_click)
        .cogroup(builder.stream(kOrders).group_by_key(), add_click)
        .aggregate("profiles")
        .to(kOut);
  };
  TopologyBuilder described{"test"};
  define(described);
  const std::string text = std::move(described).build().value().describe();
  EXPECT_THAT(text, HasSubstr("[through: profiles-clicks (string -> string)]"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("[through: profiles-orders")));

  TopologyBuilder builder{"test"};
  define(builder);
  testing::DriverOptions options;
  options.partitions = 3;
  Steps step(std::move(builder).build(), {kOut}, options);
  EXPECT_THAT(step(kClicks, "somebody", "a", 1), ElementsAre("out a=click a@1"));
  EXPECT_THAT(step(kOrders, "a", "x", 2), ElementsAre("out a=click a,click x@2"));
}

TEST(Cogroup, TakesOneStreamTwice) {
  TopologyBuilder builder{"test"};
  const auto clicks = builder.stream(kClicks).group_by_key();
  clicks.cogroup(add_click).cogroup(clicks, add_click).aggregate("twice").to_stream().to(kOut);
  Steps step(std::move(builder).build(), {kOut});
  EXPECT_THAT(step(kClicks, "a", "x", 1),
              ElementsAre("out a=click x@1", "out a=click x,click x@1"));
}

}  // namespace millrace::cogroup_test
