#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/group/report_proof.h"
#include "engine/plan/plan.h"
#include "engine/plan/planner.h"
#include "group_member.h"
#include "tests/unit/key_file.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::hostile_records_test {

constexpr int kMutants = 20'000;
constexpr int kGroups = 60;
constexpr int kRecordsAGroup = 40;
constexpr int kTurns = 200;
constexpr int32_t kPartitions = 6;

/// Changes text as damage, another version or ill will might. A function of its seed.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t pick(size_t count) { return static_cast<size_t>(random_() % count); }
  std::string mutate(std::string text, const std::vector<std::string>& others) {
    for (size_t steps = 1 + pick(4); steps > 0; --steps) step(text, others);
    return text;
  }

 private:
  static constexpr const char* kTokens[] = {"0",
                                            "-1",
                                            "1.5",
                                            "1e400",
                                            "2147483647",
                                            "2147483648",
                                            "9007199254740992",
                                            "9223372036854775807",
                                            "-0",
                                            "[]",
                                            "{}",
                                            "null",
                                            "true",
                                            "\"\"",
                                            "\"a\"",
                                            "\"0_0\"",
                                            "\"\\u0000\"",
                                            "\"../x\"",
                                            "[[[[[[[[",
                                            ",",
                                            ":",
                                            "\"",
                                            "\\",
                                            "\xff\xfe",
                                            "\"0_2147483647\""};

  std::string piece(const std::string& text) {
    if (text.empty()) return {};
    const size_t from = pick(text.size());
    return text.substr(from, 1 + pick(24));
  }
  void step(std::string& text, const std::vector<std::string>& others) {
    const size_t at = text.empty() ? 0 : pick(text.size());
    const std::string token = kTokens[pick(std::size(kTokens))];
    switch (pick(8)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << pick(8)));
        break;
      case 1:
        text.resize(at);
        break;
      case 2:
        text.erase(at, 1 + pick(16));
        break;
      case 3:
        text.insert(at, piece(text));
        break;
      case 4:
        text.insert(at, piece(others[pick(others.size())]));
        break;
      case 5:
        text.insert(at, token);
        break;
      default:
        replace_value(text, at, token);
        break;
    }
  }
  /// The number or text at or behind `at`, so that what comes out is often JSON.
  static void replace_value(std::string& text, size_t at, const std::string& token) {
    const auto is_of_value = [](char c) { return c == '"' || c == '_' || c == '-' || isalnum(c); };
    while (at < text.size() && !is_of_value(text[at])) ++at;
    size_t from = at;
    while (from > 0 && is_of_value(text[from - 1])) --from;
    while (at < text.size() && is_of_value(text[at])) ++at;
    text.replace(from, at - from, token);
  }

  std::mt19937_64 random_;
};

Plan seed_plan(int32_t generation) {
  Plan plan;
  plan.generation = generation;
  plan.writer = "a";
  plan.members = {{"a", "a-1"}, {"b", "b-1"}, {"c", "c-1"}};
  for (int32_t p = 0; p < kPartitions; ++p) {
    plan.placements.push_back({{0, p}, p % 2 == 0 ? "a" : "b", {"c"}, {}});
  }
  plan.placements[0].warmups = {"b"};
  return plan;
}

InstanceReport seed_report(const std::string& instance) {
  InstanceReport report;
  report.instance = instance;
  report.life = std::string(32, '0');
  report.endpoint = "host:80";
  report.rack = "r";
  report.has_snapshots = true;
  for (int32_t p = 0; p < kPartitions; ++p) report.held[{0, p}] = 1'000 * p;
  return report;
}

std::vector<std::string> seeds() {
  std::vector<std::string> texts;
  for (const int32_t generation : {0, 1, 2, 3}) {
    texts.push_back(encode_plan(seed_plan(generation)).value());
  }
  for (const char* const name : {"a", "b", "c"}) {
    texts.push_back(encode_report(seed_report(name)).value());
  }
  return texts;
}

/// A plan after what was decoded, and whether every task is in it exactly once.
bool goes_on_from(const Plan* previous, std::vector<InstanceReport> members) {
  PlannerInput input;
  input.writer = "a";
  input.members = std::move(members);
  for (int32_t p = 0; p < kPartitions; ++p) {
    input.tasks.push_back({.task = {0, p}, .weight = 1, .is_stateful = p % 2 == 0});
  }
  input.previous = previous;
  input.standby_replicas = 1;
  const Plan plan = make_plan(input);
  return plan.placements.size() == static_cast<size_t>(kPartitions);
}

