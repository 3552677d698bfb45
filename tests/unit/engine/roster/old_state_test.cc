// State that was cut off from its changelog for long, or waits for its task to be opened.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::old_state_test {

constexpr TaskId kTask{0, 0};
const TopicPartition kChangelog{"app-rows-changelog", 0};

class OldState : public ::testing::Test {
 protected:
  OldState() : home_(scripted({.process = count_up, .with_store = true}).value(), 1) {}

  void append_row(const std::string& key) {
    home_.broker.append(kChangelog,
                        {.timestamp_ms = 1'000, .key = key, .value = "1", .headers = {}});
  }
  int64_t restored_by_standby() {
    for (const TaskInfo& info : home_.registry.tasks()) {
      if (info.position.task == kTask) return info.restore_records;
    }
    return -1;
  }
  double restored_to_run() { return home_.instance->metrics.restored_records().value(); }
  int64_t max_age_ms() const { return home_.options.state_max_age_ms; }

  RosterHome home_;
};

TEST_F(OldState, AStandbyThatWasCutOffForLongReadsAllAgain) {
  ASSERT_TRUE(home_.open());
  home_.give({}, {kTask});
  for (int i = 0; i < 3; ++i) append_row("k");
  ASSERT_TRUE(home_.turns(5));
  ASSERT_EQ(restored_by_standby(), 3);
  home_.broker.compact("app-rows-changelog");
  home_.clock.advance(max_age_ms() - 1'000);
  append_row("l");
  ASSERT_TRUE(home_.turns(5));
  EXPECT_EQ(restored_by_standby(), 4) << "it continued";
  home_.clock.advance(max_age_ms() + 1'000);
  append_row("m");
  ASSERT_TRUE(home_.turns(10));
  EXPECT_EQ(restored_by_standby(), 3) << "k, l and m";
  EXPECT_EQ(home_.stage(kTask), TaskStage::kStandby);
}

TEST_F(OldState, ATaskThatWasTakenAwayForLongReadsAllAgain) {
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  for (int i = 0; i < 3; ++i) {
    home_.pipe("left", "k");
    ASSERT_TRUE(home_.turns(200));
  }
  home_.roster->suspend();
  home_.broker.compact("app-rows-changelog");
  home_.clock.advance(max_age_ms() + 1'000);
  append_row("l");
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(10));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_EQ(restored_to_run(), 2) << "k and l";
}

TEST_F(OldState, ATaskWhoseProcessStoodStillForLongReadsAllAgain) {
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  for (int i = 0; i < 3; ++i) {
    home_.pipe("left", "k");
    ASSERT_TRUE(home_.turns(200));
  }
  home_.clock.advance(max_age_ms() + 1'000);
  ASSERT_TRUE(home_.turns(3)) << "it does not know yet that others had the task";
  home_.roster->suspend();
  home_.broker.compact("app-rows-changelog");
  append_row("l");
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(10));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_EQ(restored_to_run(), 2) << "k and l";
}

TEST_F(OldState, ATaskThatNobodyTookWhileItsProcessStoodStillReadsOnlyWhatIsNew) {
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(200));
  home_.clock.advance(max_age_ms() + 1'000);
  for (int i = 0; i < 10; ++i) {
    home_.clock.advance(home_.options.session_timeout_ms / 2);
    ASSERT_TRUE(home_.turns(1));
  }
  home_.roster->suspend();
  append_row("l");
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(10));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_EQ(restored_to_run(), 1) << "l";
}

TEST_F(OldState, ATaskWhoseChangelogHasNothingNewGoesOnHoweverLongItWasAway) {
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(200));
  home_.roster->suspend();
  home_.clock.advance(max_age_ms() + 1'000);
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(10));
  EXPECT_TRUE(home_.is_running(kTask));
  EXPECT_EQ(restored_to_run(), 0);
}

TEST_F(OldState, StaysWhileItsTaskWaitsToBeOpened) {
  const TempDirectory folder;
  ASSERT_TRUE(home_.open(folder.path()));
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(200));
  home_.close();
  ASSERT_TRUE(home_.open(folder.path()));
  home_.give({kTask});
  home_.clock.advance(2 * home_.options.state_cleanup_delay_ms);
  home_.roster->do_chores();
  ASSERT_TRUE(home_.turns(10));
  EXPECT_EQ(restored_to_run(), 0) << "its state is here";
}

}  // namespace millrace::engine::old_state_test
