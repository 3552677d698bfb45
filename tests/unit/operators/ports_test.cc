#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::ports_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kNumbers{"numbers"};
constexpr Topic<std::string, int64_t> kMoreNumbers{"more-numbers"};
constexpr Topic<std::string, std::string> kTexts{"texts"};
constexpr Topic<std::string, int64_t> kSmall{"small"};
constexpr Topic<std::string, int64_t> kLarge{"large"};
constexpr Topic<std::string, std::string> kWrong{"wrong"};
constexpr Topic<std::string, std::string> kSaid{"said"};

using Large = Output<"large", std::string, int64_t>;
using Wrong = Output<"wrong", std::string, std::string>;

/// Small numbers to the main output, large ones to a side output, negative ones with a reason to
/// another.
class Sorter final
    : public TypedProcessor<std::string, int64_t, std::string, int64_t, Large, Wrong> {
  void on_record(Maybe<std::string> key, Maybe<int64_t> value, const Record&) override {
    if (*value < 0) {
      emit<Wrong>()(*key, "negative");
    } else if (*value > 9) {
      emit<Large>()(*key, *value);
    } else {
      emit()(*key, *value);
    }
  }
};

auto sorted(const Stream<std::string, int64_t>& numbers) {
  return numbers.process("sorter", [] { return std::make_unique<Sorter>(); });
}

TEST(SideOutputs, GetWhatIsForwardedToTheirHandleAlone) {
  TopologyBuilder builder{"test"};
  const auto sorter = sorted(builder.stream(kNumbers));
  // Neither the order of use nor the number of readers counts.
  sorter.output<Wrong>().to(kWrong);
  sorter.to(kSmall);
  sorter.output<Large>().to(kLarge);
  sorter.filter([](int64_t value) { return value == 3; }).to(kSmall);
  sorter.output<Wrong>().map_values([](std::string_view) { return "again"; }).to(kWrong);
  Harness harness(std::move(builder).build());
  for (const int64_t value : {3, 50, -1, 4}) harness.pipe(kNumbers, "k", value, 10 + value);
  EXPECT_THAT(harness.read(kSmall),
              ElementsAre(Number{"k", 3, 13}, Number{"k", 3, 13}, Number{"k", 4, 14}));
  EXPECT_THAT(harness.read(kLarge), ElementsAre(Number{"k", 50, 60}));
  EXPECT_THAT(harness.read(kWrong), ElementsAre(Text{"k", "negative", 9}, Text{"k", "again", 9}));
}

TEST(SideOutputs, ThatNothingReadsLoseTheirRecords) {
  TopologyBuilder builder{"test"};
  sorted(builder.stream(kNumbers)).to(kSmall);
  Harness harness(std::move(builder).build());
  for (const int64_t value : {3, 50, -1}) harness.pipe(kNumbers, "k", value);
  EXPECT_THAT(harness.read(kSmall), ElementsAre(Number{"k", 3, 0}));
}

TEST(SideOutputs, AreNodesNamedAfterTheProcessor) {
  TopologyBuilder builder{"test"};
  const auto sorter = sorted(builder.stream(kNumbers));
  sorter.output<Large>().group_by_key().count("large-count").to(kLarge);
  sorter.to(kSmall);
  const Topology topology = std::move(builder).build().value();
  EXPECT_THAT(topology.describe(), HasSubstr("  processor sorter\n"
                                             "    -> sorter.large\n"
                                             "    -> sorter.wrong\n"
                                             "    -> small.sink\n"));
}

/// Forwards a whole record by its side output, and what it replaces.
class Keeper final : public TypedProcessor<std::string, std::string, std::string, std::string,
                                           Output<"changes", std::string, std::string>> {
  void on_record(Maybe<std::string>, Maybe<std::string>, const Record& record) override {
    Record change = record;
    change.old_value = Bytes("before");
    change.timestamp_ms = 7;
    emit<Output<"changes", std::string, std::string>>().record(change);
  }
};

class OldValues final : public TypedProcessor<std::string, std::string, std::string, std::string> {
  void on_record(Maybe<std::string> key, Maybe<std::string>, const Record& record) override {
    emit()(*key, record.old_value);
  }
};

TEST(SideOutputs, PassOldValuesToTheNextProcessor) {
  TopologyBuilder builder{"test"};
  builder.stream(kTexts)
      .process("keeper", [] { return std::make_unique<Keeper>(); })
      .output<Output<"changes", std::string, std::string>>()
      .process("old-values", [] { return std::make_unique<OldValues>(); })
      .to(kSaid);
  Harness harness(std::move(builder).build());
  harness.pipe_raw("texts", "k", "v", 1, {{"trace", Bytes("5")}});
  const auto said = harness.read_raw("said");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].value, "before");
  EXPECT_EQ(said[0].timestamp_ms, 7);
  EXPECT_THAT(said[0].headers, ElementsAre(std::pair<std::string, std::string>("trace", "5")));
}

using Words = Input<"words", std::string, std::string>;
using Counts = Input<"counts", std::string, int64_t>;
using More = Input<"more", std::string, int64_t>;

