#include "engine/queries/min_position.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/core/partitioner.h"
#include "millrace/operators.h"

#include "engine/base/hexadecimal.h"
#include "engine/client/position_token.h"
#include "small_topologies.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::min_position_test {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST(PositionToken, KeepsThePosition) {
  const NextOffsets next{{{"crm.accounts", 3}, 120}, {{"a_b-c", 0}, 1}, {{"empty", 0}, 0}};
  const auto read = parse_position_token(position_token(next));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(*read, (NextOffsets{{{"crm.accounts", 3}, 120}, {{"a_b-c", 0}, 1}}));
  EXPECT_EQ(position_token({}), "");
  EXPECT_TRUE(parse_position_token("")->empty());
}

TEST(PositionToken, NonsenseIsAnError) {
  for (const char* token : {"a", "a:1", "a:1:", "a::1", ":1:1", "a:-1:1", "a:1:-1", "a:1:1:1", ",",
                            "a:1:1x", "a b:1:1", "a:1:99999999999999999999", "a:9999999999:1"}) {
    EXPECT_EQ(parse_position_token(token).code(), ErrorCode::kInvalidArgument) << token;
  }
  EXPECT_FALSE(parse_position_token(std::string(kPositionTokenLengthMax + 1, 'a')).ok());
}

TEST(PositionToken, TheLatestOfTwoPositionsCounts) {
  NextOffsets position{{{"t", 0}, 5}};
  include(position, {{{"t", 0}, 3}, {{"t", 1}, 7}});
  EXPECT_EQ(position, (NextOffsets{{{"t", 0}, 5}, {{"t", 1}, 7}}));
  EXPECT_TRUE(includes(position, {{{"t", 0}, 5}, {{"u", 0}, 0}}));
  EXPECT_FALSE(includes(position, {{{"t", 0}, 6}}));
  EXPECT_FALSE(includes(position, {{{"u", 0}, 1}}));
}

std::string_view same(std::string_view value) {
  return value;
}

/// left → exchange by value → exchange by value again, with other partitions → count by value
Result<Topology> counting_behind_exchanges() {
  TopologyBuilder builder{"behind"};
  builder.stream(kLeft)
      .key_by(same)
      .exchange(ExchangeOptions{.name = "by-value", .partitions = 3})
      .key_by(same)
      .exchange(ExchangeOptions{.name = "again", .partitions = 5})
      .group_by_key()
      .count("rows");
  return std::move(builder).build();
}

/// The same, but the last exchange leads back into the sub-topology that it comes from, whose two
/// halves share a store.
Result<Topology> counting_behind_an_inner_exchange() {
  const auto hand_on = [](ProcessorContext& context, const Record& record) {
    context.forward(record);
  };
  std::vector<Node> nodes(6);
  const auto text = type_info<std::string>();
  const auto step = [&](size_t index, std::string name, auto process,
                        std::vector<std::string> stores) {
    nodes[index].name = std::move(name);
    nodes[index].factory = [process] {
      return std::make_unique<ScriptedProcessor>(nullptr, process, nullptr, nullptr, nullptr);
    };
    nodes[index].stores = std::move(stores);
  };
  const auto link = [&](NodeIndex from, NodeIndex to) {
    nodes[from].children.push_back(to);
    nodes[to].parents.push_back(from);
  };
  const auto by_value = [](ProcessorContext& context, const Record& record) {
    Record keyed = record;
    keyed.key = record.value;
    context.forward(keyed);
  };
  nodes[0].name = "left-in";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {"left", text, text};
  nodes[1].name = "by-key";
  nodes[1].kind = NodeKind::kExchange;
  nodes[1].topic = {"by-key", text, text};
  nodes[1].partitions = 3;
  step(2, "first-half", by_value, {"rows"});
  nodes[3].name = "by-value";
  nodes[3].kind = NodeKind::kExchange;
  nodes[3].topic = {"by-value", text, text};
  step(4, "second-half", count_up, {"rows"});
  step(5, "end", hand_on, {});
  for (NodeIndex i = 0; i < 5; ++i) link(i, i + 1);
  std::vector<StoreSpec> stores;
  stores.push_back({.name = "rows", .key = text, .value = text});
  return Topology::create("inner", std::move(nodes), std::move(stores), {});
}

