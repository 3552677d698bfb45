#include <gtest/gtest.h>

#include "millrace/operators/joined.h"

namespace millrace::pair_codec_test {

std::string encoded(Bytes first, Bytes second) {
  std::string bytes;
  encode_pair({first, second}, bytes);
  return bytes;
}

TEST(PairCodec, RoundTripsNullsEmptiesAndEveryPadding) {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  for (size_t first = 0; first <= 17; ++first) {
    for (size_t second = 0; second <= 9; ++second) {
      // Size 0 stands for null once, for empty once.
      for (const bool null_first : {false, true}) {
        for (const bool null_second : {false, true}) {
          const Bytes a = null_first ? Bytes() : Bytes(text.data(), first);
          const Bytes b = null_second ? Bytes() : Bytes(text.data() + 3, second);
          const std::string bytes = encoded(a, b);
          ASSERT_TRUE(validate_pair(bytes).ok());
          EXPECT_EQ(decode_pair(bytes).first, a);
          EXPECT_EQ(decode_pair(bytes).second, b);
        }
      }
    }
  }
}

TEST(PairCodec, StartsBothPartsAtEightByteBoundaries) {
  const std::string bytes = encoded("abc", "defgh");
  const BytesPair pair = decode_pair(bytes);
  EXPECT_EQ((pair.first.data() - bytes.data()) % 8, 0);
  EXPECT_EQ((pair.second.data() - bytes.data()) % 8, 0);
}

TEST(PairCodec, HasAFixedLayout) {
  EXPECT_EQ(encoded("abc", "d"), std::string("\1\3\0\0\3\0\0\0abc\0\0\0\0\0d", 17));
  EXPECT_EQ(encoded(Bytes(), "d"), std::string("\1\2\0\0\0\0\0\0d", 9));
  EXPECT_EQ(encoded("abc", Bytes()), std::string("\1\1\0\0\3\0\0\0abc", 11));
}

TEST(PairCodec, RefusesEveryTruncationOfAPairWithoutSecondPart) {
  const std::string bytes = encoded("abc", Bytes());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(validate_pair(Bytes(bytes.data(), size)).ok()) << size;
  }
}

TEST(PairCodec, RefusesDamage) {
  std::string format = encoded("abc", "d");
  format[0] = 2;
  std::string flags = encoded("abc", "d");
  flags[1] = 7;
  std::string size = encoded("abc", "d");
  size[7] = '\xff';
  std::string absent_but_sized = encoded("abc", "d");
  absent_but_sized[1] = 2;
  for (const std::string& bytes : {format, flags, size, absent_but_sized}) {
    EXPECT_EQ(validate_pair(bytes).code(), ErrorCode::kInvalidRecord);
  }
}

TEST(PairCodec, ValidatesThePartsOfAChange) {
  using IntChange = Serde<Change<int64_t>>;
  EXPECT_TRUE(IntChange::validate(encoded(Bytes(), "12345678")).ok());
  EXPECT_FALSE(IntChange::validate(encoded("123", "12345678")).ok());
  EXPECT_FALSE(IntChange::validate(encoded("12345678", "123")).ok());
  EXPECT_EQ(IntChange::name(), "change<int64>");
}

TEST(PairCodec, HoldsBothSidesOfAJoin) {
  using Both = Serde<Joined<std::string, int64_t>>;
  std::string bytes;
  Both::encode({"left", 7}, bytes);
  ASSERT_TRUE(Both::validate(bytes).ok());
  EXPECT_EQ(Both::view(bytes).left, "left");
  EXPECT_EQ(Both::view(bytes).right, 7);
  using Type = Joined<std::string, int64_t>;
  EXPECT_EQ(*type_info<Type>().json(Bytes(bytes)), R"({"left":"left","right":7})");
  EXPECT_FALSE(Both::validate(encoded("left", Bytes())).ok());
  EXPECT_EQ(Both::name(), "joined<string,int64>");
}

}  // namespace millrace::pair_codec_test
