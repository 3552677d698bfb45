#include "crm/merges/merge_forest.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "map_store.h"
#include "merge_oracle.h"

namespace millrace::crm::merge_forest_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OwnedVersion at(int64_t ms) {
  return {ms, 0, ""};
}

OwnedMergeFact merge(const std::string& victim, const std::string& survivor, int64_t ms) {
  return {.victim = victim, .version = at(ms), .survivor = survivor};
}
OwnedMergeFact unmerge(const std::string& victim, int64_t ms) {
  return {.victim = victim, .version = at(ms), .kind = MergeFactKind::Unmerge};
}
OwnedMergeFact split(const std::string& victim, std::vector<std::string> successors, int64_t ms) {
  return {.victim = victim,
          .version = at(ms),
          .kind = MergeFactKind::Split,
          .successors = std::move(successors)};
}

class MergeForestTest : public ::testing::Test {
 protected:
  ForestChanges apply(const OwnedMergeFact& fact) { return forest_.apply(fact, 7); }
  std::string root(const std::string& id) {
    const auto redirect = forest_.find(id);
    return redirect ? redirect->root : "unknown";
  }
  static std::vector<std::string> ids(const ForestChanges& changes) {
    std::vector<std::string> ids;
    for (const auto& redirect : changes.redirects) ids.push_back(redirect.id);
    return ids;
  }

  MapStore store_;
  MergeForest forest_{store_};
};

TEST_F(MergeForestTest, ChainResolvesEveryIdToItsEnd) {
  apply(merge("s:a", "s:b", 1));
  const ForestChanges changes = apply(merge("s:b", "s:c", 2));
  EXPECT_THAT(ids(changes), ElementsAre("s:a", "s:b", "s:c"));
  EXPECT_EQ(root("s:a"), "s:c");
  EXPECT_EQ(forest_.find("s:a")->survivor, "s:b");
}

TEST_F(MergeForestTest, MergeIntoAnOldVictimOfAChainTouchesOnlyTheNewMember) {
  apply(merge("s:a", "s:b", 1));
  apply(merge("s:b", "s:c", 2));
  EXPECT_THAT(ids(apply(merge("s:d", "s:a", 3))), ElementsAre("s:d"));
  EXPECT_EQ(root("s:d"), "s:c");
}

TEST_F(MergeForestTest, OlderFactOfAVictimChangesNothing) {
  apply(merge("s:a", "s:b", 5));
  const ForestChanges changes = apply(unmerge("s:a", 4));
  EXPECT_THAT(changes.redirects, IsEmpty());
  EXPECT_EQ(root("s:a"), "s:b");
}

TEST_F(MergeForestTest, IdNamedOnlyByAnOlderFactResolvesToItself) {
  apply(merge("s:a", "s:b", 5));
  EXPECT_THAT(ids(apply(merge("s:a", "s:c", 4))), ElementsAre("s:c"));
  EXPECT_EQ(root("s:c"), "s:c");
  EXPECT_EQ(root("s:never"), "unknown");
}

TEST_F(MergeForestTest, UnmergeTakesTheVictimAndItsOwnVictimsOut) {
  apply(merge("s:a", "s:b", 1));
  apply(merge("s:b", "s:c", 2));
  apply(merge("s:d", "s:c", 3));
  EXPECT_THAT(ids(apply(unmerge("s:b", 4))), ElementsAre("s:a", "s:b"));
  EXPECT_EQ(root("s:a"), "s:b");
  EXPECT_EQ(root("s:d"), "s:c");
}

TEST_F(MergeForestTest, DropsOldestEdgeOfACycleAndReportsIt) {
  apply(merge("s:a", "s:b", 1));
  const ForestChanges changes = apply(merge("s:b", "s:a", 2));
  EXPECT_EQ(root("s:b"), "s:a");
  EXPECT_EQ(root("s:a"), "s:a");
  EXPECT_EQ(forest_.find("s:a")->decision, RedirectDecision::CycleInactive);
  EXPECT_THAT(changes.conflicts,
              ElementsAre(OwnedConflict{ConflictKind::CycleEdgeInactive, {"s:a", "s:b"}, at(1)}));
}

