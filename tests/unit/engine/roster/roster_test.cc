// Plans that a roster is given, whoever wrote them.
#include <gmock/gmock.h>

#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::roster_test {

using ::testing::ElementsAre;

constexpr TaskId kTask{0, 0};

class Roster : public ::testing::Test {
 protected:
  Roster() : home_(scripted({.process = count_up, .with_store = true}).value(), 1) {}

  RosterHome home_;
};

TEST_F(Roster, AStandbyGivenToRunAndTakenBackBeforeItBeganFollowsOn) {
  ASSERT_TRUE(home_.open());
  home_.give({}, {kTask});
  ASSERT_TRUE(home_.turns(3));
  home_.give({kTask});
  home_.give({}, {kTask});
  ASSERT_TRUE(home_.turns(3));
  EXPECT_EQ(home_.stage(kTask), TaskStage::kStandby);
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(5));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

TEST_F(Roster, AFailureBeforeAPromotedStandbyBeganLeavesItAbleToBegin) {
  ASSERT_TRUE(home_.open());
  home_.give({}, {kTask});
  ASSERT_TRUE(home_.turns(3));
  home_.give({kTask});
  home_.roster->go_back();
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(5));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

TEST_F(Roster, TasksThatTheTopologyDoesNotHaveAreLeftToOthers) {
  ASSERT_TRUE(home_.open());
  home_.give({kTask, {0, 99}, {99, 0}}, {{7, 0}});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(5));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_EQ(home_.registry.tasks().size(), 1U);
  EXPECT_TRUE(home_.roster->is_settled());
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

}  // namespace millrace::engine::roster_test