/// Says what comes by which input.
class Teller final
    : public MultiInputProcessor<Inputs<Words, Counts, More>, std::string, std::string, Wrong> {
  void on_record(Words, Maybe<std::string> key, Maybe<std::string> word, const Record&) override {
    if (!word) return emit<Wrong>()(*key, "no word");
    emit()(*key, "word " + std::string(*word));
  }
  void on_record(Counts, Maybe<std::string> key, Maybe<int64_t> count, const Record&) override {
    emit()(*key, "count " + std::to_string(*count));
  }
  void on_record(More, Maybe<std::string> key, Maybe<int64_t> count, const Record&) override {
    emit()(*key, "more " + std::to_string(*count));
  }
};

auto make_teller() {
  return [] { return std::make_unique<Teller>(); };
}

TEST(SeveralInputs, GiveEachRecordToTheHandlerOfItsInput) {
  TopologyBuilder builder{"test"};
  const auto numbers = builder.stream(kNumbers);
  const auto more = builder.stream(kMoreNumbers);
  const auto both = numbers.merge(more.map_values([](int64_t value) { return value + 1000; }));
  const auto teller = builder.process("teller", make_teller(), {}, more.as<More>(),
                                      builder.stream(kTexts).as<Words>(), both.as<Counts>());
  teller.to(kSaid);
  teller.output<Wrong>().to(kWrong);
  Harness harness(std::move(builder).build());
  harness.pipe(kNumbers, "a", 1, 1);
  harness.pipe(kTexts, "b", "x", 2);
  harness.pipe(kMoreNumbers, "c", 3, 3);
  harness.pipe(kTexts, "d", std::nullopt, 4);
  std::vector<Text> said = harness.read(kSaid);
  ASSERT_EQ(said.size(), 4U);
  EXPECT_EQ(said[0], (Text{"a", "count 1", 1}));
  EXPECT_EQ(said[1], (Text{"b", "word x", 2}));
  EXPECT_THAT((std::vector<Text>{said[2], said[3]}),
              ::testing::UnorderedElementsAre(Text{"c", "more 3", 3}, Text{"c", "count 1003", 3}));
  EXPECT_THAT(harness.read(kWrong), ElementsAre(Text{"d", "no word", 4}));
}

TEST(SeveralInputs, MayBeFedByOneNode) {
  TopologyBuilder builder{"test"};
  const auto numbers = builder.stream(kNumbers);
  builder
      .process("teller", make_teller(), {}, numbers.as<More>(), numbers.as<Counts>(),
               builder.stream(kTexts).as<Words>())
      .to(kSaid);
  Harness harness(std::move(builder).build());
  harness.pipe(kNumbers, "a", 1, 1);
  EXPECT_THAT(harness.read(kSaid), ElementsAre(Text{"a", "more 1", 1}, Text{"a", "count 1", 1}));
}

TEST(Sources, HaveANameOfTheirOwnIfGiven) {
  TopologyBuilder builder{"test"};
  builder.stream(kNumbers, {.name = "the-numbers"}).to(kSmall);
  const Topology topology = std::move(builder).build().value();
  EXPECT_EQ(topology.nodes().front().name, "the-numbers");
  EXPECT_EQ(topology.nodes().front().topic.name, "numbers");
}

TEST(Sources, ValidateValuesBeyondTheirSerde) {
  TopologyBuilder builder{"test"};
  builder
      .stream(kNumbers, {.validate = [](int64_t value) -> Status {
                if (value > 0) return {};
                return Error{ErrorCode::kInvalidRecord, "not above 0"};
              }})
      .to(kSmall);
  const Topology topology = std::move(builder).build().value();
  const auto& validate = topology.nodes().front().topic.value.validate;
  EXPECT_TRUE(validate(Bytes(Harness::encoded<int64_t>(1))).ok());
  EXPECT_EQ(validate(Bytes(Harness::encoded<int64_t>(0))).message(), "not above 0");
  EXPECT_THAT(validate(Bytes("abc")).message(), HasSubstr("3 bytes are not an int64"));
}

TEST(BroadcastTables, ValidateKeysAndValuesBeyondTheirSerde) {
  TopologyBuilder builder{"test"};
  const auto none_empty = [](std::string_view text) -> Status {
    if (!text.empty()) return {};
    return Error{ErrorCode::kInvalidRecord, "empty"};
  };
  const auto table =
      builder.broadcast_table(kTexts, {.validate_key = none_empty, .validate = none_empty});
  builder.stream(kNumbers)
      .process<std::string, int64_t>(
          "reader", [](int64_t value, Emit<std::string, int64_t>& emit) { emit("k", value); },
          {.broadcasts = {table.name()}})
      .to(kSmall);
  const Topology topology = std::move(builder).build().value();
  const TopicUse& use = topology.broadcasts().front();
  EXPECT_EQ(use.key.validate(Bytes("")).message(), "empty");
  EXPECT_EQ(use.value.validate(Bytes("")).message(), "empty");
  EXPECT_TRUE(use.value.validate(Bytes("x")).ok());
}

TEST(Sinks, OfAStreamCoalesceIfTold) {
  TopologyBuilder builder{"test"};
  const auto numbers = builder.stream(kNumbers);
  numbers.to(kSmall);
  numbers.to(kLarge, {.coalesce = true});
  const Topology topology = std::move(builder).build().value();
  EXPECT_FALSE(topology.nodes()[1].coalesce);
  EXPECT_TRUE(topology.nodes()[2].coalesce);
}

}  // namespace millrace::ports_test
