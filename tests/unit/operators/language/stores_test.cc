#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/language/steps.h"

namespace millrace::stores_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kIn{"in"};
constexpr TextTopic kMore{"more"};
constexpr TextTopic kOut{"out"};

bool is_open(std::string_view value) {
  return value.starts_with("open");
}

template <class F>
Result<Topology> built(F define) {
  TopologyBuilder builder{"test"};
  define(builder);
  return std::move(builder).build();
}

std::optional<std::string> row_of(Steps& steps, std::string_view store, const std::string& key) {
  return steps.driver().store_bytes(store, Bytes(key));
}

TEST(Materialize, KeepsTheRowsOfAFilterInAStoreOfTheirOwn) {
  Steps step(built([](TopologyBuilder& builder) {
               builder.table(kIn).filter(is_open).materialize("open").to_stream().to(kOut);
             }),
             {kOut});
  EXPECT_THAT(step(kIn, "a", "closed", 1), IsEmpty());
  EXPECT_EQ(row_of(step, "open", "a"), std::nullopt);
  EXPECT_THAT(step(kIn, "a", "open 1", 3), ElementsAre("out a=open 1@3"));
  EXPECT_THAT(step(kIn, "a", "open 2", 2), ElementsAre("out a=open 2@2"));
  EXPECT_EQ(row_of(step, "open", "a"), "open 2");
  EXPECT_THAT(step(kIn, "a", "closed", 4), ElementsAre("out a=null@4"));
  EXPECT_THAT(step(kIn, "a", std::nullopt, 5), IsEmpty());
  EXPECT_EQ(row_of(step, "open", "a"), std::nullopt);
}

TEST(Materialize, KeepsMappedAndJoinedRowsOverRestarts) {
  const auto both = [](std::string_view left, std::string_view right) {
    return std::string(left) + "/" + std::string(right);
  };
  const auto mark = [](std::string_view value) { return "<" + std::string(value) + ">"; };
  Steps step(built([&](TopologyBuilder& builder) {
               const auto marked = builder.table(kIn).map_values(mark).materialize("marked");
               marked.join(builder.table(kMore), both).materialize("joined").to_stream().to(kOut);
             }),
             {kOut});
  step(kIn, "a", "x", 1);
  EXPECT_EQ(row_of(step, "marked", "a"), "<x>");
  EXPECT_THAT(step(kMore, "a", "1", 2), ElementsAre("out a=<x>/1@2"));
  step.driver().crash_and_restart();
  EXPECT_THAT(step(kIn, "a", "y", 3), ElementsAre("out a=<y>/1@3"));
  EXPECT_EQ(row_of(step, "joined", "a"), "<y>/1");
  EXPECT_THAT(step(kMore, "a", std::nullopt, 4), ElementsAre("out a=null@4"));
  EXPECT_EQ(row_of(step, "joined", "a"), std::nullopt);
}

TEST(Materialize, IsWhatReadersOfTheTableRead) {
  TopologyBuilder builder{"test"};
  const auto open = builder.table(kIn).filter(is_open).materialize("open");
  EXPECT_THAT(open.stores(), ElementsAre("open"));
}

/// Does with its store what the record's value says, and emits the answer.
class Commands final : public TypedProcessor<std::string, std::string, std::string, std::string> {
  void on_start() override { rows_.emplace(store<std::string, std::string>("rows")); }
  void on_record(Maybe<std::string> key, Maybe<std::string> value, const Record& record) override {
    const TypedRow<std::string> row = *value == "remove"
                                          ? rows_->remove(*key, record.timestamp_ms)
                                          : rows_->put_if_absent(*key, *value, record.timestamp_ms);
    emit()(*key, row ? std::string(*row) + " of " + std::to_string(row.timestamp_ms) : "none");
  }
  std::optional<TypedStore<std::string, std::string>> rows_;
};

TEST(TypedStore, RemovesARowAndReturnsItAndPutsOnlyWhatIsAbsent) {
  Steps step(built([](TopologyBuilder& builder) {
               builder.store<std::string, std::string>("rows");
               builder.stream(kIn)
                   .process("commands", [] { return std::make_unique<Commands>(); },
                            {.stores = {"rows"}})
                   .to(kOut);
             }),
             {kOut});
  EXPECT_THAT(step(kIn, "a", "remove", 1), ElementsAre("out a=none@1"));
  EXPECT_THAT(step(kIn, "a", "first", 2), ElementsAre("out a=none@2"));
  EXPECT_THAT(step(kIn, "a", "second", 3), ElementsAre("out a=first of 2@3"));
  EXPECT_EQ(row_of(step, "rows", "a"), "first");
  EXPECT_THAT(step(kIn, "a", "remove", 4), ElementsAre("out a=first of 2@4"));
  EXPECT_EQ(row_of(step, "rows", "a"), std::nullopt);
  EXPECT_THAT(step(kIn, "a", "third", 5), ElementsAre("out a=none@5"));
}

}  // namespace millrace::stores_test
