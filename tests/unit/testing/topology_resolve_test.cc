#include <map>

#include <gmock/gmock.h>

#include "millrace/core/topology.h"

namespace millrace::topology_resolve_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NoProcessor final : public Processor {
 public:
  void process(const Record& record) override { context().forward(record); }
};

/// Builds nodes in order; parents by index.
class Dag {
 public:
  NodeIndex source(const std::string& topic) {
    return add(NodeKind::kSource, topic, {}, {.name = topic, .key = {}, .value = {}});
  }
  NodeIndex processor(const std::string& name, std::vector<NodeIndex> parents,
                      std::vector<std::string> stores = {}) {
    const NodeIndex index = add(NodeKind::kProcessor, name, std::move(parents), {});
    nodes_[index].factory = [] { return std::make_unique<NoProcessor>(); };
    for (const std::string& store : stores) {
      if (!std::any_of(stores_.begin(), stores_.end(),
                       [&](const StoreSpec& spec) { return spec.name == store; })) {
        stores_.push_back({.name = store, .key = {}, .value = {}});
      }
    }
    nodes_[index].stores = std::move(stores);
    return index;
  }
  NodeIndex exchange(const std::string& name, std::vector<NodeIndex> parents,
                     int32_t partitions = 0) {
    const NodeIndex index =
        add(NodeKind::kExchange, name, std::move(parents), {.name = name, .key = {}, .value = {}});
    nodes_[index].partitions = partitions;
    return index;
  }
  Result<ResolvedTopology> resolve(const std::map<std::string, int32_t>& counts) {
    const auto topology = Topology::create("test", nodes_, stores_);
    if (!topology.ok()) return topology.status();
    return millrace::resolve(*topology, "app", [&](const std::string& topic) {
      const auto found = counts.find(topic);
      return found == counts.end() ? std::nullopt : std::optional<int32_t>(found->second);
    });
  }

 private:
  NodeIndex add(NodeKind kind, const std::string& name, std::vector<NodeIndex> parents,
                TopicUse topic) {
    const auto index = static_cast<NodeIndex>(nodes_.size());
    for (const NodeIndex parent : parents) nodes_[parent].children.push_back(index);
    Node node;
    node.name = name + "-node";
    node.kind = kind;
    node.parents = std::move(parents);
    node.topic = std::move(topic);
    nodes_.push_back(std::move(node));
    return index;
  }

  std::vector<Node> nodes_;
  std::vector<StoreSpec> stores_;
};

TEST(Resolve, AnExchangeOfEqualWidthDoesNotSplitASubTopology) {
  Dag dag;
  const auto in = dag.source("in");
  const auto moved = dag.exchange("moved", {in});
  dag.processor("count", {moved}, {"counts"});
  const auto resolved = dag.resolve({{"in", 4}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 1U);
  EXPECT_EQ(resolved->sub_topologies[0].partitions, 4);
  EXPECT_THAT(resolved->sub_topologies[0].nodes, ElementsAre(0, 1, 2));
  EXPECT_THAT(resolved->sub_topologies[0].sources, ElementsAre(0, 1));
  ASSERT_EQ(resolved->internal_topics.size(), 2U);
  EXPECT_EQ(resolved->internal_topics[0].name, "app-moved-exchange");
  EXPECT_EQ(resolved->internal_topics[1].name, "app-counts-changelog");
  EXPECT_EQ(resolved->internal_topics[1].partitions, 4);
}

TEST(Resolve, AnExchangeOfAnotherWidthSplitsAndIsListedOnBothSides) {
  Dag dag;
  const auto in = dag.source("in");
  const auto moved = dag.exchange("moved", {in}, 8);
  dag.processor("count", {moved}, {"counts"});
  const auto resolved = dag.resolve({{"in", 3}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[0].partitions, 3);
  EXPECT_THAT(resolved->sub_topologies[0].nodes, ElementsAre(0, 1));
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 8);
  EXPECT_THAT(resolved->sub_topologies[1].nodes, ElementsAre(1, 2));
  EXPECT_EQ(resolved->tasks().size(), 11U);
}

TEST(Resolve, AnExchangeTakesTheWidthOfTheTableItIsJoinedWith) {
  Dag dag;
  const auto in = dag.source("in");
  const auto moved = dag.exchange("moved", {in});
  const auto table = dag.source("table");
  dag.processor("join", {moved, table}, {"rows"});
  const auto resolved = dag.resolve({{"in", 3}, {"table", 6}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 6);
}

TEST(Resolve, ChainsOfExchangesTakeTheWidthOfWhatFeedsThem) {
  Dag dag;
  const auto in = dag.source("in");
  const auto first = dag.exchange("first", {dag.processor("decode", {in})}, 5);
  const auto second = dag.exchange("second", {dag.processor("route", {first})});
  dag.processor("aggregate", {second}, {"sums"});
  const auto resolved = dag.resolve({{"in", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  ASSERT_EQ(resolved->sub_topologies.size(), 2U);
  EXPECT_EQ(resolved->sub_topologies[1].partitions, 5);
  EXPECT_THAT(resolved->sub_topologies[1].nodes, ElementsAre(2, 3, 4, 5));
}

TEST(Resolve, NamesBothNodesWhenJoinedSourcesAreNotCoPartitioned) {
  Dag dag;
  dag.processor("join", {dag.source("a"), dag.source("b")});
  const auto resolved = dag.resolve({{"a", 3}, {"b", 6}});
  ASSERT_FALSE(resolved.ok());
  EXPECT_EQ(resolved.code(), ErrorCode::kConfig);
  EXPECT_THAT(resolved.message(), HasSubstr("'a-node'"));
  EXPECT_THAT(resolved.message(), HasSubstr("'b-node'"));
}

TEST(Resolve, NamesEveryMissingTopic) {
  Dag dag;
  dag.processor("join", {dag.source("a"), dag.source("b")});
  const auto resolved = dag.resolve({});
  ASSERT_FALSE(resolved.ok());
  EXPECT_THAT(resolved.message(), HasSubstr("'a'"));
  EXPECT_THAT(resolved.message(), HasSubstr("'b'"));
}

TEST(Resolve, NodesThatShareAStoreAreOneSubTopology) {
  Dag dag;
  dag.processor("write", {dag.source("a")}, {"shared"});
  dag.processor("read", {dag.source("b")}, {"shared"});
  const auto resolved = dag.resolve({{"a", 2}, {"b", 2}});
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  EXPECT_EQ(resolved->sub_topologies.size(), 1U);
}

}  // namespace millrace::topology_resolve_test