TEST_F(MergeForestTest, InactiveEdgeComesBackWhenItsCycleGoes) {
  apply(merge("s:a", "s:b", 1));
  apply(merge("s:b", "s:c", 2));
  apply(merge("s:c", "s:a", 3));
  ASSERT_EQ(root("s:b"), "s:a");
  const ForestChanges changes = apply(unmerge("s:b", 4));
  EXPECT_EQ(root("s:a"), "s:b");
  EXPECT_EQ(root("s:c"), "s:b");
  EXPECT_THAT(changes.conflicts,
              ElementsAre(OwnedConflict{ConflictKind::CycleResolved, {"s:a", "s:b"}, at(1)}));
}

TEST_F(MergeForestTest, MergeIntoItselfIsACycleOfOne) {
  const ForestChanges changes = apply(merge("s:a", "s:a", 1));
  EXPECT_EQ(root("s:a"), "s:a");
  EXPECT_EQ(changes.conflicts.size(), 1u);
}

TEST_F(MergeForestTest, SplitUndoesTheMergeAndIsReported) {
  apply(merge("s:a", "s:b", 1));
  const ForestChanges changes = apply(split("s:a", {"s:c", "s:d"}, 2));
  EXPECT_EQ(root("s:a"), "s:a");
  EXPECT_EQ(root("s:d"), "s:d");
  EXPECT_THAT(changes.conflicts,
              ElementsAre(OwnedConflict{ConflictKind::Split, {"s:a", "s:c", "s:d"}, at(2)}));
}

TEST_F(MergeForestTest, CostOfAFanInMemberDoesNotGrowWithTheFanIn) {
  for (int i = 0; i < 1000; ++i) apply(merge("s:v" + std::to_string(i), "s:hub", i));
  const size_t before = store_.reads();
  apply(merge("s:new", "s:hub", 5000));
  EXPECT_LE(store_.reads() - before, 4u);
}

OwnedMergeFact signal(MergeAuthority authority, const std::string& victim,
                      const std::string& survivor, int64_t ms) {
  OwnedMergeFact fact = survivor.empty() ? unmerge(victim, ms) : merge(victim, survivor, ms);
  fact.authority = authority;
  return fact;
}

TEST_F(MergeForestTest, OfOneVersionTheHigherAuthorityDecides) {
  apply(merge("s:a", "s:explicit", 5));
  apply(signal(MergeAuthority::MasterRecord, "s:a", "s:master", 5));
  EXPECT_EQ(root("s:a"), "s:explicit");
  apply(signal(MergeAuthority::MasterRecord, "s:b", "s:master", 5));
  apply(signal(MergeAuthority::Transaction, "s:b", "s:z", 5));
  EXPECT_EQ(root("s:b"), "s:master");
  apply(signal(MergeAuthority::Transaction, "s:b", "s:z", 6));
  EXPECT_EQ(root("s:b"), "s:z");
}

TEST_F(MergeForestTest, UndeleteTakesSignalsBackAndNothingElse) {
  apply(merge("s:a", "s:explicit", 3));
  apply(signal(MergeAuthority::Transaction, "s:a", "s:b", 5));
  EXPECT_EQ(root("s:a"), "s:b");
  apply(signal(MergeAuthority::Undelete, "s:a", "", 7));
  EXPECT_EQ(root("s:a"), "s:explicit");
  apply(signal(MergeAuthority::MasterRecord, "s:c", "s:b", 5));
  apply(signal(MergeAuthority::Undelete, "s:c", "", 6));
  EXPECT_EQ(root("s:c"), "s:c");
  EXPECT_EQ(forest_.find("s:c")->decision, RedirectDecision::Unmerged);
  apply(signal(MergeAuthority::Transaction, "s:c", "s:b", 8));
  EXPECT_EQ(root("s:c"), "s:b");
}

TEST(MergeForestStays, AreOfEveryMergeThatWasTakenBackAndFollowTheSurvivor) {
  MapStore store;
  MergeForest forest(store, UnmergedChildren::kStay);
  forest.apply(merge("s:a", "s:b", 2), 7);
  forest.apply(merge("s:a", "s:c", 3), 7);
  EXPECT_THAT(forest.find("s:a")->stays, IsEmpty());
  forest.apply(unmerge("s:a", 5), 7);
  forest.apply(merge("s:a", "s:d", 8), 7);
  EXPECT_THAT(forest.find("s:a")->stays, ElementsAre(OwnedStay{at(2), at(5), "s:c", "s:c"}));
  const ForestChanges changes = forest.apply(merge("s:c", "s:e", 9), 7);
  EXPECT_EQ(changes.redirects.front().id, "s:a");
  EXPECT_THAT(forest.find("s:a")->stays, ElementsAre(OwnedStay{at(2), at(5), "s:c", "s:e"}));
}

