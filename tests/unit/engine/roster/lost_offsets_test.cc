// Offsets that the group has lost: whether the task has state decides, input by input.
#include <gmock/gmock.h>

#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::lost_offsets_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr TaskId kTask{0, 0};
const TopicPartition kRightInput{"right", 0};

class LostOffsets : public ::testing::Test {
 protected:
  LostOffsets()
      : home_(scripted({.process = count_up, .sources = {"left", "right"}, .with_store = true})
                  .value(),
              1) {
    home_.clients = std::make_unique<AskingClients>(home_.broker.clients(), questions_);
  }

  void count_three_and_two(const std::filesystem::path& state_dir) {
    ASSERT_TRUE(home_.open(state_dir));
    home_.give({kTask});
    for (int i = 0; i < 3; ++i) home_.pipe("left", "k");
    for (int i = 0; i < 2; ++i) home_.pipe("right", "k");
    ASSERT_TRUE(home_.turns(20));
    EXPECT_EQ(home_.values("out").size(), 5U);
    home_.close();
  }
  void forget_right() {
    questions_.change_committed = [](std::vector<PartitionOffset>& offsets) {
      for (PartitionOffset& known : offsets) {
        if (known.partition == kRightInput) known.offset = -1;
      }
    };
  }
  void expect_refused(const std::filesystem::path& state_dir) {
    ASSERT_TRUE(home_.open(state_dir));
    home_.give({kTask});
    const Status status = home_.turns(20);
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("no offsets for its input right/0"),
                                        HasSubstr("task 0_0 has state")));
    EXPECT_EQ(home_.values("out").size(), 5U);
    home_.close();
  }

  Questions questions_;
  RosterHome home_;
  TempDirectory folder_;
};

TEST_F(LostOffsets, OfOneInputAreNotAppliedTwice) {
  count_three_and_two({});
  forget_right();
  expect_refused({});
}

TEST_F(LostOffsets, OfOneInputAreNotAppliedTwiceToStateOnDisk) {
  count_three_and_two(folder_.path());
  forget_right();
  expect_refused(folder_.path());
}

TEST_F(LostOffsets, AreConfirmedAfterTheRestore) {
  count_three_and_two({});
  int answers = 0;
  questions_.change_committed = [&](std::vector<PartitionOffset>& offsets) {
    // As before the commit of another process, whose rows the restore then reads.
    if (++answers > 1) return;
    for (PartitionOffset& known : offsets) known.offset = -1;
  };
  ASSERT_TRUE(home_.open({}));
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(20));
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(20));
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(home_.values("out").back(), "6");
  home_.close();
}

TEST_F(LostOffsets, OfATaskWithoutStateBeginAtTheBeginning) {
  forget_right();
  home_.pipe("right", "k");
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(20));
  EXPECT_EQ(home_.values("out").size(), 1U);
}

TEST(LostOffsetsOfACluster, AreNotAppliedTwiceByAWarmStandby) {
  Cluster cluster([] { return scripted({.process = count_up, .with_store = true}); }, 1);
  cluster.options.standby_replicas = 1;
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.start("b"));
  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster.turn(50));
  cluster.broker.forget_offsets();
  cluster.kill(cluster["a"].queries().get("rows", "k").ok() ? "a" : "b");
  const Status status = cluster.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("no offsets for its input left/0"));
  EXPECT_EQ(cluster.values("out").at("k").size(), 1U);
}

TEST(LostOffsetsOfACluster, AreNoneWhereAnInputIsNew) {
  std::vector<std::string> sources{"left"};
  Cluster cluster(
      [&sources] {
        return scripted({.process = count_up, .sources = sources, .with_store = true});
      },
      1);
  ASSERT_TRUE(cluster.start("a"));
  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  sources.emplace_back("right");
  cluster.broker.create_topic("right", 1);
  cluster.pipe("right", "k", "v");
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_EQ(cluster.values("out").at("k").back(), "2");
}

}  // namespace millrace::engine::lost_offsets_test
