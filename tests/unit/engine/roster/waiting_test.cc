// A task that waits for a broker: it waits alone.
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>

#include "millrace/engine/engine.h"

#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::waiting_test {

using ::testing::ElementsAre;

constexpr TaskId kGood{0, 0};
constexpr TaskId kBad{0, 1};
const TopicPartition kBadChangelog{"app-rows-changelog", 1};
const Error kAway{ErrorCode::kRetriable, "no leader"};

class Waiting : public ::testing::Test {
 protected:
  Waiting() : home_(scripted({.process = count_up, .with_store = true}).value(), 2) {
    home_.clients = std::make_unique<AskingClients>(home_.broker.clients(), questions_);
  }
  void pipe_to(TaskId task) {
    home_.broker.append({"left", task.partition},
                        {.timestamp_ms = 1'000, .key = "k", .value = "v", .headers = {}});
  }

  Questions questions_;
  RosterHome home_;
};

TEST_F(Waiting, AChangelogWithoutALeaderHoldsUpItsOwnTaskOnly) {
  int asked = 0;
  bool is_away = true;
  questions_.watermarks = [&](const TopicPartition& partition) -> Status {
    if (partition != kBadChangelog) return {};
    ++asked;
    if (is_away) return kAway;
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood, kBad});
  for (int second = 0; second < 20; ++second) {
    pipe_to(kGood);
    ASSERT_TRUE(home_.turns(1'000));
  }
  EXPECT_TRUE(home_.is_running(kGood));
  EXPECT_EQ(home_.values("out").size(), 20U);
  EXPECT_FALSE(home_.is_running(kBad));
  // 50 ms doubled up to a second, whatever the other task committed meanwhile.
  EXPECT_GT(asked, 10);
  EXPECT_LT(asked, 30);
  is_away = false;
  pipe_to(kBad);
  ASSERT_TRUE(home_.turns(2'000));
  EXPECT_TRUE(home_.is_running(kBad));
  EXPECT_EQ(home_.values("out").size(), 21U);
}

TEST_F(Waiting, OffsetsThatATransactionHidesHoldUpTheirOwnTaskOnly) {
  ASSERT_TRUE(home_.open());
  questions_.committed = [](std::span<const TopicPartition> partitions) -> Status {
    for (const TopicPartition& partition : partitions) {
      if (partition == TopicPartition{"left", 1}) return kAway;
    }
    return {};
  };
  home_.give({kGood, kBad});
  pipe_to(kGood);
  ASSERT_TRUE(home_.turns(500));
  EXPECT_FALSE(home_.is_running(kBad));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

TEST_F(Waiting, ABrokerThatDoesNotAnswerDoesNotHoldUpTheLoop) {
  std::promise<void> answer;
  std::shared_future<void> answered = answer.get_future().share();
  questions_.answers_at_once = false;
  questions_.watermarks = [&](const TopicPartition& partition) -> Status {
    if (partition == kBadChangelog) answered.wait();
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood, kBad});
  pipe_to(kGood);
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
  EXPECT_FALSE(home_.is_running(kBad));
  pipe_to(kBad);
  answer.set_value();
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 2; }));
}

TEST_F(Waiting, AnAnswerToAQuestionOfAnEarlierPlanIsOfNoUse) {
  std::promise<void> answer;
  std::shared_future<void> answered = answer.get_future().share();
  std::atomic<int> asked = 0;
  questions_.answers_at_once = false;
  // The question may end after this test's own variables.
  questions_.watermarks = [&, answered](const TopicPartition& partition) -> Status {
    if (partition == kBadChangelog && ++asked == 1) {
      answered.wait();
      return Error{ErrorCode::kRefused, "of the earlier plan"};
    }
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kBad});
  ASSERT_TRUE(home_.turn_until([&] { return asked == 1; }));
  home_.give({kBad});
  answer.set_value();
  pipe_to(kBad);
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
}

TEST_F(Waiting, ADeadInstanceThatCannotBeFencedHoldsUpNothingThatRuns) {
  std::atomic<bool> is_away = true;
  questions_.producer = [&](const std::string& id) -> Status {
    if (is_away && id == "app-dead") return kAway;
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood}, {kBad}, {{kGood, {"dead"}}});
  pipe_to(kGood);
  ASSERT_TRUE(home_.turns(500));
  EXPECT_FALSE(home_.is_running(kGood)) << "the dead may still change its offsets";
  EXPECT_EQ(home_.stage(kBad), TaskStage::kStandby);
  is_away = false;
  ASSERT_TRUE(home_.turns(2'000));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
}

TEST_F(Waiting, TasksThatADeadInstanceNeverRanDoNotWaitForItsEnd) {
  std::atomic<bool> is_away = true;
  questions_.producer = [&](const std::string& id) -> Status {
    if (is_away && id == "app-dead") return kAway;
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood, kBad}, {}, {{kBad, {"dead"}}});
  pipe_to(kGood);
  ASSERT_TRUE(home_.turns(500));
  EXPECT_THAT(home_.values("out"), ElementsAre("1"));
  EXPECT_FALSE(home_.is_running(kBad));
  is_away = false;
  ASSERT_TRUE(home_.turns(2'000));
  EXPECT_TRUE(home_.is_running(kBad));
}

/// A question that waits until the test answers it, or for so long that the test has failed.
class SlowAnswer {
 public:
  void wait() { is_given_ = given_.wait_for(std::chrono::seconds(30)) == kReady; }
  void give() { answer_.set_value(); }
  /// Whether nobody had to wait for longer than the test took.
  bool is_given() const { return is_given_; }

 private:
  static constexpr auto kReady = std::future_status::ready;
  std::promise<void> answer_;
  std::shared_future<void> given_ = answer_.get_future().share();
  std::atomic<bool> is_given_ = false;
};

TEST_F(Waiting, AProducerThatIsSlowToOpenDoesNotHoldUpTheLoop) {
  SlowAnswer slow;
  std::atomic<int> made = 0;
  questions_.answers_at_once = false;
  questions_.producer = [&](const std::string& id) -> Status {
    if (id == "app-a" && ++made == 2) slow.wait();
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood}, {kBad});
  pipe_to(kGood);
  ASSERT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
  home_.lose_producer();
  pipe_to(kGood);
  ASSERT_TRUE(home_.turn_until([&] { return made == 2; }));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(home_.turn());
  EXPECT_FALSE(home_.is_running(kGood));
  EXPECT_EQ(home_.stage(kBad), TaskStage::kStandby);
  slow.give();
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 2; }));
  EXPECT_TRUE(slow.is_given());
}

