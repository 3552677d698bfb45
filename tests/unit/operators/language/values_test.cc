#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/harness.h"
#include "tests/unit/operators/language/steps.h"

namespace millrace::values_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using testing::Steps;
using testing::TextTopic;

constexpr TextTopic kIn{"in"};
constexpr TextTopic kOut{"out"};

bool is_large(std::string_view value) {
  return value.size() > 2;
}

template <class F>
Result<Topology> from_stream(F define) {
  TopologyBuilder builder{"test"};
  define(builder.stream(kIn));
  return std::move(builder).build();
}

bool has_exchange(const Topology& topology) {
  return std::any_of(topology.nodes().begin(), topology.nodes().end(),
                     [](const Node& node) { return node.kind == NodeKind::kExchange; });
}

TEST(FilterNot, PassesWhatDoesNotFitAndUntakenNullValues) {
  Steps step(from_stream([](const auto& in) { in.filter_not(is_large).to(kOut); }), {kOut});
  EXPECT_THAT(step(kIn, "a", "xxx", 1), IsEmpty());
  EXPECT_THAT(step(kIn, "a", "x", 2), ElementsAre("out a=x@2"));
  EXPECT_THAT(step(kIn, "a", std::nullopt, 3), ElementsAre("out a=null@3"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 4), ElementsAre("out null=x@4"));
}

TEST(FilterNot, OfATableDeletesARowThatBeginsToFit) {
  TopologyBuilder builder{"test"};
  builder.table(kIn).filter_not(is_large).to_stream().to(kOut);
  Steps step(std::move(builder).build(), {kOut});
  EXPECT_THAT(step(kIn, "a", "x", 1), ElementsAre("out a=x@1"));
  EXPECT_THAT(step(kIn, "a", "xxx", 2), ElementsAre("out a=null@2"));
  EXPECT_THAT(step(kIn, "a", "xxxx", 3), IsEmpty());
  EXPECT_THAT(step(kIn, "a", std::nullopt, 4), IsEmpty());
}

TEST(Foreach, ShowsRecordsButThoseWithAnUntakenNull) {
  const auto seen = std::make_shared<std::vector<std::string>>();
  Harness harness(from_stream([&](const auto& in) {
    in.foreach ([seen](std::string_view, std::string_view v) { seen->emplace_back(v); });
  }));
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe_raw("in", std::nullopt, "y");
  EXPECT_THAT(*seen, ElementsAre("x"));
}

TEST(FlatMapValues, EmitsAnyNumberOfValuesWithTheKeyAsItIs) {
  Steps step(from_stream([](const auto& in) {
               in.template flat_map_values<std::string>([](std::string_view value,
                                                           EmitValues<std::string>& emit) {
                   for (const char c : value) emit(std::string(1, c));
                   if (value == "t") emit.tombstone();
                   if (value == "t") emit("later", 99);
                 }).to(kOut);
             }),
             {kOut});
  EXPECT_THAT(step(kIn, "a", "xy", 5), ElementsAre("out a=x@5", "out a=y@5"));
  EXPECT_THAT(step(kIn, "a", "", 6), IsEmpty());
  EXPECT_THAT(step(kIn, "a", "t", 4), ElementsAre("out a=t@4", "out a=null@4", "out a=later@99"));
  EXPECT_THAT(step(kIn, "a", std::nullopt, 7), ElementsAre("out a=null@7"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 8), ElementsAre("out null=x@8"));
}

TEST(FlatMapValues, GivesNullsToAFunctionThatTakesThem) {
  const auto expand = [](std::string_view key, Maybe<std::string> value,
                         EmitValues<std::string>& emit) {
    if (!value) emit(std::string(key) + " is gone");
  };
  Harness harness(from_stream(
      [&](const auto& in) { in.template flat_map_values<std::string>(expand).to(kOut); }));
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe_raw("in", std::nullopt, "x");
  const auto out = harness.read(kOut);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].value, "a is gone");
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

TEST(FlatMapValues, NeedsNoExchangeBehind) {
  const auto both = [](const auto& in, bool keeps) {
    const auto twice = [](std::string_view value, EmitValues<std::string>& emit) {
      emit(value);
      emit(value);
    };
    const auto same = [](std::string_view key, std::string_view value,
                         Emit<std::string, std::string>& emit) { emit(key, value); };
    if (keeps) {
      in.template flat_map_values<std::string>(twice).group_by_key().count("n");
    } else {
      in.template flat_map<std::string, std::string>(same).group_by_key().count("n");
    }
  };
  EXPECT_FALSE(has_exchange(from_stream([&](const auto& in) { both(in, true); }).value()));
  EXPECT_TRUE(has_exchange(from_stream([&](const auto& in) { both(in, false); }).value()));
}

