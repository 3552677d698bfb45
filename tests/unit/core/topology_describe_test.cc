#include <gtest/gtest.h>

#include "millrace/core/topology.h"

#include "graph.h"

namespace millrace::topology_describe_test {

Topology example() {
  testing::Graph graph;
  graph.store("totals");
  const NodeIndex sum = graph.processor("sum", {graph.source("in")}, {"totals"});
  const NodeIndex moved = graph.exchange("by-owner", {sum}, 8);
  graph.node(graph.sink("write", "out", {moved})).coalesce = true;
  return graph.create().value();
}

TEST(TopologyDescribe, ListsNodesEdgesAndStores) {
  EXPECT_EQ(example().describe(),
            "topology test\n"
            "  source in [topic: in (string -> string)]\n"
            "    -> sum\n"
            "  processor sum [stores: totals]\n"
            "    -> by-owner-node\n"
            "  exchange by-owner-node [through: by-owner (string -> string), 8 partitions]\n"
            "    -> write\n"
            "  sink write [topic: out (string -> string), latest row per key and commit]\n"
            "  store totals [string -> string]\n");
}

TEST(TopologyDescribe, DrawsAMermaidFlowchart) {
  EXPECT_EQ(example().describe_mermaid(),
            "flowchart TD\n"
            "  n0[/\"in\"/]\n"
            "  n1[\"sum\"]\n"
            "  n2{{\"by-owner (exchange)\"}}\n"
            "  n3[\\\"out\"\\]\n"
            "  s0[(\"totals\")]\n"
            "  n0 --> n1\n"
            "  n1 --> n2\n"
            "  n1 -.- s0\n"
            "  n2 --> n3\n");
}

}  // namespace millrace::topology_describe_test
