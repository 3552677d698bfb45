#include "millrace/operators/detail/callable.h"

#include <gtest/gtest.h>

namespace millrace::operators::callable_test {

template <class F>
using OnTexts = KeyedCall<F, std::string, TypeList<int64_t>>;

TEST(Callable, TellsWhichNullsAFunctionTakes) {
  const auto views = [](std::string_view, int64_t) {};
  const auto maybe_key = [](Maybe<std::string>, int64_t) {};
  const auto maybe_value = [](std::string_view, Maybe<int64_t>) {};
  const auto only_value = [](int64_t) {};
  const auto only_maybe = [](Maybe<int64_t>) {};
  static_assert(!OnTexts<decltype(views)>::kTakesNullKey);
  static_assert(!OnTexts<decltype(views)>::takes_null_value());
  static_assert(OnTexts<decltype(maybe_key)>::kTakesNullKey);
  static_assert(!OnTexts<decltype(maybe_key)>::takes_null_value());
  static_assert(!OnTexts<decltype(maybe_value)>::kTakesNullKey);
  static_assert(OnTexts<decltype(maybe_value)>::takes_null_value());
  static_assert(OnTexts<decltype(only_value)>::kTakesNullKey);
  static_assert(!OnTexts<decltype(only_value)>::takes_null_value());
  static_assert(OnTexts<decltype(only_maybe)>::takes_null_value());
}

TEST(Callable, RefusesFunctionsOfOtherTypes) {
  struct Other {};
  static_assert(!OnTexts<decltype([](Other) {})>::kFits);
  static_assert(!OnTexts<decltype([](std::string_view, int64_t, int64_t) {})>::kFits);
  static_assert(!OnTexts<decltype([] {})>::kFits);
}

TEST(Callable, EncodesTextFromViewsAndNullsFromOptionals) {
  std::string out = "before";
  EXPECT_TRUE(encode_to<std::string>(std::string_view("view"), out));
  EXPECT_EQ(out, "view");
  EXPECT_TRUE(encode_to<RawBytes>(Bytes("raw"), out));
  EXPECT_EQ(out, "raw");
  EXPECT_FALSE(encode_to<RawBytes>(Bytes(), out));
  EXPECT_FALSE(encode_to<int64_t>(std::optional<int64_t>(), out));
  EXPECT_TRUE(encode_to<int64_t>(std::optional<int64_t>(5), out));
  EXPECT_EQ(Serde<int64_t>::view(out), 5);
}

TEST(Callable, FindsTheSerdeTypeOfAResult) {
  static_assert(std::same_as<OutputType<void, std::string_view>, std::string>);
  static_assert(std::same_as<OutputType<void, std::optional<int64_t>>, int64_t>);
  static_assert(std::same_as<OutputType<void, Bytes>, RawBytes>);
  static_assert(std::same_as<OutputType<RawBytes, std::string>, RawBytes>);
}

TEST(MaybeDeathTest, AssertsWhenANullIsRead) {
  EXPECT_FALSE(Maybe<std::string>());
  EXPECT_DEATH(static_cast<void>(*Maybe<std::string>()), "a null was read");
}

}  // namespace millrace::operators::callable_test
