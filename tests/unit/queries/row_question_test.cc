#include "engine/queries/row_question.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"

#include "engine/queries/cbor.h"
#include "engine/queries/watch_question.h"
#include "tests/unit/mutator.h"

namespace millrace::engine::row_question_test {

TEST(RowQuestion, KeepsAnyBytesAndAbsentBounds) {
  RowQuestion question{.store = "rows", .task = {1, 2}, .key = std::string("\0\xff k", 4)};
  question.bounds = {true, 5, 7};
  const auto read = decode_question(encode_question(question));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->store, "rows");
  EXPECT_EQ(read->task, (TaskId{1, 2}));
  EXPECT_EQ(read->key, question.key);
  EXPECT_FALSE(read->from);
  EXPECT_FALSE(read->to);
  EXPECT_TRUE(read->bounds.may_be_standby);
  EXPECT_EQ(read->bounds.lag_records_max, 5);
  EXPECT_EQ(read->bounds.lag_ms_max, 7);
}

TEST(RowReply, KeepsRowsAndPosition) {
  RowReply reply;
  reply.position.task = {1, 2};
  reply.position.instance = "a";
  reply.position.inputs[{"t", 3}] = 4;
  reply.position.is_standby = true;
  reply.position.lag_records = 9;
  reply.rows = {{"k", std::string("\0v", 2), 5}, {"", "", -1}};
  reply.has_more = true;
  const auto read = decode_reply(encode_reply(reply));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->position.task, (TaskId{1, 2}));
  EXPECT_EQ(read->position.instance, "a");
  EXPECT_EQ(read->position.inputs, reply.position.inputs);
  EXPECT_TRUE(read->position.is_standby);
  EXPECT_EQ(read->position.lag_records, 9);
  ASSERT_EQ(read->rows.size(), 2U);
  EXPECT_EQ(read->rows[0].value, reply.rows[0].value);
  EXPECT_EQ(read->rows[1].timestamp_ms, -1);
  EXPECT_TRUE(read->has_more);
}

TEST(RowReply, DamagedBytesAreErrors) {
  RowReply reply;
  reply.position.task = {1, 2};
  reply.position.inputs[{"t", 3}] = 4;
  reply.rows = {{"k", "value", 5}};
  const std::string answered = encode_reply(reply);
  const std::string asked = encode_question({.store = "rows", .task = {1, 2}, .key = "k"});
  Mutator mutator(7);
  size_t replies = 0;
  size_t questions = 0;
  for (int i = 0; i < 50'000; ++i) {
    if (const auto read = decode_reply(mutator.mutate(answered, asked).value_or("")); read.ok()) {
      ++replies;
      for (const auto& [partition, offset] : read->position.inputs) {
        EXPECT_TRUE(is_legal_name(partition.topic, kTopicNameLengthMax)) << "part of a header";
        EXPECT_GE(partition.partition, 0);
        EXPECT_GE(offset, -1);
      }
    }
    if (const auto read = decode_question(mutator.mutate(asked, answered).value_or(""));
        read.ok()) {
      ++questions;
      EXPECT_GE(read->task.sub_topology, 0);
      EXPECT_GE(read->task.partition, 0);
      EXPECT_GE(read->bounds.lag_ms_max, 0);
    }
  }
  EXPECT_GT(replies, 1'000U);
  EXPECT_GT(questions, 1'000U);
  EXPECT_EQ(decode_reply("").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(decode_question("{}").code(), ErrorCode::kInvalidArgument);
}

std::string item(const nlohmann::json& value) {
  return cbor::to_text(value);
}

TEST(RowQuestion, ANumberOfAnotherRangeIsNoTask) {
  const std::string asked = encode_question({.store = "rows", .task = {1, 77}});
  const std::string sound = item("partition") + item(77);
  for (const nlohmann::json& other :
       {nlohmann::json(-1), nlohmann::json(int64_t{1} << 32 | 77), nlohmann::json(77.0),
        nlohmann::json(UINT64_MAX), nlohmann::json("77")}) {
    std::string forged = asked;
    const size_t at = forged.find(sound);
    ASSERT_NE(at, std::string::npos);
    forged.replace(at, sound.size(), item("partition") + item(other));
    EXPECT_EQ(decode_question(forged).code(), ErrorCode::kInvalidArgument) << other;
  }
}

// One list in another, of one member each.
TEST(RowQuestion, NoDepthExhaustsTheStack) {
  for (const size_t depth : {size_t{8}, kRowReplyBytesMax}) {
    const std::string deep = std::string(depth, '\x81') + "\x01";
    const std::string inside = "\xa1" + item("store") + deep;
    for (const std::string& bytes : {deep, inside}) {
      EXPECT_EQ(decode_question(bytes).code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(decode_reply(bytes).code(), ErrorCode::kInvalidRecord);
      EXPECT_EQ(decode_watch(bytes).code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(decode_changes(bytes, 1).code(), ErrorCode::kInvalidRecord);
    }
  }
}

TEST(StandbyBounds, AllowOnlyStatesThatAreRecentEnough) {
  StatePosition active;
  StatePosition standby;
  standby.is_standby = true;
  standby.lag_records = 10;
  standby.lag_ms = 100;
  EXPECT_TRUE(StandbyBounds().allow(active));
  EXPECT_FALSE(StandbyBounds().allow(standby));
  EXPECT_TRUE((StandbyBounds{true, 10, 100}.allow(standby)));
  EXPECT_FALSE((StandbyBounds{true, 9, 100}.allow(standby)));
  EXPECT_FALSE((StandbyBounds{true, 10, 99}.allow(standby)));
  standby.lag_records = -1;
  EXPECT_TRUE((StandbyBounds{true, INT64_MAX, 100}.allow(standby)));
  EXPECT_FALSE((StandbyBounds{true, 10, 100}.allow(standby))) << "unknown may be more";
}

}  // namespace millrace::engine::row_question_test
