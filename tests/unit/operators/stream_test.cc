#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::stream_test {

using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using Text = testing::Out<std::string, std::string>;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOther{"other"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr Topic<std::string, int64_t> kNumbers{"numbers"};

/// Runs `define(stream of kIn)` behind a builder.
template <class F>
Result<Topology> from_stream(F define) {
  TopologyBuilder builder{"test"};
  define(builder.stream(kIn));
  return std::move(builder).build();
}

TEST(StreamFilter, PassesWhatFits) {
  Harness harness(from_stream([](const auto& in) {
    in.filter([](std::string_view value) { return value.size() > 2; }).to(kOut);
  }));
  harness.pipe(kIn, "a", "long", 5);
  harness.pipe(kIn, "b", "no", 6);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "long", 5}));
}

TEST(StreamFilter, LetsDeletesPassUnlessAskedForThem) {
  const auto not_b = [](Maybe<std::string> value) { return static_cast<bool>(value); };
  Harness unasked(from_stream(
      [](const auto& in) { in.filter([](std::string_view) { return false; }).to(kOut); }));
  Harness asked(from_stream([&](const auto& in) { in.filter(not_b).to(kOut); }));
  unasked.pipe(kIn, "a", std::nullopt);
  asked.pipe(kIn, "a", std::nullopt);
  EXPECT_THAT(unasked.read(kOut), ElementsAre(Text{"a", std::nullopt, 0}));
  EXPECT_THAT(asked.read(kOut), IsEmpty());
}

TEST(StreamFilter, DropsNullKeysOnlyWhenItNeedsTheKey) {
  const auto with_key = [](std::string_view, std::string_view) { return true; };
  Harness needs(from_stream([&](const auto& in) { in.filter(with_key).to(kOut); }));
  Harness ignores(from_stream(
      [](const auto& in) { in.filter([](std::string_view) { return true; }).to(kOut); }));
  needs.pipe_raw("in", std::nullopt, "x");
  ignores.pipe_raw("in", std::nullopt, "x");
  EXPECT_THAT(needs.read(kOut), IsEmpty());
  EXPECT_EQ(needs.dropped("null_key"), 1);
  EXPECT_THAT(ignores.read(kOut), ElementsAre(Text{std::nullopt, "x", 0}));
}

TEST(StreamMapValues, ChangesTheTypeAndKeepsDeletes) {
  Harness harness(from_stream([](const auto& in) {
    in.map_values([](std::string_view v) { return static_cast<int64_t>(v.size()); }).to(kNumbers);
  }));
  harness.pipe(kIn, "a", "four", 7);
  harness.pipe(kIn, "a", std::nullopt, 8);
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"a", 4, 7}, Number{"a", std::nullopt, 8}));
}

TEST(StreamMapValues, MakesAnEmptyOptionalADelete) {
  Harness harness(from_stream([](const auto& in) {
    in.map_values([](std::string_view v) {
        return v.empty() ? std::nullopt : std::optional<int64_t>(v.size());
      }).to(kNumbers);
  }));
  harness.pipe(kIn, "a", "");
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"a", std::nullopt, 0}));
}

TEST(StreamMap, ReplacesKeyAndValue) {
  Harness harness(from_stream([](const auto& in) {
    in.map([](std::string_view key, std::string_view value) {
        return std::pair(std::string(value), std::string_view(key));
      }).to(kOut);
  }));
  harness.pipe(kIn, "key", "value", 3);
  harness.pipe(kIn, "key", std::nullopt, 4);
  harness.pipe_raw("in", std::nullopt, "value", 5);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"value", "key", 3}));
  EXPECT_EQ(harness.dropped("null_value"), 1);
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

TEST(StreamKeyBy, KeysByTheValueAlsoWithoutAKey) {
  Harness harness(from_stream([](const auto& in) {
    in.key_by([](std::string_view v) -> std::optional<std::string_view> {
        if (v.empty()) return std::nullopt;
        return v.substr(0, 1);
      }).to(kOut);
  }));
  harness.pipe_raw("in", std::nullopt, "xyz", 2);
  harness.pipe(kIn, "a", "");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"x", "xyz", 2}));
  EXPECT_EQ(harness.dropped("no_new_key"), 1);
  EXPECT_EQ(harness.dropped("null_value"), 1);
}

