#include "millrace/core/bytes.h"

#include <gtest/gtest.h>

namespace millrace::bytes_test {

TEST(Bytes, TellsNullFromEmpty) {
  EXPECT_TRUE(Bytes().is_null());
  EXPECT_FALSE(Bytes("").is_null());
  EXPECT_FALSE(Bytes(std::string_view()).is_null());
  EXPECT_NE(Bytes(), Bytes(""));
  EXPECT_TRUE(Bytes("").empty());
}

TEST(Bytes, OrdersByUnsignedBytesWithNullFirst) {
  EXPECT_LT(Bytes(), Bytes(""));
  EXPECT_LT(Bytes("a"), Bytes("ab"));
  EXPECT_LT(Bytes("\x7f"), Bytes("\x80"));
}

TEST(Bytes, KnowsItsPrefixes) {
  EXPECT_TRUE(Bytes("abc").starts_with("ab"));
  EXPECT_TRUE(Bytes("abc").starts_with(Bytes()));
  EXPECT_FALSE(Bytes("a").starts_with("ab"));
}

}  // namespace millrace::bytes_test
