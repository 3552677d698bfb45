#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::table_aggregate_test {

using ::testing::ElementsAre;
using testing::ExchangeMode;
using testing::Harness;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kIn{"in"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, std::string> kTexts{"texts"};

/// The group of a row: the last digit; rows that end in 9 are in none.
std::optional<std::string> last_digit(int64_t value) {
  if (value % 10 == 9) return std::nullopt;
  return std::to_string(value % 10);
}

template <class F>
Result<Topology> from_groups(F define) {
  TopologyBuilder builder{"test"};
  define(builder.table(kIn).group_by(last_digit));
  return std::move(builder).build();
}

Result<Topology> sums() {
  return from_groups([](const auto& groups) {
    groups
        .aggregate(
            "sums", 0L, [](int64_t value, int64_t sum) { return sum + value; },
            [](int64_t value, int64_t sum) { return sum - value; })
        .to(kOut);
  });
}

/// Writes down what was done in which order.
Result<Topology> journal() {
  return from_groups([](const auto& groups) {
    groups
        .aggregate(
            "journal", "",
            [](int64_t value, std::string_view text) {
              return std::string(text) + "+" + std::to_string(value);
            },
            [](int64_t value, std::string_view text) {
              return std::string(text) + "-" + std::to_string(value);
            })
        .to(kTexts);
  });
}

TEST(TableAggregate, SubtractsTheOldBeforeItAddsTheNewAndEmitsOnce) {
  Harness harness(journal());
  harness.pipe(kIn, "a", 11, 5);
  harness.pipe(kIn, "a", 21, 3);
  EXPECT_THAT(harness.read(kTexts), ElementsAre(Text{"1", "+11", 5}, Text{"1", "+11-11+21", 5}));
}

TEST(TableAggregate, MovesARowFromTheOldGroupFirst) {
  Harness harness(journal());
  harness.pipe(kIn, "a", 11, 5);
  harness.pipe(kIn, "a", 12, 6);
  EXPECT_THAT(harness.read(kTexts),
              ElementsAre(Text{"1", "+11", 5}, Text{"1", "+11-11", 6}, Text{"2", "+12", 6}));
}

TEST(TableAggregate, SubtractsDeletedRowsAndIsSilentAboutUnknownOnes) {
  Harness harness(journal());
  harness.pipe(kIn, "a", std::nullopt, 1);
  EXPECT_THAT(harness.read(kTexts), IsEmpty());
  harness.pipe(kIn, "a", 11, 2);
  harness.pipe(kIn, "a", std::nullopt, 3);
  EXPECT_THAT(harness.read(kTexts), ElementsAre(Text{"1", "+11", 2}, Text{"1", "+11-11", 3}));
}

TEST(TableAggregate, LeavesOutRowsOfNoGroup) {
  Harness harness(journal());
  harness.pipe(kIn, "a", 9, 1);
  EXPECT_THAT(harness.read(kTexts), IsEmpty());
  harness.pipe(kIn, "a", 11, 2);
  harness.pipe(kIn, "a", 19, 3);
  EXPECT_THAT(harness.read(kTexts), ElementsAre(Text{"1", "+11", 2}, Text{"1", "+11-11", 3}));
}

TEST(TableReduce, DeletesAnAggregateOnAnEmptyOptionalAndStartsAgain) {
  Harness harness(from_groups([](const auto& groups) {
    groups
        .reduce(
            "sums", [](int64_t sum, int64_t value) { return sum + value; },
            [](int64_t sum, int64_t value) {
              return sum == value ? std::nullopt : std::optional(sum - value);
            })
        .to(kOut);
  }));
  harness.pipe(kIn, "a", 11);
  harness.pipe(kIn, "a", 21);
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe(kIn, "a", 31);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"1", 11, 0}, Number{"1", 21, 0},
                                              Number{"1", std::nullopt, 0}, Number{"1", 31, 0}));
}

TEST(TableCount, KeepsAGroupThatLostItsLastRow) {
  Harness harness(from_groups([](const auto& groups) { groups.count("n").to(kOut); }));
  harness.pipe(kIn, "a", 11);
  harness.pipe(kIn, "b", 21);
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe(kIn, "b", std::nullopt);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"1", 1, 0}, Number{"1", 2, 0},
                                              Number{"1", 1, 0}, Number{"1", 0, 0}));
}

TEST(TableAggregate, SumsAsAModelDoesAfterEveryChange) {
  for (const ExchangeMode mode : {ExchangeMode::kLocal, ExchangeMode::kDelayed}) {
    Harness harness(sums(), mode);
    std::mt19937 random(11);
    std::map<std::string, int64_t> rows;
    std::map<std::string, int64_t> published;
    for (int i = 0; i < 2000; ++i) {
      const std::string key = std::to_string(random() % 20);
      if (random() % 4 == 0) {
        rows.erase(key);
        harness.pipe(kIn, key, std::nullopt, i);
      } else {
        rows[key] = static_cast<int64_t>(random() % 100);
        harness.pipe(kIn, key, rows[key], i);
      }
      for (const Number& out : harness.read(kOut)) published[*out.key] = *out.value;
      std::map<std::string, int64_t> model;
      for (const auto& [group, sum] : published) model[group] = 0;
      for (const auto& [row, value] : rows) {
        if (const auto group = last_digit(value)) model[*group] += value;
      }
      ASSERT_EQ(published, model) << "after change " << i;
    }
  }
}

}  // namespace millrace::table_aggregate_test
