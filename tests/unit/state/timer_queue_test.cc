#include "millrace/state/timer_queue.h"

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include <gmock/gmock.h>

#include "state_fixture.h"

namespace millrace::timer_queue_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Timers in a task's state; each call is a unit.
class TimerQueueTest : public ::testing::TestWithParam<bool> {
 protected:
  TimerQueueTest() { reopen(); }

  void reopen() {
    queue_.reset();
    if (state_ != nullptr) {
      EXPECT_TRUE(state_->close().ok());
      state_.reset();
    }
    TaskStateOptions options;
    if (GetParam()) options = disk_options(directory_.path());
    state_ = open_or_die(options, {spec("rows")});
    queue_.emplace(state_->store("rows"));
  }
  void commit_all() { commit(*state_, ++offset_); }

  template <class Work>
  void unit(Work&& work) {
    state_->begin_unit();
    queue_->begin_unit();
    work();
    state_->end_unit();
  }
  void set(const std::string& key, uint8_t kind, int64_t time_ms) {
    unit([&] { queue_->set(Bytes(key), kind, time_ms, 1); });
  }
  bool cancel(const std::string& key, uint8_t kind) {
    bool was_there = false;
    unit([&] { was_there = queue_->cancel(Bytes(key), kind, 1); });
    return was_there;
  }
  /// All that are due, as "key/kind@time".
  std::vector<std::string> take_until(int64_t now_ms) {
    std::vector<std::string> taken;
    for (queue_->load(); queue_->next_due_ms() <= now_ms; queue_->load()) {
      TimerQueue::Taken next;
      unit([&] { queue_->take(next, 1); });
      taken.push_back(next.key + "/" + std::to_string(next.kind) + "@" +
                      std::to_string(next.time_ms));
    }
    return taken;
  }

  TempDirectory directory_;
  std::unique_ptr<TaskState> state_;
  std::optional<TimerQueue> queue_;
  int64_t offset_ = 0;
};

