#include "engine/plan/plan.h"

#include <gmock/gmock.h>

namespace millrace::engine::plan_test {

using ::testing::HasSubstr;

Plan some_plan() {
  Plan plan;
  plan.members = {{"a", "a-1"}, {"b", "b-2"}, {"c", "c-1"}};
  plan.generation = 17;
  plan.writer = "a";
  plan.placements = {
      {{0, 0}, "a", {"b", "c"}, {"b"}}, {{0, 1}, "b", {}, {}}, {{1, 0}, "b", {}, {"a"}}};
  return plan;
}

InstanceReport some_report() {
  InstanceReport report;
  report.instance = "a";
  report.life = "0123456789abcdef0123456789abcdef";
  report.rival = "fedcba9876543210fedcba9876543210";
  report.endpoint = "[::1]:8080";
  report.rack = "r1";
  report.capacity = 2;
  report.is_draining = true;
  report.has_snapshots = true;
  report.inputs = {"orders,payments", "app-by-day-exchange"};
  report.held = {{{0, 0}, 0}, {{1, 12}, 123'456'789'012}};
  return report;
}

std::string with(std::string text, const std::string& old, const std::string& now) {
  const size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, old.size(), now);
}

TEST(PlanCodec, WhatIsEncodedIsDecoded) {
  const std::string plan = encode_plan(some_plan()).value();
  EXPECT_EQ(decode_plan(Bytes(plan)).value(), some_plan());
  const std::string report = encode_report(some_report()).value();
  EXPECT_EQ(decode_report(Bytes(report)).value(), some_report());
  InstanceReport bare;
  bare.instance = "b";
  EXPECT_EQ(decode_report(Bytes(encode_report(bare).value())).value(), bare);
}

TEST(PlanCodec, APlanOfManyTasksFitsARecord) {
  Plan plan = some_plan();
  plan.placements.clear();
  for (int32_t i = 0; i < 20'000; ++i) {
    const std::string active = "instance-" + std::to_string(i % 100);
    plan.members[active] = active + "-1";
    plan.placements.push_back({{0, i}, active, {"c"}, {}});
  }
  const auto encoded = encode_plan(plan);
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(decode_plan(Bytes(*encoded)).value(), plan);
}

TEST(PlanCodec, MembersOfLaterVersionsAreLeftOut) {
  const std::string plan = encode_plan(some_plan()).value();
  EXPECT_EQ(decode_plan(Bytes(with(plan, "{", R"({"mood":[1,{}],)"))).value(), some_plan());
}

TEST(PlanCodec, AReportOfAVersionWithoutLivesAndInputsIsTaken) {
  InstanceReport report = some_report();
  std::string text = encode_report(report).value();
  text = with(text, R"("life":"0123456789abcdef0123456789abcdef",)", "");
  text = with(text, R"("rival":"fedcba9876543210fedcba9876543210",)", "");
  text = with(text, R"("inputs":["orders,payments","app-by-day-exchange"],)", "");
  report.inputs.clear();
  report.life.clear();
  report.rival.clear();
  EXPECT_EQ(decode_report(Bytes(text)).value(), report);
}

TEST(PlanCodec, IdsOfMembersNeedNotBeText) {
  Plan plan = some_plan();
  plan.members["b"] = "b-\xff";
  const auto encoded = encode_plan(plan);
  ASSERT_TRUE(encoded.ok());
  EXPECT_TRUE(decode_plan(Bytes(*encoded)).ok());
}

TEST(PlanCodec, RefusesWhatIsNotAPlan) {
  const std::string good = encode_plan(some_plan()).value();
  const std::vector<std::string> bad = {
      "",
      "[]",
      "{",
      "{}",
      good + "x",
      good.substr(0, good.size() / 2),
      with(good, R"("version":1)", R"("version":2)"),
      with(good, R"("generation":17)", R"("generation":-1)"),
      with(good, R"("generation":17)", R"("generation":2147483648)"),
      with(good, R"("generation":17)", R"("generation":1.5)"),
      with(good, R"("writer":"a")", R"("writer":"../a")"),
      with(good, R"("writer":"a")", R"("writer":7)"),
      with(good, R"("b":"b-2")", R"("b":2)"),
      with(good, R"("b":"b-2")", R"("../b":"b-2")"),
      with(good, R"(["a","b","c"])", R"(["a","b","a"])"),
      with(good, R"(["a","b","c"])", R"(["a","b",7])"),
      with(good, R"(["a","b","c"])", R"(["a","b"])"),
      with(good, R"(["a","b","c"])", R"(["a","b","d"])"),
      with(good, R"(["a","b","c"])", R"(["a","d","c"])"),
      with(good, R"("writer":"a")", R"("writer":"d")"),
      with(good, R"("0_1")", R"("0_0")"),
      with(good, R"("0_1")", R"("0_01")"),
      with(good, R"("0_1")", R"("0_-1")"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[],[],[]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[1],[1],[]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[1],[],[1]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[1],[],[0,2]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[1],[0,0],[]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[1],[]])"),
      with(good, R"(["0_1",[1],[],[]])", R"(["0_1",[9],[],[]])"),
      std::string(kGroupRecordBytesMax + 1, ' ') + good,
      std::string(kGroupRecordBytesMax, '['),
  };
  for (const std::string& text : bad) {
    const auto decoded = decode_plan(Bytes(text));
    ASSERT_FALSE(decoded.ok()) << text.substr(0, 300);
    EXPECT_EQ(decoded.code(), ErrorCode::kInvalidRecord);
  }
  EXPECT_FALSE(decode_plan(Bytes()).ok());
}

TEST(PlanCodec, RefusesWhatIsNotAReport) {
  const std::string good = encode_report(some_report()).value();
  const std::vector<std::string> bad = {
      with(good, R"("instance":"a")", R"("instance":"")"),
      with(good, R"("instance":"a")", R"("instance":"a/b")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":"host")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":":80")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":"host:0")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":"host:65536")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":"a b:80")"),
      with(good, R"("endpoint":"[::1]:8080")", R"("endpoint":"user@host:80")"),
      with(good, R"("rack":"r1")", R"("rack":"r 1")"),
      with(good, R"("life":"0123)", R"("life":"012)"),
      with(good, R"("life":"0123)", R"("life":"012X)"),
      with(good, R"("rival":"fedc)", R"("rival":"../c)"),
      with(good, R"("capacity":2)", R"("capacity":0)"),
      with(good, R"("capacity":2)", R"("capacity":1000001)"),
      with(good, R"("draining":true)", R"("draining":1)"),
      with(good, R"("inputs":["orders,)", R"("inputs":["orders,,)"),
      with(good, R"("inputs":["orders,)", R"("inputs":["or/ders,)"),
      with(good, R"("inputs":["orders,)", R"("inputs":["",")"),
      with(good, R"("inputs":["orders,)", R"("inputs":[1,"orders,)"),
      with(good, R"("snapshots":true)", R"("snapshots":"yes")"),
      with(good, R"("0_0":0)", R"("0_0":-1)"),
      with(good, R"("0_0":0)", R"("0_0":9007199254740993)"),
      with(good, R"("0_0":0)", R"("x":0)"),
      with(good, R"("0_0":0)", R"("0_0":"0")"),
  };
  for (const std::string& text : bad) EXPECT_FALSE(decode_report(Bytes(text)).ok()) << text;
}

TEST(PlanCodec, DoesNotEncodeWhatNobodyWouldTake) {
  Plan plan = some_plan();
  std::swap(plan.placements[0], plan.placements[1]);
  EXPECT_EQ(encode_plan(plan).code(), ErrorCode::kInvalidArgument);
  InstanceReport report = some_report();
  report.capacity = 0;
  EXPECT_EQ(encode_report(report).code(), ErrorCode::kInvalidArgument);
}

TEST(PlanKeys, DifferBetweenWritersAndBetweenLivesOfOne) {
  Plan plan = some_plan();
  const std::string key = key_of(plan);
  plan.members["a"] = "a-9";
  EXPECT_NE(key_of(plan), key);
  plan = some_plan();
  plan.writer = "b";
  EXPECT_NE(key_of(plan), key);
}

}  // namespace millrace::engine::plan_test
