#include "millrace/core/ids.h"

#include <gtest/gtest.h>

namespace millrace::ids_test {

TEST(TaskId, ComesBackFromItsText) {
  const auto id = TaskId::parse(TaskId{3, 17}.to_string());
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(*id, (TaskId{3, 17}));
}

TEST(TaskId, RefusesOtherText) {
  for (const std::string_view text :
       {"", "1", "1_", "_1", "1_2x", "-1_2", "1_-2", "1-2", "99999999999_1", "1_2/..", " 1_2"}) {
    EXPECT_EQ(TaskId::parse(text).code(), ErrorCode::kInvalidArgument) << text;
  }
}

TEST(RecordPosition, NamesTopicPartitionAndOffset) {
  EXPECT_EQ((RecordPosition{"accounts", 3, 42}).to_string(), "accounts/3@42");
  EXPECT_EQ((TopicPartition{"accounts", 3}).to_string(), "accounts/3");
}

}  // namespace millrace::ids_test