TEST(StreamFlatMap, EmitsAnyNumberAtTheInputsTime) {
  Harness harness(from_stream([](const auto& in) {
    in.template flat_map<std::string, int64_t>([](std::string_view key, std::string_view value,
                                                  Emit<std::string, int64_t>& emit) {
        for (const char c : value) emit(std::string(key) + c, int64_t{1});
        if (value == "t") emit.tombstone(key);
        if (value == "t") emit("later", int64_t{2}, 99);
      }).to(kNumbers);
  }));
  harness.pipe(kIn, "k", "xy", 5);
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"kx", 1, 5}, Number{"ky", 1, 5}));
  harness.pipe(kIn, "k", "", 6);
  EXPECT_THAT(harness.read(kNumbers), IsEmpty());
  harness.pipe(kIn, "k", "t", 7);
  EXPECT_THAT(harness.read(kNumbers), ElementsAre(Number{"kt", 1, 7}, Number{"k", std::nullopt, 7},
                                                  Number{"later", 2, 99}));
}

TEST(StreamPeek, ShowsRecordsAndPassesThemOn) {
  auto seen = std::make_shared<std::vector<std::string>>();
  Harness harness(from_stream([&](const auto& in) {
    in.peek([seen](std::string_view, std::string_view v) { seen->emplace_back(v); }).to(kOut);
  }));
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_THAT(*seen, ElementsAre("x"));
  EXPECT_EQ(harness.read(kOut).size(), 2U);
}

TEST(StreamMerge, CarriesRecordsOfBoth) {
  TopologyBuilder builder{"test"};
  builder.stream(kIn).merge(builder.stream(kOther)).to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kIn, "a", "1");
  harness.pipe(kOther, "b", "2");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "1", 0}, Text{"b", "2", 0}));
}

TEST(StreamBranch, SendsToTheFirstThatFitsElseToTheLast) {
  constexpr Topic<std::string, std::string> kRest{"rest"};
  Harness harness(from_stream([&](const auto& in) {
    const auto [unused, large, rest] = in.branch([](std::string_view v) { return v == "never"; },
                                                 [](std::string_view v) { return v.size() > 1; });
    large.to(kOut);
    rest.to(kRest);
  }));
  harness.pipe(kIn, "a", "never");
  harness.pipe(kIn, "a", "xx");
  harness.pipe(kIn, "a", "x");
  harness.pipe(kIn, "a", std::nullopt);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "xx", 0}));
  EXPECT_THAT(harness.read(kRest), ElementsAre(Text{"a", "x", 0}, Text{"a", std::nullopt, 0}));
}

TEST(Stream, KeepsHeadersThroughStatelessOperators) {
  Harness harness(from_stream([](const auto& in) {
    in.map_values([](std::string_view v) { return v; })
        .key_by([](std::string_view v) { return v; })
        .to(kOut);
  }));
  harness.pipe_raw("in", "a", "x", 0, {{"trace", Bytes("7")}});
  const auto records = harness.read_raw("out");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0].headers, ElementsAre(std::pair("trace", "7")));
}

TEST(Stream, TakesEventTimeFromTheRecord) {
  TopologyBuilder builder{"test"};
  builder.stream(kNumbers, [](int64_t value) { return value; }).to(kNumbers);
  Harness harness(std::move(builder).build());
  harness.pipe(kNumbers, "a", 42, 7);
  harness.pipe(kNumbers, "a", -1, 8);
  harness.pipe(kNumbers, "a", std::nullopt, 9);
  EXPECT_THAT(harness.read(kNumbers),
              ElementsAre(Number{"a", 42, 42}, Number{"a", -1, 8}, Number{"a", std::nullopt, 9}));
}

TEST(StreamExchange, DropsNullKeys) {
  Harness harness(from_stream([](const auto& in) { in.exchange("again").to(kOut); }));
  harness.pipe_raw("in", std::nullopt, "x");
  harness.pipe(kIn, "a", "y");
  EXPECT_THAT(harness.read(kOut), ElementsAre(Text{"a", "y", 0}));
  EXPECT_EQ(harness.dropped("null_key"), 1);
}

}  // namespace millrace::stream_test