/// Emits how often a key came, and its headers.
class Counting final : public FixedKeyProcessor<std::string, std::string, std::string> {
  void on_start() override { counts_.emplace(store<std::string, std::string>("counts")); }
  void on_record(Maybe<std::string> key, Maybe<std::string> value, EmitValues<std::string>& emit,
                 const Record& record) override {
    if (!key) return emit("no key");
    if (!value) return emit.tombstone();
    const auto before = counts_->get(*key);
    const std::string count = (before ? std::string(*before) : std::string()) + "I";
    counts_->put(*key, count, record.timestamp_ms);
    emit(count);
  }
  std::optional<TypedStore<std::string, std::string>> counts_;
};

Result<Topology> counting() {
  TopologyBuilder builder{"test"};
  builder.store<std::string, std::string>("counts");
  builder.stream(kIn)
      .process_values("counting", [] { return std::make_unique<Counting>(); },
                      {.stores = {"counts"}})
      .to(kOut);
  return std::move(builder).build();
}

TEST(ProcessValues, RunsAProcessorWhoseOutputKeepsTheKey) {
  Steps step(counting(), {kOut});
  EXPECT_THAT(step(kIn, "a", "x", 1), ElementsAre("out a=I@1"));
  EXPECT_THAT(step(kIn, "b", "x", 2), ElementsAre("out b=I@2"));
  EXPECT_THAT(step(kIn, "a", "x", 3), ElementsAre("out a=II@3"));
  EXPECT_THAT(step(kIn, "a", std::nullopt, 4), ElementsAre("out a=null@4"));
  EXPECT_THAT(step(kIn, std::nullopt, "x", 5), ElementsAre("out null=no key@5"));
}

TEST(ProcessValues, NeedsNoExchangeBehind) {
  TopologyBuilder builder{"test"};
  builder.store<std::string, std::string>("counts");
  const auto in = builder.stream(kIn);
  in.process_values("counting", [] { return std::make_unique<Counting>(); }, {.stores = {"counts"}})
      .group_by_key()
      .count("n");
  in.process_values<std::string>(
        "function", [](std::string_view value, EmitValues<std::string>& emit) { emit(value); })
      .group_by_key()
      .count("m");
  EXPECT_FALSE(has_exchange(std::move(builder).build().value()));
}

TEST(ProcessValues, OfAFunctionDropsUntakenNulls) {
  Harness harness(from_stream([](const auto& in) {
    in.template process_values<std::string>("function", [](std::string_view value,
                                                           EmitValues<std::string>& emit) {
        emit(value);
      }).to(kOut);
  }));
  harness.pipe(kIn, "a", std::nullopt);
  harness.pipe(kIn, "a", "x");
  EXPECT_EQ(harness.read(kOut).size(), 1U);
  EXPECT_EQ(harness.dropped("null_value"), 1);
}

TEST(Headers, ThatAProcessorWritesReplaceThoseOfItsInput) {
  Steps step(from_stream([](const auto& in) {
               in.template flat_map<std::string, std::string>(
                     [](std::string_view key, std::string_view value,
                        Emit<std::string, std::string>& emit) {
                       const Header own[] = {{"by", Bytes("us")}, {"null", Bytes()}};
                       emit(key, value);
                       emit(key, value, 7, own);
                     })
                   .template flat_map_values<std::string>(
                       [](std::string_view value, EmitValues<std::string>& emit) { emit(value); })
                   .to(kOut);
             }),
             {});
  step.driver().pipe_bytes("in", "a", Bytes("x"), 1, std::nullopt, {{"trace", "5"}});
  step.driver().run();
  const auto out = step.driver().read_bytes("out");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].headers, (testing::DriverHeaders{{"trace", "5"}}));
  EXPECT_EQ(out[1].headers, (testing::DriverHeaders{{"by", "us"}, {"null", std::nullopt}}));
  EXPECT_EQ(out[1].timestamp_ms, 7);
}

}  // namespace millrace::values_test
