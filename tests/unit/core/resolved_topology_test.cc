#include "engine/core/resolved_topology.h"

#include <map>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph.h"

namespace millrace::resolved_topology_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Graph;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ResolvedTopologyTest : public ::testing::Test {
 protected:
  Result<ResolvedTopology> resolve_with(const Graph& graph,
                                        const std::map<std::string, int32_t>& counts) {
    topology_ = graph.create().value();
    return resolve(*topology_, "app", [&](const std::string& topic) -> std::optional<int32_t> {
      const auto count = counts.find(topic);
      return count == counts.end() ? std::nullopt : std::optional(count->second);
    });
  }

 private:
  std::optional<Topology> topology_;
};

Graph through_an_exchange(int32_t wanted) {
  Graph graph;
  const NodeIndex before = graph.processor("before", {graph.source("in")});
  const NodeIndex moved = graph.exchange("by-owner", {before}, wanted);
  graph.store("totals");
  graph.sink("sink", "out", {graph.processor("after", {moved}, {"totals"})});
  return graph;
}

std::vector<std::string> node_names(const SubTopology& sub) {
  std::vector<std::string> names;
  names.reserve(sub.nodes.size());
  for (const ResolvedNode& resolved : sub.nodes) names.push_back(resolved.node->name);
  return names;
}

std::vector<std::string> input_topics(const SubTopology& sub) {
  std::vector<std::string> topics;
  topics.reserve(sub.inputs.size());
  for (const ResolvedInput& input : sub.inputs) topics.push_back(input.topic);
  return topics;
}

auto is_topic(const std::string& name, int32_t partitions, bool is_changelog) {
  return AllOf(::testing::Field(&InternalTopic::name, name),
               ::testing::Field(&InternalTopic::partitions, partitions),
               ::testing::Field(&InternalTopic::is_changelog, is_changelog));
}