class MinPositionTest : public ServedCluster {
 protected:
  MinPositionTest() : MinPositionTest(counting_behind_exchanges) {}
  explicit MinPositionTest(std::function<Result<Topology>()> topology)
      : ServedCluster(std::move(topology), 2) {}

  struct Answer {
    int status = 0;
    std::string position;
    Json body;
  };
  Answer ask(const std::string& name, const std::string& target) const {
    const Reply reply = fetch(name, target);
    return {reply.status, reply.position, Json::parse(reply.body, nullptr, false)};
  }
  /// Writes a record, and returns the token for its acknowledgement.
  std::string write(const std::string& key, const std::string& value) {
    const TopicPartition partition{"left", partition_of(Bytes(key), 2)};
    cluster_.pipe(partition.topic, key, value);
    const Answer token =
        ask("a", "/v1/token?topic=left&partition=" + std::to_string(partition.partition) +
                     "&offset=" + std::to_string(written_[partition]++));
    EXPECT_EQ(token.status, 200);
    return token.body["token"];
  }
  void write_and_read(const std::function<std::string(int)>& shown) {
    for (const char* name : {"a", "b", "c"}) start(name);
    settle();
    std::atomic<bool> is_over = false;
    std::jthread turns([&] {
      while (!is_over) ASSERT_TRUE(cluster_.turn().ok());
    });
    std::map<std::string, int> counts;
    for (int i = 0; i < 60 && !HasFailure(); ++i) {
      const std::string value = "v" + std::to_string(i % 7);
      const std::string token = write("k" + std::to_string(i), value);
      const std::string name(1, static_cast<char>('a' + i % 3));
      const Answer answer =
          ask(name, "/v1/stores/rows?format=hex&key=" + value + "&min_position=" + token);
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body["value_hex"], shown(++counts[value])) << i;
      EXPECT_FALSE(answer.position.empty());
      const Answer again =
          ask("a", "/v1/stores/rows?format=hex&key=" + value + "&min_position=" + answer.position);
      EXPECT_EQ(again.status, 200) << again.body;
    }
    is_over = true;
  }

  std::map<TopicPartition, int64_t> written_;
};

class InnerExchangeTest : public MinPositionTest {
 protected:
  InnerExchangeTest() : MinPositionTest(counting_behind_an_inner_exchange) {}
};

TEST_F(MinPositionTest, AnAnswerIncludesWhatItsCallerWrote) {
  write_and_read([](int count) { return fmt::format("{:016x}", count); });
}

TEST_F(InnerExchangeTest, AnAnswerIncludesWhatItsCallerWrote) {
  write_and_read([](int count) { return hexadecimal(std::to_string(count)); });
}

TEST_F(MinPositionTest, WhatWasNotReadInTimeIsA503) {
  answer_timeout_ms_ = 500;
  start("a");
  settle();
  const std::string token = write("k", "v");
  const Answer answer = ask("a", "/v1/stores/rows?key=v&min_position=" + token);
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body["error"].get<std::string>(), HasSubstr("left"));
}

TEST_F(MinPositionTest, APositionThatNobodyWroteIsNotWaitedFor) {
  start("a");
  settle();
  write("k", "v");
  settle();
  const Answer answer = ask("a", "/v1/stores/rows/rows?min_position=left:0:1000000");
  EXPECT_EQ(answer.status, 400) << answer.body;
  EXPECT_THAT(answer.body["error"].get<std::string>(), HasSubstr("left/0 ends at"));
}

TEST_F(MinPositionTest, APositionOfOtherTopicsIsRefused) {
  start("a");
  settle();
  for (const char* token : {"other:0:5", "left:2:5", "left", "left:0"}) {
    EXPECT_EQ(ask("a", std::string("/v1/stores/rows?key=v&min_position=") + token).status, 400)
        << token;
  }
  EXPECT_EQ(ask("a", "/v1/token?topic=a%20b&partition=0&offset=0").status, 400);
  EXPECT_EQ(ask("a", "/v1/token?topic=left&partition=0&offset=-1").status, 400);
}

}  // namespace millrace::engine::min_position_test
