// Merge facts and members whose versions come from several logs.
#include <algorithm>
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "crm/accounts/golden_record.h"
#include "crm/merges/merge_fact.h"
#include "crm/merges/merge_forest.h"
#include "map_store.h"

namespace millrace::crm::merged_logs_test {
namespace {

OwnedVersion in_log(std::string_view log, std::string_view position, int64_t ms) {
  return OwnedVersion(
      VersionView{.commit_timestamp_ms = ms, .log = log, .position = log.empty() ? "" : position});
}

OwnedMergeFact merge(OwnedVersion version, const std::string& survivor) {
  return {.victim = "s:a", .version = std::move(version), .survivor = survivor};
}

TEST(MergedLogs, LogDecidesAmongItsFactsAndTheClockAmongLogs) {
  const OwnedMergeFact old_clock = merge(in_log("sf", "1", 900), "s:x");
  const OwnedMergeFact stepped_back = merge(in_log("sf", "2", 500), "s:y");
  EXPECT_EQ(judge_facts({old_clock, stepped_back}).fact, stepped_back);
  // A log's clock never steps back, so this one is between the two.
  EXPECT_EQ(judge_facts({merge(in_log("", "", 700), "s:z"), stepped_back, old_clock}).fact,
            stepped_back);
  const OwnedMergeFact later = merge(in_log("", "", 1'000), "s:z");
  EXPECT_EQ(judge_facts({later, stepped_back, old_clock}).fact, later);
}

TEST(MergedLogs, PeriodsFollowTheLog) {
  OwnedMergeFact back = merge(in_log("sf", "2", 500), "");
  back.kind = MergeFactKind::Unmerge;
  const Verdict verdict = judge_facts({back, merge(in_log("sf", "1", 900), "s:x")});
  EXPECT_EQ(verdict.fact, back);
  ASSERT_EQ(verdict.periods.size(), 1U);
  EXPECT_EQ(verdict.periods.front().from.position, "1");
  EXPECT_EQ(verdict.periods.front().until.position, "2");
}

TEST(MergedLogs, OldestEdgeOfACycleIsTheOldestByTheClock) {
  MapStore store;
  MergeForest forest(store);
  OwnedMergeFact older = merge(in_log("b", "9", 500), "s:a");
  older.victim = "s:b";
  forest.apply(merge(in_log("a", "1", 900), "s:b"), 1);
  forest.apply(older, 1);
  EXPECT_EQ(forest.find("s:b")->decision, RedirectDecision::CycleInactive);
  EXPECT_EQ(forest.find("s:a")->root, "s:b");
}

TEST(MergedLogs, MostRecentValueIsThatOfTheLatestOfEachLogByTheClock) {
  const auto row = [](std::string_view id, std::string_view city, const OwnedVersion& version) {
    RowView view{.id = id, .status = RowStatus::Live};
    view.fields.push_back({"city", city, version.view()});
    return view;
  };
  const OwnedVersion old_clock = in_log("z", "1", 900);
  const OwnedVersion stepped_back = in_log("z", "2", 500);
  const OwnedVersion between = in_log("", "", 700);
  const RowView first = row("s:a", "Bonn", old_clock);
  const RowView second = row("s:b", "Ulm", stepped_back);
  const RowView third = row("s:c", "Kiel", between);
  SurvivorshipPolicy policy;
  policy.standard.rule = Survivorship::kMostRecent;
  const std::vector<MemberView> members{{"s:a", &first}, {"s:b", &second}, {"s:c", &third}};
  EXPECT_EQ(golden_fields("s:a", members, policy).front().value, "Kiel");
}

TEST(MergedLogsProperty, ForestIsAFunctionOfTheSetOfFacts) {
  const std::vector<std::string> ids{"s:a", "s:b", "s:c", "s:d"};
  size_t cycles = 0;
  for (uint32_t seed = 0; seed < 5'000; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](size_t n) {
      return std::uniform_int_distribution<size_t>(0, n)(random);
    };
    std::vector<OwnedMergeFact> facts(up_to(9) + 1);
    for (OwnedMergeFact& fact : facts) {
      fact = {.victim = ids[up_to(3)],
              .version =
                  in_log(std::array{"", "a", "b"}[up_to(2)],
                         std::array{"1", "2", "3", "4"}[up_to(3)], static_cast<int64_t>(up_to(5))),
              .kind = up_to(3) == 0 ? MergeFactKind::Unmerge : MergeFactKind::Merge};
      if (fact.kind == MergeFactKind::Merge) fact.survivor = ids[up_to(3)];
    }
    MapStore one_store;
    MapStore other_store;
    MergeForest one(one_store, UnmergedChildren::kStay);
    MergeForest other(other_store, UnmergedChildren::kStay);
    for (const OwnedMergeFact& fact : facts) one.apply(fact, 1);
    std::ranges::shuffle(facts, random);
    for (const OwnedMergeFact& fact : facts) other.apply(fact, 1);
    for (const std::string& id : ids) {
      const auto found = one.find(id);
      ASSERT_EQ(found, other.find(id)) << "seed " << seed << ' ' << id;
      if (found && found->decision == RedirectDecision::CycleInactive) ++cycles;
    }
  }
  EXPECT_GT(cycles, 100U);
}

TEST(MergedLogsProperty, GoldenRecordIsAFunctionOfTheSetOfMembers) {
  for (uint32_t seed = 0; seed < 5'000; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](size_t n) {
      return std::uniform_int_distribution<size_t>(0, n)(random);
    };
    std::vector<std::string> ids;
    for (size_t i = up_to(5) + 1; i > 0; --i) ids.push_back("s:" + std::to_string(i));
    std::vector<RowView> rows;
    for (const std::string& id : ids) {
      RowView& row = rows.emplace_back(RowView{.id = id, .status = RowStatus::Live});
      const std::string_view log = std::array{"", "a", "b"}[up_to(2)];
      const VersionView version{.commit_timestamp_ms = static_cast<int64_t>(up_to(5)),
                                .log = log,
                                .position = log.empty() ? "" : std::array{"1", "2", "3"}[up_to(2)]};
      row.fields.push_back({"city", std::array{"Bonn", "Ulm"}[up_to(1)], version});
    }
    std::vector<MemberView> members;
    for (size_t i = 0; i < ids.size(); ++i) members.push_back({ids[i], &rows[i]});
    SurvivorshipPolicy policy;
    policy.standard.rule = Survivorship::kMostRecent;
    const auto golden = golden_fields("s:1", members, policy);
    std::ranges::shuffle(members, random);
    ASSERT_EQ(golden_fields("s:1", members, policy), golden) << "seed " << seed;
    // No member of the same log is later.
    for (const RowView& row : rows) {
      const FieldView& field = row.fields.front();
      if (field.version.log != golden.front().version.log) continue;
      ASSERT_LE(field.version, golden.front().version) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace millrace::crm::merged_logs_test
