// Merges that nobody states: from masters of deleted rows and from what one transaction did.
#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/merges/merge_fact.h"
#include "crm/signals/signal_topology.h"
#include "flow_runner.h"
#include "signal_oracle.h"

namespace millrace::crm::signal_flow_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMergeMs = 10;

std::string account_id(char letter) {
  return "sf:" + sf_id("001", letter);
}

RawChange account(char letter, ChangeType type, int64_t ms, FieldMap fields = {}) {
  return {.entity = "Account",
          .id = sf_id("001", letter),
          .type = type,
          .ms = ms,
          .fields = std::move(fields),
          .transaction = "tx" + std::to_string(ms)};
}
RawChange contact_of(char account_letter, ChangeType type, int64_t ms) {
  return {.entity = "Contact",
          .id = sf_id("003", 'x'),
          .type = type,
          .ms = ms,
          .fields = {{"AccountId", sf_id("001", account_letter)}},
          .transaction = "tx" + std::to_string(ms)};
}

/// Account a is merged into b, with one contact.
std::vector<RawChange> merge_transaction() {
  return {account('a', ChangeType::Delete, kMergeMs), account('b', ChangeType::Update, kMergeMs),
          contact_of('b', ChangeType::Update, kMergeMs),
          contact_of('a', ChangeType::Create, kMergeMs - 5)};
}

class SignalFlowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    runner_.hold(kTransactionTimers);
    runner_.hold(kPastParentTimers);
  }
  void raw(const RawChange& change) {
    runner_.pipe(kRawTopic, 0, change.event(), 1);
    runner_.run();
  }
  void fact_about(MergeFactKind kind, const std::string& survivor, int64_t ms) {
    runner_.pipe(kMergeFacts.name, 0, fact(kind, account_id('a'), survivor, ms), 1);
    runner_.run();
  }
  /// Where account a leads.
  std::string root_of_a() {
    const auto redirects = runner_.all_rows(kRedirectStore);
    const auto found = redirects.find(account_id('a'));
    return found == redirects.end()
               ? account_id('a')
               : flatbuffers::GetRoot<Redirect>(found->second.data())->root()->str();
  }

  Topology topology_ = account_topology(child_mapping()).value();
  FlowRunner runner_{topology_, 3, 1};
};

TEST_F(SignalFlowTest, MasterOfADeletedRowIsAMerge) {
  raw(account('a', ChangeType::Create, 1, {{"Name", "A"}}));
  raw(account('b', ChangeType::Create, 1, {{"Name", "B"}}));
  raw(account('a', ChangeType::Delete, 5, {{"MasterRecordId", sf_id("001", 'b')}}));
  EXPECT_EQ(root_of_a(), account_id('b'));
  const State state = state_of(runner_.all_rows(kAccountStateStore).at(account_id('b')));
  EXPECT_EQ(state.status, AccountStatus::Active);
  EXPECT_EQ(state.members.size(), 2U);
}

TEST_F(SignalFlowTest, MasterOfAnUpdatedRowIsAMerge) {
  raw(account('a', ChangeType::Update, 5, {{"MasterRecordId", sf_id("001", 'b')}}));
  EXPECT_EQ(root_of_a(), account_id('b'));
}

TEST_F(SignalFlowTest, TransactionIsAMergeInWhateverOrderItsPartsCome) {
  const std::vector<RawChange> parts = merge_transaction();
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    FlowRunner runner(topology_, 3, 1);
    runner.hold(kTransactionTimers);
    runner.hold(kPastParentTimers);
    for (const size_t part : order) {
      EXPECT_FALSE(runner.all_rows(kRedirectStore).contains(account_id('a')));
      for (int twice = 0; twice < 2; ++twice) runner.pipe(kRawTopic, 0, parts[part].event(), 1);
      runner.run();
    }
    const auto redirects = runner.all_rows(kRedirectStore);
    ASSERT_TRUE(redirects.contains(account_id('a')));
    EXPECT_EQ(
        flatbuffers::GetRoot<Redirect>(redirects.at(account_id('a')).data())->root()->string_view(),
        account_id('b'));
  } while (std::ranges::next_permutation(order).found);
}

TEST_F(SignalFlowTest, TransactionWithoutOneOfItsPartsIsNone) {
  for (size_t missing = 0; missing < merge_transaction().size(); ++missing) {
    FlowRunner runner(topology_, 3, 1);
    std::vector<RawChange> parts = merge_transaction();
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(missing));
    for (const RawChange& part : parts) runner.pipe(kRawTopic, 0, part.event(), 1);
    runner.hold(kTransactionTimers);
    runner.hold(kPastParentTimers);
    runner.run();
    EXPECT_THAT(runner.all_rows(kRedirectStore), IsEmpty()) << "without part " << missing;
  }
}

