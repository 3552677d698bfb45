#include "engine/queries/watch_question.h"

#include <gmock/gmock.h>

#include "tests/unit/mutator.h"

namespace millrace::engine::watch_question_test {

using ::testing::ElementsAre;

WatchQuestion question() {
  return {.changes = {.origin = "o",
                      .ranges = {{{{1, 2}, "rows", std::string("\0\xff", 2), "b"}, 7},
                                 {{{0, 0}, "others", "", std::nullopt}, -1}}},
          .wait_ms = 500};
}

TEST(WatchQuestion, KeepsAnyBytesAndAbsentBounds) {
  const auto read = decode_watch(encode_watch(question()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->wait_ms, 500);
  EXPECT_EQ(read->changes.origin, "o");
  ASSERT_EQ(read->changes.ranges.size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->changes.ranges[i].rows, question().changes.ranges[i].rows);
    EXPECT_EQ(read->changes.ranges[i].after, question().changes.ranges[i].after);
  }
}

TEST(WatchQuestion, AWaitWithoutEndIsRefused) {
  WatchQuestion patient = question();
  patient.wait_ms = 1'000'000;
  EXPECT_EQ(decode_watch(encode_watch(patient)).code(), ErrorCode::kInvalidArgument);
}

TEST(ChangeReply, KeepsItsPlacesAndNoneBeyondTheQuestion) {
  const ChangeReply reply{.origin = "o", .now = 9, .changed = {1}, .absent = {0}};
  const auto read = decode_changes(encode_changes(reply), 2);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->origin, "o");
  EXPECT_EQ(read->now, 9);
  EXPECT_THAT(read->changed, ElementsAre(1));
  EXPECT_THAT(read->absent, ElementsAre(0));
  EXPECT_EQ(decode_changes(encode_changes(reply), 1).code(), ErrorCode::kInvalidRecord);
}

TEST(WatchQuestion, DamagedBytesAreErrors) {
  const std::string asked = encode_watch(question());
  const std::string answered =
      encode_changes({.origin = "o", .now = 9, .changed = {1}, .absent = {0}});
  Mutator mutator(1);
  size_t questions = 0;
  size_t answers = 0;
  for (int i = 0; i < 50'000; ++i) {
    const auto read = decode_watch(mutator.mutate(asked, answered).value_or(""));
    questions += read.ok() ? 1 : 0;
    for (const auto& range : read.ok() ? read->changes.ranges : question().changes.ranges) {
      EXPECT_GE(range.rows.task.sub_topology, 0);
      EXPECT_GE(range.rows.task.partition, 0);
    }
    const auto reply = decode_changes(mutator.mutate(answered, asked).value_or(""), 2);
    if (!reply.ok()) continue;
    ++answers;
    for (const uint32_t place : reply->changed) EXPECT_LT(place, 2);
    for (const uint32_t place : reply->absent) EXPECT_LT(place, 2);
  }
  EXPECT_GT(questions, 1'000U);
  EXPECT_GT(answers, 1'000U);
  EXPECT_EQ(decode_watch("").code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(decode_changes("{}", 2).code(), ErrorCode::kInvalidRecord);
}

}  // namespace millrace::engine::watch_question_test
