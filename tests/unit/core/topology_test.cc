#include "millrace/core/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph.h"

namespace millrace::topology_test {

using ::testing::AllOf;
using testing::Graph;
using ::testing::HasSubstr;

/// The message of the error that creating the graph must give.
std::string fault_of(const Graph& graph, const std::string& name = "test") {
  const Result<Topology> topology = graph.create(name);
  if (topology.ok()) return "(no error)";
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  return topology.message();
}

TEST(TopologyCreate, TakesASoundGraph) {
  Graph graph;
  graph.store("totals");
  const NodeIndex sum = graph.processor("sum", {graph.source("in")}, {"totals"});
  const NodeIndex moved = graph.exchange("by-owner", {sum});
  graph.sink("write", "out", {moved});
  const Result<Topology> topology = graph.create();
  ASSERT_TRUE(topology.ok()) << topology.message();
  EXPECT_EQ(topology->name(), "test");
  EXPECT_EQ(topology->nodes().size(), 4U);
  EXPECT_NE(topology->find_store("totals"), nullptr);
  EXPECT_EQ(topology->find_store("other"), nullptr);
}

TEST(TopologyCreate, RefusesNothingAtAll) {
  EXPECT_THAT(fault_of(Graph()), HasSubstr("there are no nodes"));
}

TEST(TopologyCreate, RefusesNamesThatKafkaDoesNotTake) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("\xc3\xa4"), std::string(kNameLengthMax + 1, 'a'), std::string("a\0b", 3)}) {
    Graph graph;
    graph.sink("write", "out", {graph.source("in")});
    EXPECT_THAT(fault_of(graph, name), HasSubstr("no legal name")) << name;

    graph.node(0).topic.name = name.size() > 3 ? std::string(kTopicNameLengthMax + 1, 'a') : name;
    EXPECT_THAT(fault_of(graph), AllOf(HasSubstr("no legal name"), HasSubstr("node 'in'")));
  }
}

TEST(TopologyCreate, NamesBothNodesOfADuplicateName) {
  Graph graph;
  const NodeIndex source = graph.source("in");
  graph.processor("same", {source});
  graph.processor("same", {source});
  EXPECT_THAT(fault_of(graph), HasSubstr("nodes 1 and 2 have the same name 'same'"));
}

TEST(TopologyCreate, ReportsAllFaultsAtOnce) {
  Graph graph;
  graph.source("lonely");
  graph.store("unused");
  graph.processor("reader", {graph.source("in")}, {"missing"});
  EXPECT_THAT(fault_of(graph), AllOf(HasSubstr("source 'lonely' has no children"),
                                     HasSubstr("no node uses store 'unused'"),
                                     HasSubstr("node 'reader' uses the unknown store 'missing'")));
}

TEST(TopologyCreate, RefusesANodeThatForwardsTheRowsOfAStoreItDoesNotUse) {
  Graph graph;
  const NodeIndex node = graph.processor("a", {graph.source("in")});
  graph.node(node).forwards_rows_of = "rows";
  EXPECT_THAT(fault_of(graph),
              HasSubstr("node 'a' forwards the rows of store 'rows' but does not use it"));
}

TEST(TopologyCreate, RefusesTimersThatAreNotOneNodesOwn) {
  Graph graph;
  graph.timers("expiry");
  const NodeIndex a = graph.processor("a", {graph.source("in")}, {"expiry"});
  graph.node(graph.processor("b", {a}, {"expiry"})).reads_at_key = {"expiry"};
  EXPECT_THAT(fault_of(graph),
              AllOf(HasSubstr("nodes 'a' and 'b' both use the timers 'expiry'"),
                    HasSubstr("node 'b' reads or forwards rows of 'expiry', which holds timers")));
}

TEST(TopologyCreate, RefusesBroadcastTablesThatNobodyKnowsOrReads) {
  Graph graph;
  graph.node(graph.processor("a", {graph.source("in")})).broadcasts = {"rates"};
  graph.broadcast("rules");
  EXPECT_THAT(
      fault_of(graph),
      AllOf(HasSubstr("node 'a' reads the unknown broadcast table 'rates'"),
            HasSubstr("no node reads broadcast table 'rules'"),
            HasSubstr("node 'a' reads broadcast tables but has no store of its own for cursors")));
}

TEST(TopologyCreate, NamesTheNodesOfACycleOnly) {
  Graph graph;
  const NodeIndex a = graph.processor("a", {graph.source("in")});
  const NodeIndex b = graph.processor("b", {a});
  graph.sink("write", "out", {b});
  graph.node(b).children.push_back(a);
  graph.node(a).parents.push_back(b);
  EXPECT_THAT(fault_of(graph), HasSubstr("nodes 'a', 'b' form a cycle"));
}

TEST(TopologyCreate, RefusesEdgesThatOnlyOneSideHas) {
  Graph graph;
  const NodeIndex a = graph.processor("a", {graph.source("in")});
  graph.node(a).children.push_back(0);
  EXPECT_THAT(fault_of(graph), HasSubstr("node 'a' has an edge that node 'in' does not have"));
  graph.node(a).children = {99};
  EXPECT_THAT(fault_of(graph), HasSubstr("node 'a' has an edge that node 99 does not have"));
}

