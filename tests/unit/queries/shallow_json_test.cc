#include "engine/base/shallow_json.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::engine::shallow_json_test {

std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

/// An object with so many members.
std::string wide(size_t members) {
  std::string text = "{";
  for (size_t i = 0; i < members; ++i) {
    text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  }
  return text + "}";
}

TEST(ShallowJson, HasAtMostSoManyBracketsInsideEachOther) {
  EXPECT_FALSE(parse_shallow_json(nested(3), 3).is_discarded());
  EXPECT_TRUE(parse_shallow_json(nested(4), 3).is_discarded());
  EXPECT_FALSE(parse_shallow_json(R"([[{}],[{}],{"a":[1]}])", 3).is_discarded());
  EXPECT_TRUE(parse_shallow_json(R"({"a":[{"b":[]}]})", 3).is_discarded());
}

TEST(ShallowJson, BracketsInTextsDoNotCount) {
  const auto json = parse_shallow_json(R"({"a":"[[[[\"{{{{\\"})", 1);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["a"], R"([[[["{{{{\)");
}

TEST(ShallowJson, WhatIsNoJsonIsDiscarded) {
  for (const char* const text : {"", "]", "}}}}", "[1", "\"", "\"\\", "{\"a\"}", ",,,"}) {
    EXPECT_TRUE(parse_shallow_json(text, 8).is_discarded()) << text;
    EXPECT_TRUE(parse_shallow_ordered_json(text, 8).is_discarded()) << text;
  }
}

TEST(ShallowJson, TakesManyObjectsInOneList) {
  std::string text = "[{}";
  for (int i = 1; i < 600'000; ++i) text += ",{}";
  EXPECT_EQ(parse_shallow_json(text + "]", 2).size(), 600'000U);
}

/// Each of them is compared with all before it.
TEST(ShallowJson, WithAnOrderHasAtMostSoManyMembersInAnObject) {
  EXPECT_EQ(parse_shallow_ordered_json(wide(4'096), 1).size(), 4'096U);
  EXPECT_TRUE(parse_shallow_ordered_json(wide(4'097), 1).is_discarded());
  EXPECT_TRUE(parse_shallow_ordered_json("[" + wide(2'000'000) + "]", 2).is_discarded());
  EXPECT_EQ(parse_shallow_json(wide(5'000), 1).size(), 5'000U);
  std::string list = "[0";
  for (int i = 1; i < 5'000; ++i) list += ",0";
  EXPECT_EQ(parse_shallow_ordered_json(list + "]", 1).size(), 5'000U);
}

}  // namespace millrace::engine::shallow_json_test