TEST_F(Waiting, TheDeadWhoseBrokerDoesNotAnswerHoldUpNoTaskThatTheyNeverRan) {
  const std::vector<std::string> dead{"d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"};
  SlowAnswer slow;
  std::atomic<size_t> asked = 0;
  questions_.answers_at_once = false;
  questions_.producer = [&](const std::string& id) -> Status {
    if (!id.starts_with("app-d")) return {};
    ++asked;
    slow.wait();
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kBad}, {}, {{kBad, dead}});
  ASSERT_TRUE(home_.turn_until([&] { return asked >= dead.size() / 2; }));
  home_.give({kGood, kBad}, {}, {{kBad, dead}});
  pipe_to(kGood);
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
  EXPECT_FALSE(home_.is_running(kBad));
  pipe_to(kBad);
  slow.give();
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 2; }));
  EXPECT_TRUE(slow.is_given());
}

TEST_F(Waiting, AnInputThatLeftItsLogHoldsUpItsOwnTaskOnly) {
  SlowAnswer slow;
  std::atomic<int> asked = 0;
  std::atomic<bool> is_slow = false;
  questions_.answers_at_once = false;
  questions_.watermarks = [&](const TopicPartition& partition) -> Status {
    if (!is_slow || partition != TopicPartition{"left", 1}) return {};
    if (++asked == 1) return kAway;
    if (asked == 2) slow.wait();
    return {};
  };
  ASSERT_TRUE(home_.open());
  home_.give({kGood, kBad});
  ASSERT_TRUE(home_.turn_until([&] { return home_.is_running(kBad) && home_.is_running(kGood); }));
  is_slow = true;
  pipe_to(kBad);
  ASSERT_TRUE(
      (*home_.clients->admin())
          ->delete_records(std::vector<PartitionOffset>{{.partition = {"left", 1}, .offset = 1}}));
  ASSERT_TRUE(home_.turn_until([&] { return asked == 2; }));
  pipe_to(kGood);
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 1; }));
  pipe_to(kBad);
  slow.give();
  EXPECT_TRUE(home_.turn_until([&] { return home_.values("out").size() == 2; }));
  EXPECT_TRUE(slow.is_given());
  EXPECT_EQ(home_.instance->metrics.dropped("expired").value(), 1);
}

