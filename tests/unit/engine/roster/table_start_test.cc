// Starting beside broadcast tables of which this instance has read less than another, or not all.
#include <atomic>
#include <chrono>
#include <future>

#include <gmock/gmock.h>

#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::table_start_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TaskId kTask{0, 0};

/// Says the rows of the table at every record, and each reset.
Script saying_rules(int& resets) {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                int rows = 0;
                context.broadcast("rules").for_each([&](Bytes, Row) { ++rows; });
                const std::string said = std::to_string(rows);
                Record output = record;
                output.value = Bytes(said);
                context.forward(output);
              },
          .broadcast = "rules",
          .on_reset = [&resets](ProcessorContext&, std::string_view) { ++resets; }};
}

class TableStart : public ::testing::Test {
 protected:
  TableStart() : home_(scripted(saying_rules(resets_)).value(), 1) {
    home_.clients = std::make_unique<AskingClients>(home_.broker.clients(), questions_);
  }

  void meet_two_rules() {
    home_.pipe("rules", "one");
    home_.pipe("rules", "two");
    ASSERT_TRUE(home_.open());
    home_.give({kTask});
    home_.pipe("left", "k");
    ASSERT_TRUE(home_.turns(20));
    home_.close();
  }
  /// The task starts again here, where the second change is yet to come.
  void expect_to_wait_for_the_second() {
    questions_.table_records_max = 1;
    ASSERT_TRUE(home_.open());
    home_.give({kTask});
    home_.pipe("left", "k");
    ASSERT_TRUE(home_.turns(20));
    EXPECT_FALSE(home_.is_running(kTask));
    questions_.table_records_max = 10;
    ASSERT_TRUE(home_.turns(20));
    EXPECT_THAT(home_.values("out"), ElementsAre("2", "2"));
    EXPECT_EQ(resets_, 0);
  }

  int resets_ = 0;
  Questions questions_;
  RosterHome home_;
};

TEST_F(TableStart, ATaskWaitsForWhatAnotherInstanceHadReadOfATable) {
  meet_two_rules();
  expect_to_wait_for_the_second();
}

TEST_F(TableStart, AnEndThatIsOlderThanACursorIsAskedForOnceMore) {
  meet_two_rules();
  int answers = 0;
  questions_.change_watermarks = [&](const TopicPartition& partition, Admin::Watermarks& marks) {
    // To the reader and to the first question, as before another process met the second change,
    // whose commit the restore then reads.
    if (partition.topic == "rules" && ++answers <= 2) marks.high = 1;
  };
  expect_to_wait_for_the_second();
  EXPECT_EQ(answers, 3);
}

TEST_F(TableStart, ATableThatWasMadeAnewIsMetAnew) {
  meet_two_rules();
  home_.broker.delete_topic("rules");
  home_.broker.create_topic("rules", 1, {{"cleanup.policy", "compact"}});
  home_.pipe("rules", "three");
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(20));
  EXPECT_THAT(home_.values("out"), ElementsAre("2", "1"));
  EXPECT_EQ(resets_, 1);
}