TEST_F(MergeForestTest, UndeleteOfWhatNoSignalMergedSaysNothing) {
  apply(signal(MergeAuthority::Undelete, "s:a", "", 7));
  EXPECT_EQ(forest_.find("s:a")->decision, RedirectDecision::None);
}

/// A random small world: few ids and few versions, so that chains, cycles and ties are common.
class RandomFacts {
 public:
  explicit RandomFacts(uint32_t seed) : random_(seed) {}

  std::vector<OwnedMergeFact> make() {
    ids_ = up_to(7) + 2;
    versions_ = up_to(12) + 1;
    std::vector<OwnedMergeFact> facts(up_to(16) + 1);
    for (OwnedMergeFact& fact : facts) fact = make_fact();
    return facts;
  }

  std::vector<OwnedMergeFact> reordered_with_duplicates(std::vector<OwnedMergeFact> facts) {
    const size_t duplicates = up_to(facts.size());
    for (size_t i = 0; i < duplicates; ++i) facts.push_back(facts[up_to(facts.size() - 1)]);
    std::ranges::shuffle(facts, random_);
    return facts;
  }

 private:
  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }
  std::string any_id() { return "s:" + std::string(1, static_cast<char>('a' + up_to(ids_ - 1))); }
  OwnedMergeFact make_fact() {
    const auto ms = static_cast<int64_t>(up_to(versions_ - 1));
    const size_t dice = up_to(19);
    if (dice < 3) return unmerge(any_id(), ms);
    if (dice > 12) return merge(any_id(), any_id(), ms);
    if (dice > 3) return make_signal(ms);
    std::vector<std::string> successors{any_id(), any_id()};
    std::ranges::sort(successors);
    successors.erase(std::unique(successors.begin(), successors.end()), successors.end());
    return split(any_id(), successors, ms);
  }

  OwnedMergeFact make_signal(int64_t ms) {
    OwnedMergeFact signal = merge(any_id(), any_id(), ms);
    signal.authority = static_cast<MergeAuthority>(up_to(2));
    if (signal.authority != MergeAuthority::Undelete) return signal;
    signal.kind = MergeFactKind::Unmerge;
    signal.survivor.clear();
    return signal;
  }

  std::mt19937 random_;
  size_t ids_ = 2;
  size_t versions_ = 1;
};

constexpr uint32_t kCases = 20'000;

/// The state as someone sees it who only reads what `apply` returned.
struct Follower {
  std::map<std::string, OwnedRedirect> redirects;
  std::set<OwnedConflict> inactive_edges;

  void follow(const ForestChanges& changes) {
    for (const OwnedRedirect& redirect : changes.redirects) redirects[redirect.id] = redirect;
    for (const OwnedConflict& conflict : changes.conflicts) {
      OwnedConflict edge = conflict;
      edge.kind = ConflictKind::CycleEdgeInactive;
      if (conflict.kind == ConflictKind::CycleEdgeInactive) {
        EXPECT_TRUE(inactive_edges.insert(edge).second);
      } else if (conflict.kind == ConflictKind::CycleResolved) {
        EXPECT_EQ(inactive_edges.erase(edge), 1u);
      }
    }
  }
};

std::vector<OwnedRedirect> difference(const MergeOracle& before, const MergeOracle& after) {
  std::vector<OwnedRedirect> changed;
  for (const auto& [id, redirect] : after.redirects) {
    const auto it = before.redirects.find(id);
    if (it == before.redirects.end() || it->second != redirect) changed.push_back(redirect);
  }
  return changed;
}

UnmergedChildren policy_of(uint32_t seed) {
  return seed % 2 == 0 ? UnmergedChildren::kReturn : UnmergedChildren::kStay;
}