TEST(HostileRecords, WhatTheDecodersTakeCanBeWorkedWith) {
  const std::vector<std::string> texts = seeds();
  Mutator mutator(15);
  int plans = 0;
  int reports = 0;
  for (int i = 0; i < kMutants; ++i) {
    const std::string text = mutator.mutate(texts[mutator.pick(texts.size())], texts);
    if (const auto plan = decode_plan(Bytes(text)); plan.ok()) {
      ++plans;
      const auto encoded = encode_plan(*plan);
      ASSERT_TRUE(encoded.ok()) << text;
      ASSERT_EQ(decode_plan(Bytes(*encoded)).value(), *plan) << text;
      ASSERT_FALSE(key_of(*plan).empty());
      ASSERT_TRUE(goes_on_from(&*plan, {seed_report("a"), seed_report("b")})) << text;
    } else {
      ASSERT_EQ(plan.code(), ErrorCode::kInvalidRecord) << text;
    }
    if (const auto report = decode_report(Bytes(text)); report.ok()) {
      ++reports;
      const auto encoded = encode_report(*report);
      ASSERT_TRUE(encoded.ok()) << text;
      ASSERT_EQ(decode_report(Bytes(*encoded)).value(), *report) << text;
      InstanceReport other = seed_report("other");
      const Plan previous = seed_plan(1);
      ASSERT_TRUE(goes_on_from(&previous, {*report, other})) << text;
    } else {
      ASSERT_EQ(report.code(), ErrorCode::kInvalidRecord) << text;
    }
  }
  // Else the mutants say little about what happens to accepted ones.
  EXPECT_GT(plans, kMutants / 1'000);
  EXPECT_GT(reports, kMutants / 1'000);
}

/// Keys as mutants have them, those that belong to the value among them.
std::optional<std::string> some_key(Mutator& mutator, const std::string& value) {
  switch (mutator.pick(8)) {
    case 0:
      return std::nullopt;
    case 1:
      return "incarnation/" + std::string(32, 'a');
    case 2:
      return "incarnation/" + value.substr(0, 40);
    case 3:
      return value.substr(0, 20);
    case 4:
      return std::string();
    default:
      break;
  }
  if (const auto plan = decode_plan(Bytes(value)); plan.ok()) return key_of(*plan);
  if (const auto report = decode_report(Bytes(value)); report.ok()) return report->instance;
  return std::string(1, static_cast<char>('a' + mutator.pick(3)));
}

/// Writes records to all topics of a group. With a key, some of the reports are proved, as those of
/// an instance that a newer version runs are, and some of these are bent then.
class HostileWriter {
 public:
  HostileWriter(GroupWorld& world, Mutator& mutator, std::shared_ptr<const PeerKey> key)
      : world_(world), mutator_(mutator), key_(std::move(key)) {}

  void write() {
    for (const std::string& topic : {world_.topics.plan, world_.topics.instances,
                                     world_.topics.control, world_.topics.spare}) {
      std::optional<std::string> value = any_value();
      const std::optional<std::string> key = some_key(mutator_, *value);
      if (mutator_.pick(10) == 0) value.reset();
      world_.broker.append({topic, 0}, {.timestamp_ms = static_cast<int64_t>(mutator_.pick(3)) - 1,
                                        .key = key,
                                        .value = value,
                                        .headers = {}});
    }
  }

 private:
  std::string any_value() {
    std::string value = texts_[mutator_.pick(texts_.size())];
    if (mutator_.pick(4) != 0) value = mutator_.mutate(value, texts_);
    const bool is_report = decode_report(Bytes(value)).ok();
    if (key_ == nullptr || !is_report || mutator_.pick(4) == 0) return value;
    value = with_proof(*key_, world_.topics.instances, value);
    return mutator_.pick(3) == 0 ? mutator_.mutate(value, texts_) : value;
  }

  GroupWorld& world_;
  Mutator& mutator_;
  const std::shared_ptr<const PeerKey> key_;
  const std::vector<std::string> texts_ = seeds();
};

TEST(HostileRecords, InTheTopicsOfAGroupTheyEndNobody) {
  const TempDirectory directory;
  const auto peer_key = key_of(write_key(directory.path() / "key", '1'));
  int views = 0;
  for (int group = 0; group < kGroups; ++group) {
    SCOPED_TRACE(group);
    Mutator mutator(static_cast<uint64_t>(group));
    GroupWorld world(kPartitions);
    const auto key = group % 2 == 0 ? nullptr : peer_key;
    HostileWriter hostile(world, mutator, key);
    for (int i = 0; i < kRecordsAGroup; ++i) hostile.write();
    // Records name the first; one that names the other calls a copy of its state out.
    GroupMemberUnderTest a(world, "a", true);
    GroupMemberUnderTest b(world, "not-in-any-record");
    for (GroupMemberUnderTest* const member : {&a, &b}) {
      member->peer_key = key;
      const Status status = member->join();
      ASSERT_TRUE(status.ok()) << status.message();
    }
    int given = 0;
    for (int i = 0; i < kTurns; ++i) {
      world.clock.advance(static_cast<int64_t>(mutator.pick(100)));
      if (i < kRecordsAGroup) hostile.write();
      for (GroupMemberUnderTest* const member : {&a, &b}) {
        const Status status = member->turn();
        ASSERT_TRUE(status.ok()) << status.message();
        if (member->take_view()) ++views;
        if (!member->owned) continue;
        ++given;
        member->report(i);
        for (const TaskId task : member->owned->active) {
          static_cast<void>(member->coordinator().snapshot_peers(task));
        }
      }
    }
    ASSERT_GT(given, 0);
  }
  EXPECT_GT(views, kGroups);
}

}  // namespace millrace::engine::hostile_records_test