TEST_F(TableStart, WhatATaskMetFirstIsAsOldAsTheCopyThatItMet) {
  constexpr int64_t kHourMs = 3'600'000;
  home_.options.slice_records = 1;
  home_.options.commit_interval_ms = 1;
  const auto compact = [&] { home_.broker.compact("rules", home_.clock.now_ms()); };
  home_.pipe("rules", "one");
  home_.pipe("rules", "two");
  home_.broker.append({"rules", 0},
                      {.timestamp_ms = 1'000, .key = "one", .value = {}, .headers = {}});
  ASSERT_TRUE(home_.open());
  ASSERT_TRUE(home_.turns(5));  // reads the table
  compact();
  home_.clock.advance(23 * kHourMs);
  home_.give({kTask});
  home_.pipe("left", "k");
  const TopicPartition cursors{"app-step-cursors-changelog", 0};
  ASSERT_TRUE(home_.turn_until([&] { return home_.broker.read_committed(cursors).size() == 2; }));
  home_.close();
  ASSERT_EQ(resets_, 0);
  home_.clock.advance(2 * kHourMs);
  compact();
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(20));
  EXPECT_EQ(resets_, 1) << "nothing tells that 'one' is gone";
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

/// In the second of two partitions.
std::string rule_of_the_second() {
  for (int i = 0;; ++i) {
    std::string rule = "rule " + std::to_string(i);
    if (partition_of(Bytes(rule), 2) == 1) return rule;
  }
}

TEST_F(TableStart, AnInstanceDoesNotTakeATaskThatHasMetMorePartitionsThanItReads) {
  home_.broker.add_partitions("rules", 2);
  home_.pipe("rules", rule_of_the_second());
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(20));
  home_.close();
  // As one that has started before the topic grew.
  questions_.change_list = [](std::vector<TopicDescription>& topics) {
    for (TopicDescription& topic : topics) {
      if (topic.name == "rules") topic.partitions = 1;
    }
  };
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  const Status status = home_.turns(20);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("broadcast topic 'rules' has 2 partitions"),
                                      HasSubstr("reads 1"), HasSubstr("Start all instances")));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
  home_.close();
  questions_.change_list = {};
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  ASSERT_TRUE(home_.turns(20));
  EXPECT_THAT(home_.values("out"), ElementsAre("1", "1"));
  EXPECT_EQ(resets_, 0);
}

TEST_F(TableStart, ATableThatWasMadeAnewWithFewerPartitionsIsMetAnewOnce) {
  home_.broker.add_partitions("rules", 2);
  home_.pipe("rules", rule_of_the_second());
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  home_.pipe("left", "k");
  ASSERT_TRUE(home_.turns(20));
  home_.close();
  home_.broker.delete_topic("rules");
  home_.broker.create_topic("rules", 1, {{"cleanup.policy", "compact"}});
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(home_.open());
    home_.give({kTask});
    home_.pipe("left", "k");
    ASSERT_TRUE(home_.turns(20));
    home_.close();
  }
  EXPECT_THAT(home_.values("out"), ElementsAre("1", "0", "0"));
  EXPECT_EQ(resets_, 1);
}

TEST_F(TableStart, ATableThatWasCutHoldsUpNoInput) {
  std::promise<void> answer;
  std::atomic<bool> is_slow = false;
  std::atomic<bool> is_asked = false;
  std::atomic<bool> is_given = false;
  questions_.answers_at_once = false;
  questions_.watermarks = [&](const TopicPartition& partition) -> Status {
    if (!is_slow || partition.topic != "rules" || is_asked.exchange(true)) return {};
    is_given = answer.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    return {};
  };
  home_.pipe("rules", "one");
  ASSERT_TRUE(home_.open());
  home_.give({kTask});
  ASSERT_TRUE(home_.turn_until([&] { return home_.is_running(kTask); }));
  is_slow = true;
  home_.pipe("rules", "two");
  ASSERT_TRUE(
      (*home_.clients->admin())
          ->delete_records(std::vector<PartitionOffset>{{.partition = {"rules", 0}, .offset = 2}}));
  ASSERT_TRUE(home_.turn_until([&] { return is_asked.load(); }));
  home_.pipe("left", "k");
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
  answer.set_value();
  home_.pipe("rules", "three");
  ASSERT_TRUE(home_.turn_until([&] {
    home_.pipe("left", "k");
    return home_.values("out").back() == "2";
  }));
  EXPECT_TRUE(is_given);
}

TEST(TableGrowth, EndsAnInstanceThatDoesNotReadTheNewPartitions) {
  int resets = 0;
  Cluster cluster([&] { return scripted(saying_rules(resets)); }, 1);
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  cluster.broker.add_partitions("rules", 2);
  cluster.clock.advance(60'000);
  const Status status = cluster.turn(10);
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("broadcast topic 'rules' has 2 partitions"), HasSubstr("reads 1")));
  cluster.kill("a");
  ASSERT_TRUE(cluster.start("a"));
  EXPECT_TRUE(cluster.settle());
}

}  // namespace millrace::engine::table_start_test
