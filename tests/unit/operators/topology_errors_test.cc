#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"

namespace millrace::topology_errors_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr Topic<std::string, int64_t> kOutAsNumbers{"out"};

template <class F>
std::string fault_of(F define) {
  TopologyBuilder builder{"test"};
  define(builder);
  const auto topology = std::move(builder).build();
  if (topology.ok()) return "(no error)";
  EXPECT_EQ(topology.code(), ErrorCode::kConfig);
  return topology.message();
}

TEST(TopologyErrors, NameSinksOfDifferentTypes) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                const auto in = builder.stream(kIn);
                in.to(kOut);
                in.group_by_key().count("n").to(kOutAsNumbers);
              }),
              AllOf(HasSubstr("'out.sink' (string -> string)"),
                    HasSubstr("'out.sink-2' (string -> int64)")));
}

TEST(TopologyErrors, NameUnknownAndUnusedStores) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                builder.store<std::string, std::string>("unused");
                builder.stream(kIn).process<std::string, std::string>(
                    "reader",
                    [](std::string_view, std::string_view, Emit<std::string, std::string>&) {},
                    {.stores = {"missing"}});
              }),
              AllOf(HasSubstr("no node uses store 'unused'"),
                    HasSubstr("node 'reader' uses the unknown store 'missing'")));
}

TEST(TopologyErrors, NameStoresUsedForTwoThings) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                const auto in = builder.stream(kIn);
                in.group_by_key().count("same");
                in.to_table("same");
              }),
              HasSubstr("two stores have the name 'same'"));
}

TEST(TopologyErrors, NameWhatKafkaWouldNotTake) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                builder.stream(kIn).group_by_key().count("a/b");
                builder.stream(Topic<std::string, std::string>{"c d"}).to(kOut);
              }),
              AllOf(HasSubstr("'a/b'"), HasSubstr("'c d'")));
}

TEST(TopologyErrors, NameASourceThatNothingReads) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) { builder.stream(kIn); }),
              HasSubstr("source 'in' has no children"));
}

TEST(TopologyErrors, NameAStoreOfAnotherKeyTypeReadAtTheKey) {
  EXPECT_THAT(fault_of([](TopologyBuilder& builder) {
                builder.store<int64_t, std::string>("by-number");
                builder.stream(kIn).process<std::string, std::string>(
                    "reader",
                    [](std::string_view, std::string_view, Emit<std::string, std::string>&) {},
                    {.stores = {"by-number"}, .reads_at_key = {"by-number"}});
              }),
              HasSubstr("node 'reader' reads store 'by-number', whose keys are int64"));
}

TEST(TopologyErrors, DescribesAWholeTopology) {
  TopologyBuilder builder{"activity-counts"};
  builder.stream(kIn)
      .key_by([](std::string_view v) { return v; })
      .group_by_key()
      .count("n")
      .to(Topic<std::string, int64_t>{"counts"});
  EXPECT_EQ(std::move(builder).build().value().describe(),
            "topology activity-counts\n"
            "  source in [topic: in (string -> string)]\n"
            "    -> in.key_by\n"
            "  processor in.key_by\n"
            "    -> n.exchange\n"
            "  exchange n.exchange [through: n (string -> string)]\n"
            "    -> n\n"
            "  processor n [stores: n]\n"
            "    -> counts.sink\n"
            "  sink counts.sink [topic: counts (string -> int64), latest row per key and commit]\n"
            "  store n [string -> int64]\n");
}

}  // namespace millrace::topology_errors_test
