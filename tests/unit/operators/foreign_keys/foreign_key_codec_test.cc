#include "millrace/operators/detail/foreign_key_codec.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::operators::foreign_key_codec_test {

using namespace std::string_literals;
using ::testing::HasSubstr;
using ByNumber = Subscription<int64_t>;
using Number = Answer<int64_t>;
using Key = SubscriptionKey<int32_t, int64_t>;

std::string encoded(const ForeignKeyMessage& message) {
  std::string bytes = "before";
  encode_message(message, bytes);
  return bytes;
}

std::string number(int64_t value) {
  std::string bytes;
  Serde<int64_t>::encode(value, bytes);
  return bytes;
}

TEST(ForeignKeyMessages, KeepWhatWasEncoded) {
  for (const std::string& part : {""s, "key"s, "\0\1"s}) {
    const std::string bytes = encoded({true, 0x8877665544332211U, Bytes(part)});
    ASSERT_TRUE(validate_message(Bytes(bytes)).ok());
    EXPECT_EQ(bytes, "\1\1\0\0\0\0\0\0\x11\x22\x33\x44\x55\x66\x77\x88"s + part);
    const ForeignKeyMessage message = decode_message(Bytes(bytes));
    EXPECT_TRUE(message.has_row);
    EXPECT_EQ(message.row_hash, 0x8877665544332211U);
    EXPECT_EQ(message.part, Bytes(part));
  }
  EXPECT_FALSE(decode_message(Bytes(encoded({false, 1, Bytes()}))).has_row);
}

TEST(ForeignKeyMessages, AreRefusedWithAnyOtherHeader) {
  const std::string right = encoded({true, 5, Bytes("part")});
  for (size_t size = 0; size < 16; ++size) {
    EXPECT_FALSE(validate_message(Bytes(right.data(), size)).ok()) << size;
  }
  for (size_t at = 0; at < 8; ++at) {
    std::string wrong = right;
    wrong[at] = '\x7f';
    EXPECT_FALSE(validate_message(Bytes(wrong)).ok()) << at;
  }
}

TEST(ForeignKeyMessages, AreRefusedWithWrongParts) {
  const auto is_subscription = [](const ForeignKeyMessage& message) {
    return Serde<ByNumber>::validate(Bytes(encoded(message))).ok();
  };
  const auto is_answer = [](const ForeignKeyMessage& message) {
    return Serde<Number>::validate(Bytes(encoded(message))).ok();
  };
  const std::string part = number(7);
  EXPECT_TRUE(is_subscription({true, 1, Bytes(part)}));
  EXPECT_TRUE(is_subscription({false, 0, Bytes(part)}));
  EXPECT_FALSE(is_subscription({false, 1, Bytes(part)}));
  EXPECT_FALSE(is_subscription({true, 1, Bytes("seven")}));
  EXPECT_FALSE(is_subscription({true, 1, Bytes("")}));
  EXPECT_TRUE(is_answer({true, 1, Bytes(part)}));
  EXPECT_TRUE(is_answer({false, 1, Bytes()}));
  EXPECT_FALSE(is_answer({false, 1, Bytes(part)}));
  EXPECT_FALSE(is_answer({true, 1, Bytes("seven")}));
  EXPECT_FALSE(is_answer({true, 1, Bytes("")}));
}

TEST(SubscriptionKeys, OfAForeignKeyAreOneGroupWhateverItsBytes) {
  const std::string keys[] = {""s, "a"s, "ab"s, "\0"s, "\1"s, "\0\0"s, "\1\1"s, "\1\2"s, "a\0b"s};
  std::string groups[std::size(keys)];
  for (size_t i = 0; i < std::size(keys); ++i) {
    encode_subscription_group(Bytes(keys[i]), groups[i]);
    EXPECT_EQ(groups[i].find('\0'), groups[i].size() - 1);
  }
  for (size_t i = 0; i < std::size(keys); ++i) {
    for (const std::string& left : keys) {
      std::string key;
      encode_subscription_key(Bytes(keys[i]), Bytes(left), key);
      EXPECT_EQ(left_key_of(Bytes(key)), Bytes(left));
      for (size_t j = 0; j < std::size(keys); ++j) {
        EXPECT_EQ(key.starts_with(groups[j]), i == j) << i << " " << j;
      }
      using Raw = SubscriptionKey<RawBytes, RawBytes>;
      EXPECT_TRUE(Serde<Raw>::validate(Bytes(key)).ok());
    }
  }
}

TEST(SubscriptionKeys, AreRefusedWithOtherBytes) {
  const auto refusal = [](const std::string& bytes) {
    const Status status = Serde<Key>::validate(Bytes(bytes));
    return status.ok() ? "" : status.message();
  };
  const std::string foreign = "abcd";  // an int32
  EXPECT_EQ(refusal(foreign + "\0"s + number(7)), "");
  EXPECT_EQ(refusal("ab\1\1\1\2\0"s + number(7)), "");
  EXPECT_THAT(refusal(""), HasSubstr("no left key"));
  EXPECT_THAT(refusal(foreign), HasSubstr("no left key"));
  EXPECT_THAT(refusal("abc\1\0"s + number(7)), HasSubstr("unknown escape"));
  EXPECT_THAT(refusal("abc\1\3\0"s + number(7)), HasSubstr("unknown escape"));
  EXPECT_THAT(refusal("abc\0"s + number(7)), HasSubstr("int32"));
  EXPECT_THAT(refusal(foreign + "\0seven"s), HasSubstr("int64"));
}

}  // namespace millrace::operators::foreign_key_codec_test
