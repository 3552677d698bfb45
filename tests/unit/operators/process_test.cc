#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::process_test {

using ::testing::ElementsAre;
using testing::Harness;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr Topic<std::string, int64_t> kNumbers{"numbers"};

/// Counts values per key and says at every punctuation what it has.
class Counter final : public TypedProcessor<std::string, std::string, std::string, int64_t> {
  void on_start() override {
    counts_.emplace(store<std::string, int64_t>("counts"));
    schedule(TimeKind::kStream, 100, [this](int64_t) {
      for (auto row = counts_->all(); row.valid(); row.next()) emit()(row.key(), row.value());
    });
  }
  void on_record(Maybe<std::string> key, Maybe<std::string> value, const Record& record) override {
    if (!value) {
      counts_->erase(*key, record.timestamp_ms);
      emit().tombstone(*key);
      return;
    }
    const auto row = counts_->get(record.key);
    const int64_t count = row ? *row + 1 : 1;
    counts_->put(*key, count, record.timestamp_ms);
    emit()(*key, count);
  }
  std::optional<TypedStore<std::string, int64_t>> counts_;
};

Result<Topology> counter() {
  TopologyBuilder builder{"test"};
  builder.store<std::string, int64_t>("counts");
  builder.stream(kIn)
      .process("count", [] { return std::make_unique<Counter>(); },
               {.stores = {"counts"}, .reads_at_key = {"counts"}, .keeps_key = true})
      .to(kNumbers);
  return std::move(builder).build();
}

TEST(Process, GivesTypedStoresAndEmitsAtTheInputsTime) {
  Harness harness(counter());
  harness.pipe(kIn, "a", "x", 1);
  harness.pipe(kIn, "a", "y", 2);
  harness.pipe(kIn, "a", std::nullopt, 3);
  EXPECT_THAT(harness.read(kNumbers),
              ElementsAre(Number{"a", 1, 1}, Number{"a", 2, 2}, Number{"a", std::nullopt, 3}));
}

TEST(Process, PunctuatesWithTheTimeOfThePunctuation) {
  Harness harness(counter());
  harness.pipe(kIn, "a", "x", 1);
  harness.pipe(kIn, "b", "y", 2);
  harness.read(kNumbers);
  harness.punctuate(TimeKind::kStream, 150);
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"a", 1, 150}, Number{"b", 1, 150}));
}

TEST(Process, TellsTheEngineWhatItReads) {
  const Topology topology = counter().value();
  const Node& node = topology.nodes().at(1);
  EXPECT_EQ(node.name, "count");
  EXPECT_THAT(node.reads_at_key, ElementsAre("counts"));
  EXPECT_TRUE(node.keeps_key);
}

TEST(Process, TakesAFunctionWithStores) {
  TopologyBuilder builder{"test"};
  builder.store<std::string, std::string>("last");
  builder.stream(kIn)
      .process<std::string, std::string>(
          "changes",
          [](std::string_view key, std::string_view value, Emit<std::string, std::string>& emit) {
            TypedStore<std::string, std::string> last(emit.context().store("last"));
            const auto row = last.get(key);
            if (row && *row == value) return;
            last.put(key, value, 0);
            emit(key, value);
          },
          {.stores = {"last"}})
      .to(kOut);
  Harness harness(std::move(builder).build());
  for (const std::string value : {"x", "x", "y", "x"}) harness.pipe(kIn, "a", value);
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Text{"a", "x", 0}, Text{"a", "y", 0}, Text{"a", "x", 0}));
}

TEST(Process, ReadsTheStoreOfATable) {
  constexpr Topic<std::string, std::string> kRows{"rows"};
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  builder.stream(kIn)
      .process<std::string, std::string>(
          "scan",
          [](std::string_view prefix, std::string_view, Emit<std::string, std::string>& emit) {
            TypedStore<std::string, std::string> table(emit.context().store("rows-table"));
            std::string found;
            for (auto row = table.prefix(Bytes(prefix)); row.valid(); row.next()) {
              found += row.value();
            }
            for (auto row = table.range("b", "c"); row.valid(); row.next()) found += row.key();
            emit(prefix, found);
          },
          {.stores = rows.stores()})
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kRows, "a1", "x");
  harness.pipe(kRows, "a2", "y");
  harness.pipe(kRows, "b1", "z");
  harness.pipe(kIn, "a", "?");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "xyb1", 0}));
}

}  // namespace millrace::process_test
