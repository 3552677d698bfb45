#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/topology.h"

#include "graph.h"

namespace millrace::resolve_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Graph;
using ::testing::HasSubstr;

Result<ResolvedTopology> resolve_with(const Graph& graph, std::map<std::string, int32_t> counts) {
  return resolve(graph.create().value(), "app",
                 [&](const std::string& topic) -> std::optional<int32_t> {
                   const auto count = counts.find(topic);
                   return count == counts.end() ? std::nullopt : std::optional(count->second);
                 });
}

Graph through_an_exchange(int32_t wanted) {
  Graph graph;
  const NodeIndex before = graph.processor("before", {graph.source("in")});
  const NodeIndex moved = graph.exchange("by-owner", {before}, wanted);
  graph.store("totals");
  graph.processor("after", {moved}, {"totals"});
  return graph;
}

TEST(Resolve, KeepsBothSidesOfAnExchangeTogetherWhenTheirCountsAreEqual) {
  const auto resolved = resolve_with(through_an_exchange(0), {{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 1U);
  EXPECT_EQ(resolved->sub_topologies[0].partitions, 4);
  EXPECT_THAT(resolved->sub_topologies[0].sources, ElementsAre(0, 2));
  EXPECT_EQ(resolved->tasks().size(), 4U);
  ASSERT_EQ(resolved->internal_topics.size(), 2U);
  EXPECT_EQ(resolved->internal_topics[0].name, "app-by-owner-exchange");
  EXPECT_EQ(resolved->internal_topics[1].name, "app-totals-changelog");
  EXPECT_TRUE(resolved->internal_topics[1].is_changelog);
}

TEST(Resolve, SplitsAtAnExchangeThatChangesTheCount) {
  const auto resolved = resolve_with(through_an_exchange(2), {{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[0].partitions, 4);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 2);
  EXPECT_THAT(resolved->sub_topologies[0].nodes, ElementsAre(0, 1, 2));
  EXPECT_THAT(resolved->sub_topologies[1].nodes, ElementsAre(2, 3));
  EXPECT_THAT(resolved->sub_topologies[1].sources, ElementsAre(2));
  EXPECT_EQ(resolved->internal_topics[1].partitions, 2);
  EXPECT_EQ(resolved->tasks().size(), 6U);
}

TEST(Resolve, NamesEveryMissingTopicAndItsReader) {
  Graph graph;
  graph.processor("join", {graph.source("left"), graph.source("right")});
  const auto resolved = resolve_with(graph, {});
  ASSERT_FALSE(resolved.ok());
  EXPECT_EQ(resolved.code(), ErrorCode::kConfig);
  EXPECT_THAT(resolved.message(), AllOf(HasSubstr("'left'"), HasSubstr("'right'")));
}

TEST(Resolve, NamesBothSourcesThatAreNotCoPartitioned) {
  Graph graph;
  graph.processor("join", {graph.source("left"), graph.source("right")});
  const auto resolved = resolve_with(graph, {{"left", 4}, {"right", 3}});
  ASSERT_FALSE(resolved.ok());
  EXPECT_THAT(resolved.message(),
              AllOf(HasSubstr("'left' (4 partitions"), HasSubstr("'right' (3 partitions")));
}

TEST(Resolve, TakesTheCountOfTheTableThatAnExchangeFeeds) {
  Graph graph;
  const NodeIndex moved = graph.exchange("by-owner", {graph.source("in")});
  graph.processor("join", {moved, graph.source("table")});
  const auto resolved = resolve_with(graph, {{"in", 4}, {"table", 6}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 6);
}

TEST(Resolve, PutsUsersOfOneStoreIntoOneSubTopology) {
  Graph graph;
  graph.store("shared");
  graph.processor("a", {graph.source("left")}, {"shared"});
  graph.processor("b", {graph.source("right")}, {"shared"});
  const auto resolved = resolve_with(graph, {{"left", 2}, {"right", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  EXPECT_EQ(resolved->sub_topologies.size(), 1U);
}

}  // namespace millrace::resolve_test
