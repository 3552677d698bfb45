#include "engine/queries/min_position.h"

#include <atomic>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/core/partitioner.h"
#include "millrace/operators.h"

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

class MinPositionTest : public ServedCluster {
 protected:
  MinPositionTest() : ServedCluster(counting_behind_exchanges, 2) {}

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
  std::map<TopicPartition, int64_t> written_;
};

TEST_F(MinPositionTest, AnAnswerIncludesWhatItsCallerWrote) {
  for (const char* name : {"a", "b", "c"}) start(name);
  settle();
  std::atomic<bool> is_over = false;
  std::jthread turns([&] {
    while (!is_over) ASSERT_TRUE(cluster_.turn().ok());
  });
  std::map<std::string, int> counts;
  for (int i = 0; i < 60; ++i) {
    const std::string value = "v" + std::to_string(i % 7);
    const std::string token = write("k" + std::to_string(i), value);
    const std::string name(1, static_cast<char>('a' + i % 3));
    const Answer answer = ask(name, "/v1/stores/rows?key=" + value + "&min_position=" + token);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body["value_hex"], fmt::format("{:016x}", ++counts[value])) << i;
    EXPECT_FALSE(answer.position.empty());
    const Answer again =
        ask("a", "/v1/stores/rows?key=" + value + "&min_position=" + answer.position);
    EXPECT_EQ(again.status, 200) << again.body;
  }
  is_over = true;
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
