#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"

namespace millrace::naming_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

constexpr Topic<std::string, std::string> kEvents{"events"};
constexpr Topic<std::string, std::string> kRows{"rows"};
constexpr Topic<std::string, int64_t> kOut{"out"};

std::string_view same(std::string_view value) {
  return value;
}
std::string pair_up(std::string_view event, std::string_view row) {
  return std::string(event) + std::string(row);
}

/// Names on which topics of the application depend.
std::vector<std::string> internal_names(const Topology& topology) {
  std::vector<std::string> names;
  for (const StoreSpec& store : topology.stores()) names.push_back("store " + store.name);
  for (const Node& node : topology.nodes()) {
    if (node.kind == NodeKind::kExchange) names.push_back("exchange " + node.topic.name);
  }
  return names;
}

Topology example(bool with_more_operators) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  auto events = builder.stream(kEvents);
  if (with_more_operators) {
    rows.filter([](std::string_view) { return true; })
        .to_stream()
        .key_by(same)
        .group_by_key()
        .count("more");
    events = events.filter([](std::string_view) { return true; }).peek([](std::string_view) {});
  }
  events.key_by(same).join(rows, pair_up).key_by(same).group_by_key().count("counts").to(kOut);
  rows.group_by(same).count("row-counts");
  return std::move(builder).build().value();
}

TEST(Naming, DerivesStoresAndExchangesFromTopicsAndExplicitNames) {
  EXPECT_THAT(internal_names(example(false)),
              UnorderedElementsAre("store rows-table", "store counts", "store row-counts",
                                   "exchange events-join-rows-table", "exchange counts",
                                   "exchange row-counts"));
}

TEST(Naming, KeepsNamesWhenOperatorsAreAddedElsewhereOrBetween) {
  EXPECT_THAT(internal_names(example(true)), IsSupersetOf(internal_names(example(false))));
}

TEST(Naming, CountsNodesOfOneOperatorBehindOneName) {
  TopologyBuilder builder{"test"};
  const auto events = builder.stream(kEvents);
  events.peek([](std::string_view) {});
  events.peek([](std::string_view) {});
  events.peek([](std::string_view) {}, "mine");
  const Topology topology = std::move(builder).build().value();
  EXPECT_EQ(topology.nodes()[1].name, "events.peek");
  EXPECT_EQ(topology.nodes()[2].name, "events.peek-2");
  EXPECT_EQ(topology.nodes()[3].name, "mine");
}

TEST(Naming, LetsExplicitNamesWin) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows, {.name = "latest"});
  builder.stream(kEvents).key_by(same).exchange("by-value").join(rows, pair_up);
  builder.stream(Topic<std::string, std::string>{"more"})
      .key_by(same)
      .join(rows, pair_up, {.name = "named-join"});
  EXPECT_THAT(internal_names(std::move(builder).build().value()),
              UnorderedElementsAre("store latest", "exchange by-value", "exchange named-join"));
}

TEST(Naming, AsksForANameWhenTwoExchangesDeriveTheSame) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  const auto events = builder.stream(kEvents);
  events.key_by(same, "first").join(rows, pair_up);
  events.key_by(same).join(rows, pair_up);
  events.key_by(same, "").join(rows, pair_up);
  const auto topology = std::move(builder).build();
  ASSERT_FALSE(topology.ok());
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  EXPECT_THAT(topology.message(),
              AllOf(HasSubstr("'events.key_by', 'events.key_by-2'"),
                    HasSubstr("'events-join-rows-table'"), HasSubstr(".exchange(\"name\")")));
}

TEST(Naming, GivesOneExchangeToSeveralOperatorsWhenAsked) {
  TopologyBuilder builder{"test"};
  const auto moved = builder.stream(kEvents).key_by(same).exchange("shared");
  moved.group_by_key().count("n");
  moved.to_table("latest");
  EXPECT_THAT(internal_names(std::move(builder).build().value()),
              UnorderedElementsAre("store n", "store latest", "exchange shared"));
}

TEST(Naming, NamesTheStoresOfAJoinWhoseSidesChangeTogether) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  rows.join(rows.filter([](std::string_view) { return true; }), pair_up, {.name = "self"});
  EXPECT_THAT(internal_names(std::move(builder).build().value()),
              UnorderedElementsAre("store rows-table", "store self-left", "store self-right"));
}

}  // namespace millrace::naming_test