TEST(MergeForestProperty, EveryStepEqualsTheOracleAndEmitsExactlyTheDifference) {
  for (uint32_t seed = 0; seed < kCases; ++seed) {
    const std::vector<OwnedMergeFact> facts = RandomFacts(seed).make();
    MapStore store;
    MergeForest forest(store, policy_of(seed));
    Follower follower;
    MergeOracle before({});
    for (size_t i = 0; i < facts.size(); ++i) {
      const ForestChanges changes = forest.apply(facts[i], 7);
      follower.follow(changes);
      MergeOracle after(std::span<const OwnedMergeFact>{facts}.first(i + 1), policy_of(seed));
      ASSERT_EQ(changes.redirects, difference(before, after)) << "seed " << seed << " fact " << i;
      ASSERT_EQ(follower.inactive_edges, after.inactive_edges) << "seed " << seed << " fact " << i;
      for (const auto& [id, redirect] : after.redirects) {
        ASSERT_EQ(forest.find(id), redirect) << "seed " << seed << " fact " << i;
      }
      std::set<OwnedConflict> new_splits;
      std::ranges::set_difference(after.splits, before.splits,
                                  std::inserter(new_splits, new_splits.end()));
      for (const OwnedConflict& conflict : changes.conflicts) {
        if (conflict.kind != ConflictKind::Split) continue;
        ASSERT_EQ(new_splits.erase(conflict), 1u);
      }
      ASSERT_THAT(new_splits, IsEmpty()) << "seed " << seed << " fact " << i;
      before = std::move(after);
    }
    ASSERT_EQ(follower.redirects, before.redirects);
  }
}

TEST(MergeForestProperty, StoreIsAFunctionOfTheSetOfFacts) {
  for (uint32_t seed = 0; seed < kCases; ++seed) {
    RandomFacts random(seed);
    const std::vector<OwnedMergeFact> facts = random.make();
    MapStore first;
    MergeForest forest(first, policy_of(seed));
    for (const OwnedMergeFact& fact : facts) forest.apply(fact, 7);
    MapStore second;
    MergeForest other(second, policy_of(seed));
    for (const auto& fact : random.reordered_with_duplicates(facts)) other.apply(fact, 7);
    ASSERT_EQ(first.rows(), second.rows()) << "seed " << seed;
  }
}

TEST(MergeForestProperty, ApplyingEverythingAgainChangesNothing) {
  for (uint32_t seed = 0; seed < kCases / 4; ++seed) {
    RandomFacts random(seed);
    const std::vector<OwnedMergeFact> facts = random.make();
    MapStore store;
    MergeForest forest(store);
    for (const OwnedMergeFact& fact : facts) forest.apply(fact, 7);
    for (const OwnedMergeFact& fact : facts) {
      const ForestChanges changes = forest.apply(fact, 7);
      ASSERT_THAT(changes.redirects, IsEmpty()) << "seed " << seed;
      ASSERT_THAT(changes.conflicts, IsEmpty()) << "seed " << seed;
    }
  }
}

Result<OwnedMergeFact> read(const MergeFactT& fact) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(MergeFact::Pack(builder, &fact));
  return read_merge_fact(*flatbuffers::GetRoot<MergeFact>(builder.GetBufferPointer()));
}

TEST(ReadMergeFact, RefusesWhatIsNoFact) {
  MergeFactT fact;
  fact.victim = "ror:a";
  fact.survivor = "ror:b";
  fact.version = std::make_unique<VersionT>();
  EXPECT_TRUE(read(fact).ok());
  fact.survivor = "b";
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.survivor = "";
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.kind = MergeFactKind::Split;
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.successors = {"ror:d", "ror:c", "ror:d"};
  EXPECT_THAT(read(fact)->successors, ElementsAre("ror:c", "ror:d"));
  fact.authority = MergeAuthority::Transaction;
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.kind = MergeFactKind::Merge;
  fact.survivor = "ror:b";
  EXPECT_TRUE(read(fact).ok());
  fact.authority = MergeAuthority::Undelete;
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.authority = static_cast<MergeAuthority>(9);
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
  fact.kind = static_cast<MergeFactKind>(9);
  EXPECT_EQ(read(fact).code(), ErrorCode::kInvalidRecord);
}

}  // namespace millrace::crm::merge_forest_test
