#include "engine/queries/row_question.h"

#include <random>

#include <gtest/gtest.h>

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
  reply.rows = {{"k", "value", 5}};
  const std::string sound = encode_reply(reply);
  const std::string asked = encode_question({.store = "rows", .task = {1, 2}});
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = i % 2 == 0 ? sound : asked;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (i % 3 == 0) damaged.resize(random() % damaged.size());
    static_cast<void>(decode_reply(damaged));
    static_cast<void>(decode_question(damaged));
  }
  EXPECT_EQ(decode_reply("").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(decode_question("{}").code(), ErrorCode::kInvalidArgument);
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