INSTANTIATE_TEST_SUITE_P(MemoryAndDisk, TimerQueueTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Disk" : "Memory"; });

TEST_P(TimerQueueTest, GivesTheEarliestFirstAndTiesByKeyAndKind) {
  set("b", 0, 200);
  set("a", 2, 100);
  set("b", 1, 100);
  set("a", 1, 100);
  set("", 0, 70'000);
  EXPECT_EQ(queue_->next_due_ms(), 0) << "nothing was read yet";
  queue_->load();
  EXPECT_EQ(queue_->next_due_ms(), 100);
  EXPECT_THAT(take_until(200), ElementsAre("a/1@100", "a/2@100", "b/1@100", "b/0@200"));
  EXPECT_THAT(take_until(69'999), IsEmpty());
  EXPECT_THAT(take_until(70'000), ElementsAre("/0@70000"));
  EXPECT_EQ(queue_->next_due_ms(), TimerQueue::kNever);
}

TEST_P(TimerQueueTest, SettingAgainReplacesAndCancellingRemoves) {
  set("a", 0, 100);
  set("b", 0, 110);
  commit_all();
  set("a", 0, 300);
  EXPECT_EQ(queue_->find(Bytes("a"), 0), 300);
  EXPECT_TRUE(cancel("b", 0));
  EXPECT_FALSE(cancel("b", 0));
  EXPECT_FALSE(cancel("a", 1));
  EXPECT_EQ(queue_->find(Bytes("b"), 0), std::nullopt);
  EXPECT_THAT(take_until(1'000), ElementsAre("a/0@300"));
  commit_all();
  EXPECT_THAT(committed(*state_, "rows"), IsEmpty());
}

TEST_P(TimerQueueTest, AnUndoneUnitLeavesTheTimersAsTheyWere) {
  set("a", 0, 100);
  queue_->load();
  state_->begin_unit();
  queue_->begin_unit();
  TimerQueue::Taken taken;
  queue_->take(taken, 1);
  queue_->set(Bytes("b"), 0, 50, 1);
  state_->undo_unit();
  queue_->unit_undone();
  EXPECT_THAT(take_until(1'000), ElementsAre("a/0@100"));
}

TEST_P(TimerQueueTest, GoesOnBehindWhatWasTakenAfterReopening) {
  if (!GetParam()) GTEST_SKIP() << "memory does not outlive its task";
  for (int i = 0; i < 3'000; ++i) set("k" + std::to_string(i), 0, i);
  commit_all();
  EXPECT_EQ(take_until(1'499).size(), 1'500U);
  commit_all();
  reopen();
  set("early", 0, 7);
  commit_all();
  reopen();
  EXPECT_THAT(take_until(1'501), ElementsAre("early/0@7", "k1500/0@1500", "k1501/0@1501"));
  EXPECT_EQ(take_until(1'000'000).size(), 1'498U);
}

TEST_P(TimerQueueTest, TheLargestTimeIsNotNever) {
  set("a", 0, TimerQueue::kNever);
  EXPECT_EQ(queue_->find("a", 0), TimerQueue::kNever - 1);
  EXPECT_THAT(take_until(TimerQueue::kNever - 2), IsEmpty());
  EXPECT_EQ(take_until(TimerQueue::kNever - 1).size(), 1U);
  EXPECT_EQ(queue_->next_due_ms(), TimerQueue::kNever);
}

TEST_P(TimerQueueTest, KnowsItsOwnRows) {
  for (int i = 0; i < 600; ++i) set("k" + std::to_string(i), 1, i);
  EXPECT_EQ(take_until(550).size(), 551U);
  cancel("k580", 1);
  size_t rows = 0;
  for (const auto it = state_->store("rows").range({}, {}); it->valid(); it->next()) {
    EXPECT_TRUE(TimerQueue::check_row(it->key(), it->row().value).ok());
    EXPECT_TRUE(TimerQueue::check_row(it->key(), Bytes()).ok());
    ++rows;
  }
  EXPECT_EQ(rows, 2U * 48 + 1);
}

TEST_P(TimerQueueTest, ReadsTimersFromTheirRows) {
  set("key", 3, 500);
  std::vector<std::string> timers;
  for (const auto it = state_->store("rows").range({}, {}); it->valid(); it->next()) {
    const auto timer = TimerQueue::timer_of(it->key(), it->row().value);
    ASSERT_TRUE(timer);
    timers.push_back(timer->key + "/" + std::to_string(timer->kind) + "@" +
                     std::to_string(timer->time_ms));
    EXPECT_FALSE(TimerQueue::timer_of(it->key(), Bytes()));
  }
  EXPECT_THAT(timers, ElementsAre("key/3@500", "key/3@500"));
  EXPECT_FALSE(TimerQueue::timer_of("\x01", "\x03")) << "the mark";
  for (const std::string& key : {std::string(), std::string("\x01"), std::string("\x02"),
                                 std::string("\x03 short"), std::string("\x04key")}) {
    EXPECT_FALSE(TimerQueue::timer_of(Bytes(key), Bytes(""))) << key;
  }
}

TEST_P(TimerQueueTest, RefusesOtherRows) {
  const std::string time(8, '\1');
  const std::string never = "\x7f" + std::string(7, '\xff');
  const std::string late(8, '\xff');
  for (const std::string& key : {std::string(), std::string(1, '\0'), std::string("\x01k"),
                                 std::string("\x02"), std::string("\x03"), "\x03" + time,
                                 "\x03" + never + "k", "\x03" + late + "k", std::string("\x04k")}) {
    EXPECT_FALSE(TimerQueue::check_row(Bytes(key), Bytes("")).ok());
  }
  for (const std::string& value : {std::string("short"), never, late, time + time}) {
    EXPECT_FALSE(TimerQueue::check_row("\x02k", Bytes(value)).ok());
    EXPECT_FALSE(TimerQueue::check_row("\x01", Bytes(value)).ok());
  }
  EXPECT_FALSE(TimerQueue::check_row(Bytes("\x03" + time + "k"), "more").ok());
}

TEST_P(TimerQueueTest, AgreesWithAModelUnderRandomCalls) {
  std::mt19937 random(7);
  const auto below = [&](int end) {
    return static_cast<int>(random() % static_cast<uint32_t>(end));
  };
  using Place = std::tuple<int64_t, std::string, uint8_t>;
  std::map<std::pair<std::string, uint8_t>, int64_t> times;
  int64_t now_ms = 0;
  for (int step = 0; step < 30'000; ++step) {
    // Long phases of growth and of firing, so that the window is overrun and used up.
    const bool grows = step % 10'000 < 7'000;
    const std::string key = std::to_string(1'000 + below(4'000));
    const auto kind = static_cast<uint8_t>(below(2));
    const int what = below(10);
    if (what < (grows ? 8 : 2)) {
      const int64_t time_ms = now_ms + below(5'000);
      set(key, kind, time_ms);
      times[{key, kind}] = time_ms;
    } else if (what < 9 && grows) {
      EXPECT_EQ(cancel(key, kind), times.erase({key, kind}) > 0);
    } else {
      now_ms += below(40);
      std::vector<Place> due;
      for (const auto& [who, time_ms] : times) {
        if (time_ms <= now_ms) due.emplace_back(time_ms, who.first, who.second);
      }
      std::sort(due.begin(), due.end());
      std::vector<std::string> expected;
      for (const auto& [time_ms, name, k] : due) {
        expected.push_back(name + "/" + std::to_string(k) + "@" + std::to_string(time_ms));
        times.erase({name, k});
      }
      ASSERT_EQ(take_until(now_ms), expected) << "step " << step;
    }
    if (below(1'000) == 0) commit_all();
    if (GetParam() && below(3'000) == 0) {
      commit_all();
      reopen();
    }
  }
}

}  // namespace millrace::timer_queue_test