/// A whole engine of three tasks, of which two wait for changelogs without a leader.
class WaitingBesideCommits : public ::testing::Test {
 protected:
  WaitingBesideCommits() {
    for (const char* const topic : {"left", "out"}) broker_.create_topic(topic, kPartitions);
    options_.application_id = "app";
    options_.state_dir.clear();
    options_.worker_threads = 1;
    options_.poll_wait_ms = 0;
    options_.commit_pipelined = false;
    options_.retry_backoff_max_ms = kPauseMaxMs;
    questions_.watermarks = [this](const TopicPartition& partition) -> Status {
      if (partition.topic != "app-rows-changelog" || partition.partition == 0) return {};
      asked_ms_[partition.partition].push_back(clock_.now_ms());
      if (partition.partition == kComesBack && is_back_) return {};
      return kAway;
    };
  }
  Status run_for_seconds(Engine& engine, int seconds) {
    for (int i = 0; i < 1'000 * seconds; ++i) {
      if (i % 500 == 0) {
        broker_.append({"left", 0},
                       {.timestamp_ms = 1'000, .key = "k", .value = "v", .headers = {}});
      }
      clock_.advance(1);
      MILLRACE_RETURN_IF_ERROR(engine.run_once());
    }
    return {};
  }
  std::vector<int64_t> pauses_ms(int32_t partition) const {
    const std::vector<int64_t>& asked = asked_ms_.at(partition);
    std::vector<int64_t> pauses(asked.size());
    std::adjacent_difference(asked.begin(), asked.end(), pauses.begin());
    pauses.erase(pauses.begin());
    return pauses;
  }

  static constexpr int32_t kPartitions = 3;
  static constexpr int32_t kStaysAway = 1;
  static constexpr int32_t kComesBack = 2;
  static constexpr int64_t kPauseMaxMs = 3'200;
  bool is_back_ = false;
  std::map<int32_t, std::vector<int64_t>> asked_ms_;
  testing::MemoryBroker broker_;
  testing::ManualClock clock_{1'700'000'000'000};
  Questions questions_;
  AskingClients clients_{broker_.clients(), questions_};
  EngineOptions options_;
};

TEST_F(WaitingBesideCommits, NeitherACommitNorTheStartOfAnotherTaskShortensThePausesOfATask) {
  auto engine = Engine::create(scripted({.process = count_up, .with_store = true}), options_,
                               clients_, clock_);
  ASSERT_TRUE(engine.ok()) << engine.message();
  ASSERT_TRUE(run_for_seconds(**engine, 10));
  is_back_ = true;
  ASSERT_TRUE(run_for_seconds(**engine, 20));
  // Of the task that runs. Each is a commit of its own.
  size_t outputs = 0;
  for (int32_t p = 0; p < kPartitions; ++p) outputs += broker_.read_committed({"out", p}).size();
  EXPECT_EQ(outputs, 60U);
  EXPECT_EQ(broker_.committed_offset({"left", 0}), 60);
  const std::vector<int64_t> pauses = pauses_ms(kStaysAway);
  ASSERT_GE(pauses.size(), 12U);
  EXPECT_LE(pauses.front(), 2) << "once at once";
  for (size_t i = 1; i < pauses.size(); ++i) {
    const int64_t wanted_ms = std::min(kPauseMaxMs, int64_t{50} << (i - 1));
    EXPECT_GE(pauses[i], wanted_ms) << i;
    EXPECT_LE(pauses[i], wanted_ms + 2) << i;
  }
}

}  // namespace millrace::engine::waiting_test
