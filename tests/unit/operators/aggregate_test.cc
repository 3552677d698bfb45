#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::aggregate_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kIn{"in"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, std::string> kTexts{"texts"};

int64_t add(int64_t value, Maybe<int64_t> total) {
  return (total ? *total : 0) + value;
}

template <class F>
Result<Topology> from_stream(F define) {
  TopologyBuilder builder{"test"};
  define(builder.stream(kIn));
  return std::move(builder).build();
}

TEST(Aggregate, SumsPerKeyWithTheLargerTimestamp) {
  Harness harness(from_stream([](const auto& in) { in.aggregate("sums", add).to(kOut); }));
  harness.pipe(kIn, "a", 1, 10);
  harness.pipe(kIn, "a", 2, 5);
  harness.pipe(kIn, "b", 7, 6);
  harness.pipe(kIn, "a", 3, 20);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"a", 1, 10}, Number{"a", 3, 10},
                                              Number{"b", 7, 6}, Number{"a", 6, 20}));
  EXPECT_EQ(harness.store("sums").at("a").second, 20);
}

TEST(Aggregate, DropsNullKeysAndNullValues) {
  Harness harness(from_stream([](const auto& in) { in.aggregate("sums", add).to(kOut); }));
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe_raw("in", std::nullopt, Harness::encoded<int64_t>(1));
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  EXPECT_EQ(harness.dropped("null_value"), 1);
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

TEST(Aggregate, StartsFromAnInitialValueOrFunction) {
  const auto append = [](std::string_view key, int64_t value, std::string_view text) {
    return std::string(text) + std::string(key) + std::to_string(value);
  };
  for (const bool by_function : {false, true}) {
    Harness harness(from_stream([&](const auto& in) {
      if (by_function) {
        in.aggregate(
              "texts", [] { return std::string(">"); }, append)
            .to(kTexts);
      } else {
        in.aggregate("texts", ">", append).to(kTexts);
      }
    }));
    harness.pipe(kIn, "a", 1);
    harness.pipe(kIn, "a", 2);
    EXPECT_THAT(harness.read(kTexts), ElementsAre(Text{"a", ">a1", 0}, Text{"a", ">a1a2", 0}));
  }
}

TEST(Aggregate, WritesBytesInPlaceWhenAsked) {
  Harness harness(from_stream([](const auto& in) {
    in.template aggregate<std::string>("texts", [](int64_t value, Maybe<std::string> text,
                                                   std::string& out) {
        if (text) out += *text;
        out += static_cast<char>('0' + value);
        return value != 9;
      }).to(kTexts);
  }));
  harness.pipe(kIn, "a", 1, 1);
  harness.pipe(kIn, "a", 2, 2);
  harness.pipe(kIn, "a", 9, 3);
  harness.pipe(kIn, "a", 9, 4);
  harness.pipe(kIn, "a", 3, 5);
  EXPECT_THAT(harness.read(kTexts), ElementsAre(Text{"a", "1", 1}, Text{"a", "12", 2},
                                                Text{"a", std::nullopt, 3}, Text{"a", "3", 5}));
}

TEST(Aggregate, DeletesOnAnEmptyOptional) {
  Harness harness(from_stream([](const auto& in) {
    in.aggregate("sums", 0L, [](int64_t value, int64_t total) -> std::optional<int64_t> {
        if (value == 0) return std::nullopt;
        return total + value;
      }).to(kOut);
  }));
  harness.pipe(kIn, "a", 0, 1);
  EXPECT_THAT(harness.read(kOut), IsEmpty());
  harness.pipe(kIn, "a", 5, 2);
  harness.pipe(kIn, "a", 0, 1);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"a", 5, 2}, Number{"a", std::nullopt, 2}));
  EXPECT_THAT(harness.store("sums"), IsEmpty());
}

TEST(Reduce, TakesTheFirstValueAsItIs) {
  Harness harness(from_stream([](const auto& in) {
    in.group_by_key()
        .reduce("largest", [](int64_t a, int64_t b) { return std::max(a, b); })
        .to(kOut);
  }));
  for (const int64_t value : {3, 1, 5}) harness.pipe(kIn, "a", value, value);
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Number{"a", 3, 3}, Number{"a", 3, 3}, Number{"a", 5, 5}));
}

TEST(Count, CountsRecordsOfANewKeyAsAModelDoes) {
  for (const auto mode : {testing::ExchangeMode::kLocal, testing::ExchangeMode::kDelayed}) {
    Harness harness(
        from_stream([](const auto& in) {
          in.group_by([](int64_t value) { return std::to_string(value % 3); }).count("n").to(kOut);
        }),
        mode);
    std::mt19937 random(7);
    std::map<std::string, int64_t> model;
    for (int i = 0; i < 500; ++i) {
      const int64_t value = static_cast<int64_t>(random() % 1000);
      harness.pipe(kIn, std::to_string(random() % 10), value, i);
      const std::string group = std::to_string(value % 3);
      EXPECT_THAT(harness.read(kOut), ElementsAre(Number{group, ++model[group], i}));
    }
  }
}

}  // namespace millrace::aggregate_test
