#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/model/ids.h"
#include "crm/signals/signal_topology.h"
#include "flow_runner.h"

namespace millrace::crm::child_flow_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kA = "sf:" + sf_id("001", 'a');
const std::string kB = "sf:" + sf_id("001", 'b');

std::string contact_event(int number, ChangeType type, int64_t ms, const FieldMap& fields) {
  return RawChange{.entity = "Contact",
                   .id = canonical_salesforce_id(fmt::format("003{:012}", number)).value(),
                   .type = type,
                   .ms = ms,
                   .fields = fields}
      .event();
}

class ChildFlowTest : public ::testing::Test {
 protected:
  void raw(const std::string& event) {
    runner_.pipe(kRawTopic, 0, event, 1);
    runner_.run();
  }
  void contact(int number, ChangeType type, int64_t ms, const FieldMap& fields = {}) {
    raw(contact_event(number, type, ms, fields));
  }
  void merge_fact(const std::string& value) {
    runner_.pipe(kMergeFacts.name, 0, value, 1);
    runner_.run();
  }
  /// Contacts in the account's state; nullopt: it has none.
  std::optional<uint64_t> contacts(const std::string& root) {
    const auto states = runner_.all_rows(kAccountStateStore);
    const auto found = states.find(root);
    if (found == states.end()) return std::nullopt;
    const auto* counts = flatbuffers::GetRoot<AccountState>(found->second.data())->children();
    return counts == nullptr ? std::nullopt : std::optional(counts->contacts());
  }

  FieldMap under_a_{{"AccountId", sf_id("001", 'a')}};
  FieldMap under_b_{{"AccountId", sf_id("001", 'b')}};
  Topology topology_ = account_topology(child_mapping()).value();
  FlowRunner runner_{topology_, 2, 1};
};

TEST_F(ChildFlowTest, ChildIsCountedAndNamedUnderItsAccount) {
  contact(1, ChangeType::Create, 5, under_a_);
  contact(2, ChangeType::Create, 5, under_a_);
  EXPECT_EQ(contacts(kA), 2U);
  const auto entries = runner_.all_rows(kRootChildStore);
  ASSERT_THAT(entries, SizeIs(2));
  const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(entries.begin()->second.data());
  const auto rows = runner_.all_rows(kChildRowStore);
  const auto& row = *flatbuffers::GetRoot<AccountRow>(
      rows.at(child_key(entry.kind(), entry.child()->string_view())).data());
  EXPECT_EQ(row.fields()->LookupByKey("account")->value()->str(), kA);
}

TEST_F(ChildFlowTest, AccountThatOnlyChildrenNameIsPendingWithThem) {
  contact(1, ChangeType::Create, 5, under_a_);
  const State state = state_of(runner_.all_rows(kAccountStateStore).at(kA));
  EXPECT_EQ(state.status, AccountStatus::Pending);
  EXPECT_THAT(state.members, IsEmpty());
}

TEST_F(ChildFlowTest, ChildWithAnotherParentLeavesTheOldOne) {
  contact(1, ChangeType::Create, 5, under_a_);
  contact(1, ChangeType::Update, 6, under_b_);
  EXPECT_EQ(contacts(kA), std::nullopt);
  EXPECT_EQ(contacts(kB), 1U);
  contact(1, ChangeType::Update, 4, under_a_);
  EXPECT_EQ(contacts(kB), 1U) << "late";
}

TEST_F(ChildFlowTest, ChildWithoutParentOrDeletedIsUnderNone) {
  contact(1, ChangeType::Create, 5, under_a_);
  contact(2, ChangeType::Create, 5, under_a_);
  contact(1, ChangeType::Update, 6, {{"AccountId", std::nullopt}});
  contact(2, ChangeType::Delete, 6);
  EXPECT_EQ(contacts(kA), std::nullopt);
  EXPECT_THAT(runner_.all_rows(kRootChildStore), IsEmpty());
  contact(2, ChangeType::Undelete, 7, under_a_);
  EXPECT_EQ(contacts(kA), 1U);
}