TEST_F(SignalFlowTest, PartsOfAnotherTransactionDoNotCount) {
  std::vector<RawChange> parts = merge_transaction();
  parts[1].transaction = "another";
  for (const RawChange& part : parts) raw(part);
  EXPECT_EQ(root_of_a(), account_id('a'));
}

TEST_F(SignalFlowTest, ParentThatWasMovedOnIsStillKnown) {
  std::vector<RawChange> parts = merge_transaction();
  raw(contact_of('c', ChangeType::Update, kMergeMs + 9));
  for (const RawChange& part : parts) raw(part);
  EXPECT_EQ(root_of_a(), account_id('b'));
}

TEST_F(SignalFlowTest, UndeleteTakesAnInferredMergeBackInAnyOrder) {
  const RawChange undelete = account('a', ChangeType::Undelete, kMergeMs + 1);
  raw(undelete);
  for (const RawChange& part : merge_transaction()) raw(part);
  EXPECT_EQ(root_of_a(), account_id('a'));
  raw(undelete);
  EXPECT_EQ(root_of_a(), account_id('a'));
  raw(account('a', ChangeType::Delete, kMergeMs + 2, {{"MasterRecordId", sf_id("001", 'c')}}));
  EXPECT_EQ(root_of_a(), account_id('c'));
}

TEST_F(SignalFlowTest, UndeleteLeavesWhatSomebodyStated) {
  fact_about(MergeFactKind::Merge, account_id('c'), 3);
  for (const RawChange& part : merge_transaction()) raw(part);
  EXPECT_EQ(root_of_a(), account_id('b'));
  raw(account('a', ChangeType::Undelete, kMergeMs + 1));
  EXPECT_EQ(root_of_a(), account_id('c'));
}

TEST_F(SignalFlowTest, StatedUnmergeTakesASignalBack) {
  for (const RawChange& part : merge_transaction()) raw(part);
  fact_about(MergeFactKind::Unmerge, "", kMergeMs + 1);
  EXPECT_EQ(root_of_a(), account_id('a'));
}

TEST(SignalTopology, WithoutAWindowNothingIsInferred) {
  const Topology topology =
      account_topology(child_mapping(), {.merge_inference_window_ms = 0}).value();
  EXPECT_EQ(topology.find_store(kTransactionStore), nullptr);
  FlowRunner runner(topology, 2, 1);
  for (const RawChange& part : merge_transaction()) runner.pipe(kRawTopic, 0, part.event(), 1);
  runner.run();
  EXPECT_THAT(runner.all_rows(kRedirectStore), IsEmpty());
}

TEST(SignalTopology, AccountsHaveOneNameForTheirMaster) {
  Mapping mapping = child_mapping();
  TopicMapping again = mapping.topics[0];
  again.topic = "crm.raw.sf2";
  again.entities.at("Account").master = "main";
  mapping.topics.push_back(again);
  EXPECT_THAT(account_topology(mapping).message(),
              HasSubstr("its master 'main' is called 'master' elsewhere"));
}

/// The facts that all victims of a world have in the end.
std::set<OwnedMergeFact> facts_in(const FlowRunner& runner) {
  std::set<OwnedMergeFact> facts;
  for (const auto& [key, bytes] : runner.all_rows(kForestStore)) {
    if (key.front() != 'f') continue;
    facts.insert(copy_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())));
  }
  return facts;
}

TEST(SignalProperty, AnyOrderOfArrivalTellsTheSameFacts) {
  const Topology topology = account_topology(child_mapping()).value();
  size_t inferred = 0;
  for (uint32_t seed = 0; seed < 3'000; ++seed) {
    ChildWorld world(seed);
    FlowRunner runner(topology, static_cast<int32_t>(seed % 4) + 1, seed);
    runner.hold(kTransactionTimers);
    runner.hold(kPastParentTimers);
    for (auto& [topic, value] : world.records()) {
      if (topic != kRawTopic) continue;
      const auto partition = world.up_to(static_cast<size_t>(runner.partitions() - 1));
      runner.pipe(topic, static_cast<int32_t>(partition), value, 1);
    }
    runner.run();
    // Of one version and authority the highest is kept.
    std::map<std::tuple<std::string, OwnedVersion, MergeAuthority>, OwnedMergeFact> expected;
    for (const OwnedMergeFact& fact : signals_of(world.changes())) {
      OwnedMergeFact& highest = expected[{fact.victim, fact.version, fact.authority}];
      highest = std::max(highest, fact);
    }
    std::set<OwnedMergeFact> facts;
    for (const auto& [key, fact] : expected) facts.insert(fact);
    ASSERT_EQ(facts_in(runner), facts) << "seed " << seed;
    inferred += static_cast<size_t>(std::ranges::count(
        facts, MergeAuthority::Transaction, [](const auto& fact) { return fact.authority; }));
  }
  EXPECT_GT(inferred, 1'000U) << "the worlds have too few merges to show anything";
}

}  // namespace millrace::crm::signal_flow_test
