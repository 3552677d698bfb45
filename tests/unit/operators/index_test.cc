// Secondary indexes as a program declares them.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::operators_index_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TopologyDriver;
using ::testing::UnorderedElementsAre;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOther{"other"};
constexpr Topic<std::string, std::string> kOut{"out"};

std::vector<std::string_view> words(std::string_view value) {
  std::vector<std::string_view> found;
  while (!value.empty()) {
    const size_t space = std::min(value.find(' '), value.size());
    found.push_back(value.substr(0, space));
    value.remove_prefix(std::min(space + 1, value.size()));
  }
  return found;
}

template <class F>
Result<Topology> from_table(F define) {
  TopologyBuilder builder{"test"};
  define(builder.table(kIn), builder);
  return std::move(builder).build();
}

template <class Value>
std::vector<std::string> keys_by(TopologyDriver& driver, std::string_view store,
                                 std::string_view index, const Value& value) {
  std::vector<std::string> keys;
  for (const auto& [key, row] : driver.rows_by<std::string, std::string>(store, index, value)) {
    keys.push_back(key);
  }
  return keys;
}

TEST(TableIndex, FindsRowsByOneSeveralOrNoValues) {
  TopologyDriver driver(from_table([](const auto& in, auto&) {
    in.index("words", [](std::string_view value) { return words(value); })
        .index("length", [](std::string_view value) { return static_cast<int64_t>(value.size()); })
        .index("first",
               [](std::string_view key, std::string_view value) {
                 return value.empty() ? std::nullopt : std::optional(key.substr(0, 1));
               })
        .to(kOut);
  }));
  driver.pipe(kIn, "a1", "red blue", 1);
  driver.pipe(kIn, "a2", "blue", 2);
  driver.pipe(kIn, "b", "", 3);
  driver.run();
  EXPECT_THAT(keys_by(driver, "in-table", "words", "blue"), UnorderedElementsAre("a1", "a2"));
  EXPECT_THAT(keys_by(driver, "in-table", "words", "red"), ElementsAre("a1"));
  EXPECT_THAT(keys_by(driver, "in-table", "length", int64_t{0}), ElementsAre("b"));
  EXPECT_THAT(keys_by(driver, "in-table", "first", "a"), UnorderedElementsAre("a1", "a2"));
  EXPECT_THAT(keys_by(driver, "in-table", "first", "b"), IsEmpty());

  driver.pipe(kIn, "a1", "red", 4);
  driver.pipe_tombstone(kIn, "a2", 5);
  driver.run();
  EXPECT_THAT(keys_by(driver, "in-table", "words", "blue"), IsEmpty());
  EXPECT_THAT(keys_by(driver, "in-table", "words", "red"), ElementsAre("a1"));
  driver.crash_and_restart();
  driver.run();
  EXPECT_THAT(keys_by(driver, "in-table", "words", "red"), ElementsAre("a1"));
}

TEST(TableIndex, KeepsTheRowsOfATableThatNoStoreHasYet) {
  TopologyDriver driver(from_table([](const auto& in, auto&) {
    in.filter([](std::string_view value) { return value.size() > 2; })
        .index("words", [](std::string_view value) { return words(value); }, {.store = "long"})
        .to(kOut);
  }));
  driver.pipe(kIn, "a", "xyz", 1);
  driver.pipe(kIn, "b", "x", 2);
  driver.run();
  EXPECT_THAT(keys_by(driver, "long", "words", "xyz"), ElementsAre("a"));
  EXPECT_THAT(keys_by(driver, "long", "words", "x"), IsEmpty());
  driver.pipe(kIn, "a", "y", 3);
  driver.run();
  EXPECT_THAT(keys_by(driver, "long", "words", "xyz"), IsEmpty());
}

TEST(TableIndex, NeedsAStoreAndLegalNames) {
  const auto by_value = [](std::string_view value) { return value; };
  const Result<Topology> storeless = from_table([&](const auto& in, auto&) {
    in.map_values([](std::string_view value) { return std::string(value); })
        .index("by-value", by_value)
        .to(kOut);
  });
  ASSERT_FALSE(storeless.ok());
  EXPECT_THAT(storeless.message(), HasSubstr("index 'by-value' behind node"));
  EXPECT_THAT(storeless.message(), HasSubstr("{.store = \"rows\"}"));
  const Result<Topology> misnamed = from_table([&](const auto& in, auto&) {
    in.index("by value", by_value).index("twice", by_value).index("twice", by_value).to(kOut);
  });
  ASSERT_FALSE(misnamed.ok());
  EXPECT_THAT(misnamed.message(), HasSubstr("an index of store 'in-table': 'by value'"));
  EXPECT_THAT(misnamed.message(), HasSubstr("two indexes of store 'in-table' have the name"));
  const Result<Topology> other_store = from_table(
      [&](const auto& in, auto&) { in.index("by-value", by_value, {.store = "rows"}).to(kOut); });
  ASSERT_FALSE(other_store.ok());
  EXPECT_THAT(other_store.message(), HasSubstr("store 'in-table' keeps the rows"));
}

TEST(TableIndex, StandsOnJoinedTables) {
  TopologyDriver driver(from_table([](const auto& in, auto& builder) {
    in.join(builder.table(kOther),
            [](std::string_view a, std::string_view b) {
              return std::string(a) + " " + std::string(b);
            })
        .index("words", [](std::string_view value) { return words(value); }, {.store = "joined"})
        .to(kOut);
  }));
  driver.pipe(kIn, "a", "left", 1);
  driver.pipe(kOther, "a", "right", 2);
  driver.run();
  EXPECT_THAT(keys_by(driver, "joined", "words", "right"), ElementsAre("a"));
}

}  // namespace millrace::operators_index_test
