// An input whose log no longer has what comes next, while fetched records wait in the queue.
#include <gmock/gmock.h>

#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::positions_test {

using ::testing::HasSubstr;

constexpr TaskId kTask{0, 0};
const TopicPartition kInput{"left", 0};

class Positions : public ::testing::Test {
 protected:
  Positions() : home_(scripted({.process = count_up, .with_store = true}).value(), 1) {
    home_.options.slice_records = 1;
  }
  void pipe(int records) {
    for (int i = 0; i < records; ++i) {
      home_.broker.append(kInput, {.timestamp_ms = 1'000, .key = "k", .value = "v", .headers = {}});
    }
  }
  /// Turns until all of `records` are fetched, and some are processed.
  void fetch(int records) {
    ASSERT_TRUE(home_.open());
    pipe(records);
    home_.give({kTask});
    ASSERT_TRUE(home_.turn_until([&] { return processed() >= 2; }));
    ASSERT_LT(processed(), records - 2);
  }
  int64_t processed() {
    const std::vector<Task*>& tasks = home_.plane->tasks();
    return tasks.empty() ? 0 : tasks.front()->inputs().front().position;
  }

  RosterHome home_;
};

TEST_F(Positions, ATopicThatWasReplacedIsNotTakenForTheOldOneThoughItIsLongerThanWhatWasProcessed) {
  fetch(10);
  home_.broker.delete_topic(kInput.topic);
  home_.broker.create_topic(kInput.topic, 1);
  pipe(static_cast<int>(processed()) + 2);
  Status status;
  for (int i = 0; i < 20 && status.ok(); ++i) status = home_.turn();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("was replaced"));
}

TEST_F(Positions, RecordsThatWaitInTheQueueAreNotLostByRetention) {
  fetch(10);
  pipe(5);
  const auto admin = home_.clients->admin().value();
  ASSERT_TRUE(admin->delete_records(std::vector<PartitionOffset>{{kInput, 12}}));
  ASSERT_TRUE(home_.turns(50));
  EXPECT_EQ(home_.instance->metrics.dropped("expired").value(), 2);
  EXPECT_EQ(home_.values("out").size(), 13U);
  EXPECT_EQ(home_.values("out").back(), "13");
}

}  // namespace millrace::engine::positions_test