TEST_F(ChildFlowTest, ChildrenFollowAMergeAndComeBackWithTheUnmerge) {
  contact(1, ChangeType::Create, 5, under_a_);
  contact(2, ChangeType::Create, 5, under_b_);
  merge_fact(fact(MergeFactKind::Merge, kA, kB, 7));
  EXPECT_EQ(contacts(kA), std::nullopt);
  EXPECT_EQ(contacts(kB), 2U);
  contact(3, ChangeType::Create, 5, under_a_);
  EXPECT_EQ(contacts(kB), 3U);
  merge_fact(fact(MergeFactKind::Unmerge, kA, "", 8));
  EXPECT_EQ(contacts(kA), 2U);
  EXPECT_EQ(contacts(kB), 1U);
}

TEST(ChildStay, ChildrenThatCameWhileMergedStayWithTheSurvivor) {
  const Topology topology =
      account_topology(child_mapping(), {.unmerged_children = UnmergedChildren::kStay}).value();
  FlowRunner runner(topology, 2, 1);
  const auto children = [&] {
    runner.run();
    std::map<std::string, std::string> roots;
    for (const auto& [key, bytes] : runner.all_rows(kRootChildStore)) {
      const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
      roots[entry.child()->str().substr(16, 2)] = entry.root()->str().substr(17, 1);
    }
    return roots;
  };
  const auto contact = [&](int number, int64_t ms) {
    const FieldMap under_a{{"AccountId", sf_id("001", 'a')}};
    runner.pipe(kRawTopic, 0, contact_event(number, ChangeType::Create, ms, under_a), 1);
  };
  const auto merge = [&](const std::string& victim, const std::string& survivor, int64_t ms) {
    runner.pipe(kMergeFacts.name, 0, fact(MergeFactKind::Merge, victim, survivor, ms), 1);
  };
  using Roots = std::map<std::string, std::string>;
  contact(10, 1);
  contact(11, 5);
  contact(12, 9);
  merge(kA, kB, 4);
  EXPECT_EQ(children(), (Roots{{"10", "b"}, {"11", "b"}, {"12", "b"}}));
  runner.pipe(kMergeFacts.name, 0, fact(MergeFactKind::Unmerge, kA, "", 8), 1);
  EXPECT_EQ(children(), (Roots{{"10", "a"}, {"11", "b"}, {"12", "a"}}));
  merge(kB, "sf:" + sf_id("001", 'c'), 10);
  EXPECT_EQ(children(), (Roots{{"10", "a"}, {"11", "c"}, {"12", "a"}}));
  merge(kA, "sf:" + sf_id("001", 'd'), 11);
  EXPECT_EQ(children(), (Roots{{"10", "d"}, {"11", "c"}, {"12", "d"}}));
}

TEST_F(ChildFlowTest, ChildThatMovesWithinAComponentCountsOnce) {
  merge_fact(fact(MergeFactKind::Merge, kA, kB, 7));
  contact(1, ChangeType::Create, 5, under_a_);
  contact(1, ChangeType::Update, 8, under_b_);
  EXPECT_EQ(contacts(kB), 1U);
  EXPECT_THAT(runner_.all_rows(kRootChildStore), SizeIs(1));
}

TEST_F(ChildFlowTest, UpdateOfAChildDoesNotPublishItsAccount) {
  contact(1, ChangeType::Create, 5, under_a_);
  const size_t before = runner_.output(kAccountStates.name).size();
  contact(1, ChangeType::Update, 6, {{"Name", "Ada"}});
  EXPECT_EQ(runner_.output(kAccountStates.name).size(), before);
}

TEST(ChildTopology, KindsNeedOneNameForTheirParent) {
  Mapping mapping = child_mapping();
  mapping.topics[0].entities.at("Asset").parent = "";
  EXPECT_THAT(account_topology(mapping).message(), HasSubstr("'Asset': a asset needs a parent"));
  Mapping other = child_mapping();
  TopicMapping again = other.topics[0];
  again.topic = "crm.raw.sf2";
  again.entities.at("Asset").parent = "owner";
  other.topics.push_back(again);
  EXPECT_THAT(account_topology(other).message(), HasSubstr("crm.raw.sf2, entity 'Asset'"));
}