TEST(TopologyCreate, RefusesNodesInTheWrongPlace) {
  Graph graph;
  const NodeIndex sink = graph.sink("write", "out", {graph.source("in")});
  graph.processor("behind", {sink});
  graph.processor("orphan", {});
  graph.exchange("nowhere", {0});
  graph.node(graph.processor("empty", {0})).factory = nullptr;
  EXPECT_THAT(fault_of(graph), AllOf(HasSubstr("sink 'write' has children"),
                                     HasSubstr("node 'orphan' is fed by no source"),
                                     HasSubstr("exchange 'nowhere-node' has no children"),
                                     HasSubstr("node 'empty' has no processor")));
}

TEST(TopologyCreate, RefusesATopicReadTwice) {
  Graph graph;
  graph.processor("a", {graph.source("in")});
  const NodeIndex again = graph.source("in");
  graph.node(again).name = "again";
  graph.processor("b", {again});
  EXPECT_THAT(fault_of(graph), HasSubstr("nodes 'in' and 'again' both read topic 'in'"));
}

TEST(TopologyCreate, RefusesAnExchangeNameUsedTwice) {
  Graph graph;
  const NodeIndex source = graph.source("in");
  graph.processor("a", {graph.exchange("same", {source})});
  const NodeIndex other = graph.exchange("same", {source});
  graph.node(other).name = "other-node";
  graph.processor("b", {other});
  EXPECT_THAT(fault_of(graph), HasSubstr("nodes 'same-node' and 'other-node' both are exchange"));
}

TEST(TopologyCreate, RefusesDifferentTypesOnOneTopic) {
  Graph graph;
  const NodeIndex a = graph.processor("a", {graph.source("in")});
  graph.sink("first", "out", {a});
  graph.sink("second", "out", {a}, type_info<std::string>(), type_info<int64_t>());
  graph.sink("back", "in", {a}, type_info<int64_t>());
  EXPECT_THAT(
      fault_of(graph),
      AllOf(HasSubstr("'first' (string -> string) and 'second' (string -> int64) use topic 'out'"),
            HasSubstr("'in' (string -> string) and 'back' (int64 -> string) use topic 'in'")));
}

TEST(TopologyCreate, TakesTwoSinksOfOneTypeOnOneTopic) {
  Graph graph;
  const NodeIndex source = graph.source("in");
  graph.sink("first", "out", {source});
  graph.sink("second", "out", {source});
  EXPECT_TRUE(graph.create().ok());
}

TEST(TopologyCreate, FollowsKeyTypesThroughProcessorsThatKeepKeys) {
  Graph graph;
  const NodeIndex keeps = graph.processor("keeps", {graph.source("in", type_info<int64_t>())});
  graph.node(keeps).keeps_key = true;
  const NodeIndex opaque = graph.processor("opaque", {keeps});
  graph.sink("fits", "fits", {opaque});
  const NodeIndex wrong = graph.sink("write", "out", {keeps});
  EXPECT_THAT(fault_of(graph),
              HasSubstr("'keeps' forwards keys of type int64 but node 'write' takes string"));
  graph.node(wrong).topic.key = type_info<int64_t>();
  EXPECT_TRUE(graph.create().ok());
}

TEST(TopologyCreate, RefusesValuesOfAnotherTypeOnADirectEdge) {
  Graph graph;
  graph.sink("write", "out", {graph.source("in")}, type_info<std::string>(), type_info<int32_t>());
  EXPECT_THAT(fault_of(graph),
              HasSubstr("'in' forwards values of type string but node 'write' takes int32"));
}

TEST(TopologyCreate, ChecksTheKeyTypeOfStoresReadAtTheKey) {
  Graph graph;
  graph.store("rows");
  const NodeIndex lookup =
      graph.processor("lookup", {graph.source("in", type_info<int64_t>())}, {"rows"});
  EXPECT_TRUE(graph.create().ok());
  graph.node(lookup).reads_at_key = {"rows"};
  EXPECT_THAT(fault_of(graph), HasSubstr("'lookup' reads store 'rows', whose keys are string"));
  graph.node(lookup).stores.clear();
  EXPECT_THAT(fault_of(graph),
              HasSubstr("node 'lookup' reads store 'rows' at its key but does not use it"));
}

TEST(InternalTopics, AreNamedAfterApplicationAndPart) {
  EXPECT_EQ(exchange_topic_name("app", "by-owner"), "app-by-owner-exchange");
  EXPECT_EQ(changelog_topic_name("app", "totals"), "app-totals-changelog");
  const std::string longest = changelog_topic_name(std::string(kApplicationIdLengthMax, 'a'),
                                                   std::string(kNameLengthMax, 'b'));
  EXPECT_LE(longest.size(), kTopicNameLengthMax);
}

}  // namespace millrace::topology_test
