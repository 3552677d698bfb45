#include "millrace/core/result.h"

#include <gtest/gtest.h>

namespace millrace::result_test {

Result<int> half(int value) {
  if (value % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return value / 2;
}

Status check_half(int value) {
  MILLRACE_RETURN_IF_ERROR(half(value).status());
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(*half(4), 2);
  EXPECT_TRUE(half(4).status().ok());
  EXPECT_FALSE(half(3).ok());
  EXPECT_EQ(half(3).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(half(3).message(), "odd");
}

TEST(Result, MovesItsValueOut) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
}

TEST(ResultDeathTest, AssertsWhenAValueIsTakenFromAnError) {
  EXPECT_DEATH(half(3).value(), "value\\(\\) of a failed result");
  EXPECT_DEATH(static_cast<void>(Status().error()), "error\\(\\) of a status that is ok");
}

TEST(Status, CopiesItsError) {
  const Status first = Error{ErrorCode::kFenced, "somebody newer"};
  Status second = first;
  EXPECT_EQ(second.code(), ErrorCode::kFenced);
  EXPECT_EQ(second.message(), first.message());
  second = Status();
  EXPECT_TRUE(second.ok());
  EXPECT_FALSE(first.ok());
}

TEST(Status, PassesThroughTheMacro) {
  EXPECT_TRUE(check_half(2).ok());
  EXPECT_EQ(check_half(1).code(), ErrorCode::kInvalidArgument);
}

TEST(ErrorCode, HasAStableName) {
  EXPECT_EQ(to_string(ErrorCode::kStoreIo), "store_io");
  EXPECT_EQ(to_string(ErrorCode::kInvalidRecord), "invalid_record");
}

}  // namespace millrace::result_test