/// Reads, writes and steps in all stores for `event`, all that follows from it included.
size_t cost_of(FlowRunner& runner, const std::string& event) {
  const size_t before = runner.store_operations();
  runner.pipe(kRawTopic, 0, event, 1);
  runner.run();
  return runner.store_operations() - before;
}

struct Costs {
  std::vector<size_t> events;
  size_t merge = 0;
  friend bool operator==(const Costs&, const Costs&) = default;
};

/// Costs at an account with so many contacts.
Costs costs_with(int children) {
  const Topology topology = account_topology(child_mapping()).value();
  FlowRunner runner(topology, 2, 1);
  const FieldMap under_a{{"AccountId", sf_id("001", 'a')}, {"Name", "x"}};
  RawChange account{.entity = "Account", .id = sf_id("001", 'a'), .ms = 1};
  cost_of(runner, account.event());
  for (int i = 1; i <= children; ++i)
    cost_of(runner, contact_event(i, ChangeType::Create, 1, under_a));
  Costs costs;
  const int next = children + 1;
  account.ms = 2;
  account.fields["Name"] = "Acme";
  costs.events = {cost_of(runner, contact_event(next, ChangeType::Create, 2, under_a)),
                  cost_of(runner, contact_event(next, ChangeType::Update, 3, {{"Name", "y"}})),
                  cost_of(runner, contact_event(next, ChangeType::Update, 4,
                                                {{"AccountId", sf_id("001", 'b')}})),
                  cost_of(runner, contact_event(next, ChangeType::Update, 5, under_a)),
                  cost_of(runner, contact_event(next, ChangeType::Delete, 6, {})),
                  cost_of(runner, contact_event(1, ChangeType::Update, 7, {{"Name", "z"}})),
                  cost_of(runner, account.event())};
  const size_t before = runner.store_operations();
  runner.pipe(kMergeFacts.name, 0, fact(MergeFactKind::Merge, kA, kB, 7), 1);
  runner.run();
  costs.merge = runner.store_operations() - before;
  return costs;
}

TEST(ChildCosts, EventOfAnAccountWithFiftyThousandChildrenCostsWhatItDoesWithThree) {
  constexpr int kMany = 50'000;
  const Costs few = costs_with(3);
  const Costs many = costs_with(kMany);
  EXPECT_EQ(many.events, few.events);
  EXPECT_LT(many.merge, kMany * 40) << "a merge costs a constant per child";
}

UnmergedChildren policy_of(uint32_t seed) {
  return seed % 3 == 0 ? UnmergedChildren::kReturn : UnmergedChildren::kStay;
}

TEST(ChildFlowProperty, DrainedFlowEqualsTheOracleInAnyOrder) {
  for (uint32_t seed = 0; seed < 3'000; ++seed) {
    ChildWorld world(seed);
    const Topology topology =
        account_topology(child_mapping(), {.child_move_slice = world.up_to(2) + 1,
                                           .delete_grace_ms = seed % 2,
                                           .unmerged_children = policy_of(seed)})
            .value();
    FlowRunner runner(topology, static_cast<int32_t>(seed % 4) + 1, seed);
    runner.hold(kTransactionTimers);
    runner.hold(kPastParentTimers);
    for (auto& [topic, value] : world.records()) {
      const auto partition = world.up_to(static_cast<size_t>(runner.partitions() - 1));
      runner.pipe(topic, static_cast<int32_t>(partition), value, 1);
    }
    runner.run();
    const auto rows_of = [&runner](std::string_view store) { return runner.all_rows(store); };
    ASSERT_EQ(accounts_with_children(rows_of), world.expected(policy_of(seed))) << "seed " << seed;
    ASSERT_THAT(runner.all_rows(kChildMoveStore), IsEmpty()) << "seed " << seed;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace millrace::crm::child_flow_test