TEST_F(ResolvedTopologyTest, KeepsBothSidesOfAnExchangeTogetherWhenTheirCountsAreEqual) {
  const auto resolved = resolve_with(through_an_exchange(0), {{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 1U);
  const SubTopology& sub = resolved->sub_topologies[0];
  EXPECT_EQ(sub.partitions, 4);
  EXPECT_THAT(node_names(sub), ElementsAre("in", "before", "by-owner-node", "after", "sink"));
  EXPECT_THAT(input_topics(sub), ElementsAre("in", "app-by-owner-exchange"));
  EXPECT_TRUE(sub.nodes[2].continues_here);
  EXPECT_THAT(resolved->internal_topics,
              UnorderedElementsAre(is_topic("app-by-owner-exchange", 4, false),
                                   is_topic("app-totals-changelog", 4, true)));
}

TEST_F(ResolvedTopologyTest, SplitsAtAnExchangeThatChangesTheCount) {
  const auto resolved = resolve_with(through_an_exchange(2), {{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  const SubTopology& before = resolved->sub_topologies[0];
  const SubTopology& after = resolved->sub_topologies[1];
  EXPECT_EQ(before.partitions, 4);
  EXPECT_EQ(after.partitions, 2);
  EXPECT_THAT(node_names(before), ElementsAre("in", "before", "by-owner-node"));
  EXPECT_THAT(before.nodes[2].children, IsEmpty());
  EXPECT_FALSE(before.nodes[2].continues_here);
  EXPECT_THAT(node_names(after), ElementsAre("by-owner-node", "after", "sink"));
  EXPECT_THAT(input_topics(after), ElementsAre("app-by-owner-exchange"));
  EXPECT_THAT(resolved->internal_topics,
              UnorderedElementsAre(is_topic("app-by-owner-exchange", 2, false),
                                   is_topic("app-totals-changelog", 2, true)));
}

TEST_F(ResolvedTopologyTest, ANodeNumbersItsParentsInTheOrderOfTheirDeclaration) {
  Graph graph;
  const NodeIndex left = graph.source("left");
  const NodeIndex right = graph.source("right");
  const NodeIndex both = graph.processor("both", {right, left});
  graph.sink("sink", "out", {both, left});
  const auto resolved = resolve_with(graph, {{"left", 2}, {"right", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  const SubTopology& sub = resolved->sub_topologies.at(0);
  EXPECT_THAT(node_names(sub), ElementsAre("left", "right", "both", "sink"));
  EXPECT_THAT(sub.nodes[0].children, ElementsAre(ResolvedChild{2, 1}, ResolvedChild{3, 1}));
  EXPECT_THAT(sub.nodes[1].children, ElementsAre(ResolvedChild{2, 0}));
  EXPECT_THAT(sub.nodes[2].children, ElementsAre(ResolvedChild{3, 0}));
}

TEST_F(ResolvedTopologyTest, IndicesLeadToNodesAndTopics) {
  const auto resolved = resolve_with(through_an_exchange(2), {{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  const SubTopology& before = resolved->sub_topologies.at(0);
  const SubTopology& after = resolved->sub_topologies.at(1);
  const auto topic = [&](int32_t output) {
    return resolved->output_topics.at(static_cast<size_t>(output));
  };
  EXPECT_THAT(before.nodes[0].children, ElementsAre(ResolvedChild{1, 0}));
  EXPECT_THAT(before.nodes[1].children, ElementsAre(ResolvedChild{2, 0}));
  EXPECT_EQ(topic(before.nodes[2].output), "app-by-owner-exchange");
  EXPECT_EQ(topic(after.inputs[0].output), "app-by-owner-exchange");
  EXPECT_EQ(after.inputs[0].node, 0U);
  EXPECT_THAT(after.nodes[0].children, ElementsAre(ResolvedChild{1, 0}));
  EXPECT_EQ(topic(after.nodes[2].output), "out");
  ASSERT_EQ(after.stores.size(), 1U);
  EXPECT_EQ(after.stores[0].spec->name, "totals");
  EXPECT_EQ(topic(after.stores[0].output), "app-totals-changelog");
  EXPECT_THAT(resolved->output_topics,
              UnorderedElementsAre("app-by-owner-exchange", "app-totals-changelog", "out"));
}

TEST_F(ResolvedTopologyTest, NamesEveryMissingTopicAndItsReader) {
  Graph graph;
  graph.processor("join", {graph.source("left"), graph.source("right")});
  const auto resolved = resolve_with(graph, {});
  ASSERT_FALSE(resolved.ok());
  EXPECT_EQ(resolved.code(), ErrorCode::kConfig);
  EXPECT_THAT(resolved.message(), AllOf(HasSubstr("'left'"), HasSubstr("'right'")));
}

TEST_F(ResolvedTopologyTest, NamesBothSourcesThatAreNotCoPartitioned) {
  Graph graph;
  graph.processor("join", {graph.source("left"), graph.source("right")});
  const auto resolved = resolve_with(graph, {{"left", 4}, {"right", 3}});
  ASSERT_FALSE(resolved.ok());
  EXPECT_EQ(resolved.code(), ErrorCode::kConfig);
  EXPECT_THAT(resolved.message(),
              AllOf(HasSubstr("'left' (4 partitions"), HasSubstr("'right' (3 partitions")));
}

TEST_F(ResolvedTopologyTest, AnExchangeTakesTheCountOfTheTableThatItFeeds) {
  Graph graph;
  const NodeIndex moved = graph.exchange("by-owner", {graph.source("in")});
  graph.processor("join", {moved, graph.source("table")});
  const auto resolved = resolve_with(graph, {{"in", 4}, {"table", 6}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 6);
}

TEST_F(ResolvedTopologyTest, ChainsOfExchangesTakeTheCountOfWhatFeedsThem) {
  Graph graph;
  const NodeIndex decoded = graph.processor("decode", {graph.source("in")});
  const NodeIndex routed = graph.processor("route", {graph.exchange("first", {decoded}, 5)});
  graph.processor("aggregate", {graph.exchange("second", {routed})});
  const auto resolved = resolve_with(graph, {{"in", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 5);
  EXPECT_THAT(node_names(resolved->sub_topologies[1]),
              ElementsAre("first-node", "route", "second-node", "aggregate"));
}

TEST_F(ResolvedTopologyTest, SetsThatFeedEachOtherTakeTheCountsOfWhatFeedsThemFirst) {
  Graph graph;
  graph.store("rows");
  graph.store("others");
  const NodeIndex rows =
      graph.processor("rows", {graph.exchange("by-row", {graph.source("in")})}, {"rows"});
  const NodeIndex asked = graph.exchange("asked", {graph.processor("ask", {rows})});
  const NodeIndex others =
      graph.processor("others", {graph.exchange("by-other", {graph.source("other")})}, {"others"});
  const NodeIndex answer = graph.processor("answer", {asked, others}, {"others"});
  graph.processor("take", {graph.exchange("answered", {answer})}, {"rows"});
  const auto resolved = resolve_with(graph, {{"in", 2}, {"other", 3}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  EXPECT_THAT(
      resolved->internal_topics,
      UnorderedElementsAre(
          is_topic("app-by-row-exchange", 2, false), is_topic("app-asked-exchange", 3, false),
          is_topic("app-by-other-exchange", 3, false), is_topic("app-answered-exchange", 2, false),
          is_topic("app-rows-changelog", 2, true), is_topic("app-others-changelog", 3, true)));
}

TEST_F(ResolvedTopologyTest, PutsUsersOfOneStoreIntoOneSubTopology) {
  Graph graph;
  graph.store("shared");
  graph.processor("a", {graph.source("left")}, {"shared"});
  graph.processor("b", {graph.source("right")}, {"shared"});
  const auto resolved = resolve_with(graph, {{"left", 2}, {"right", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  EXPECT_EQ(resolved->sub_topologies.size(), 1U);
  EXPECT_EQ(resolved->sub_topologies[0].stores.size(), 1U);
}

}  // namespace millrace::resolved_topology_test
