// Versions of one topology beside each other in a group.
#include "engine/group/upgrade.h"

#include <gmock/gmock.h>

#include "group_member.h"

namespace millrace::engine::upgrade_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SubTopology reading(int32_t index, const std::vector<std::string>& topics) {
  SubTopology sub_topology;
  sub_topology.index = index;
  sub_topology.partitions = 2;
  for (const std::string& topic : topics) {
    sub_topology.inputs.push_back({.node = 0, .topic = topic, .output = -1, .prefetch = {}});
  }
  return sub_topology;
}

TEST(Upgrade, ANumberMeansTheSameInputsToBothVersions) {
  const std::vector<SubTopology> sub_topologies{reading(0, {"b", "a"}), reading(1, {"c"})};
  const std::vector<std::string> ours = inputs_by_number(sub_topologies);
  EXPECT_THAT(ours, ElementsAre("a,b", "c"));
  InstanceReport theirs;
  theirs.instance = "other";
  for (const std::vector<std::string>& inputs :
       {std::vector<std::string>{}, {"a,b"}, {"a,b", "c"}, {"a,b", "c", "d"}}) {
    theirs.inputs = inputs;
    EXPECT_TRUE(check_same_numbers(ours, theirs).ok());
  }
  theirs.inputs = {"a,b", "new", "c"};
  const Status refused = check_same_numbers(ours, theirs);
  EXPECT_EQ(refused.code(), ErrorCode::kConfig);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("sub-topology 1 reads 'c' here, and 'new' in the version that "
                              "instance 'other'"),
                    HasSubstr("Stop all instances of both versions")));
}

class UpgradeTest : public ::testing::Test {
 protected:
  using Member = GroupMemberUnderTest;

  UpgradeTest() { world_.broker.create_topic("new", 2); }

  /// An instance of the next version, which reads the topic "new" before the others.
  std::unique_ptr<Member> renumbered(const std::string& name) {
    auto member = std::make_unique<Member>(world_, name);
    member->sub_topologies = {reading(0, {"new"}), reading(1, {"in"})};
    EXPECT_TRUE(member->join().ok());
    return member;
  }
  std::unique_ptr<Member> joined(const std::string& name, bool is_static = false) {
    auto member = std::make_unique<Member>(world_, name, is_static);
    EXPECT_TRUE(member->join().ok());
    return member;
  }
  /// Turns until each has what the first plan of their generation gives it.
  Status settle(const std::vector<Member*>& members) {
    for (int i = 0; i < 1'000; ++i) {
      bool is_settled = true;
      for (Member* const member : members) {
        MILLRACE_RETURN_IF_ERROR(member->turn());
        is_settled = is_settled && member->owned &&
                     member->owned->group.generation == members[0]->owned->group.generation;
      }
      if (is_settled) return {};
      world_.clock.advance(1);
    }
    return Error{ErrorCode::kInternal, "no plan gives everybody something"};
  }

  GroupWorld world_{2};
};

TEST_F(UpgradeTest, AVersionThatRenumbersEndsBesideAnOlderOne) {
  // Whichever of the two names leads, the one that came later has to end.
  for (const auto& [older, newer] : {std::pair("a", "b"), std::pair("d", "c")}) {
    const auto old_version = joined(older);
    ASSERT_TRUE(settle({old_version.get()}));
    auto new_version = renumbered(newer);
    Status ended;
    for (int i = 0; i < 1'000 && ended.ok(); ++i) {
      ASSERT_TRUE(old_version->turn().ok());
      ended = new_version->turn();
      EXPECT_FALSE(new_version->owned);
      world_.clock.advance(1);
    }
    EXPECT_EQ(ended.code(), ErrorCode::kConfig);
    EXPECT_THAT(ended.message(), HasSubstr("reads 'new' here, and 'in'"));
    new_version.reset();
    ASSERT_TRUE(settle({old_version.get()}));
    EXPECT_EQ(old_version->owned->active.size(), 2U);
  }
}

TEST_F(UpgradeTest, OfTwoVersionsThatStartTogetherOneEndsAndTheOtherRuns) {
  for (const auto& [older, newer] : {std::pair("a", "b"), std::pair("d", "c")}) {
    std::vector<std::unique_ptr<Member>> members;
    members.push_back(joined(older));
    members.push_back(renumbered(newer));
    Status ended;
    for (int i = 0; i < 1'000 && members.size() == 2; ++i) {
      for (size_t m = 0; m < members.size() && ended.ok(); ++m) {
        EXPECT_FALSE(members[m]->owned);
        ended = members[m]->turn();
        if (!ended.ok()) members.erase(members.begin() + static_cast<std::ptrdiff_t>(m));
      }
      world_.clock.advance(1);
    }
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.code(), ErrorCode::kConfig);
    EXPECT_THAT(ended.message(), HasSubstr("Stop all instances of both versions, then start"));
    ASSERT_TRUE(settle({members.front().get()}));
  }
}

TEST_F(UpgradeTest, AfterAStopOfAllARenumberedVersionRuns) {
  auto old_version = joined("a");
  ASSERT_TRUE(settle({old_version.get()}));
  old_version.reset();
  const auto new_version = renumbered("b");
  ASSERT_TRUE(settle({new_version.get()}));
  EXPECT_EQ(new_version->owned->active.size(), 4U);
}

TEST_F(UpgradeTest, AStaticMemberThatStoppedDoesNotCountThoughKafkaStillListsIt) {
  auto old_version = joined("a", true);
  ASSERT_TRUE(settle({old_version.get()}));
  old_version->stop();
  const auto new_version = renumbered("b");
  new_version->bends.members = [](Admin& admin) -> Result<std::vector<GroupMember>> {
    Result<std::vector<GroupMember>> members = admin.group_members();
    if (members.ok()) members->push_back({"a", "a-of-before"});
    return members;
  };
  ASSERT_TRUE(settle({new_version.get()}));
}

}  // namespace millrace::engine::upgrade_test
