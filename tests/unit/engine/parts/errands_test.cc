#include "engine/base/errands.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "engine/base/question.h"
#include "engine/testing/manual_clock.h"

namespace millrace::engine::errands_test {

using std::chrono::milliseconds;

TEST(Errands, AnErrandOfSeveralQuestionsSeesThatNobodyWaitsForTheRest) {
  std::atomic<bool> is_asking = false;
  std::atomic<bool> has_seen_end = false;
  {
    Errands errands(1);
    const auto pending = errands.ask(
        [&] {
          is_asking = true;
          while (!errands.is_stopping()) std::this_thread::sleep_for(milliseconds(1));
          has_seen_end = true;
          return true;
        },
        [] {});
    while (!is_asking) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(has_seen_end);
}

TEST(Errands, BeginNothingOnceTheyAreStopped) {
  Errands errands(1);
  std::atomic<bool> is_stopped = false;
  std::atomic<int> begun = 0;
  const auto ask = [&] {
    return errands.ask(
        [&] {
          ++begun;
          while (!is_stopped) std::this_thread::sleep_for(milliseconds(1));
          return true;
        },
        [] {});
  };
  const auto first = ask();
  while (begun == 0) std::this_thread::sleep_for(milliseconds(1));
  const auto second = ask();
  errands.stop();
  EXPECT_TRUE(errands.is_stopping());
  is_stopped = true;
  while (!first->is_there()) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_FALSE(second->is_there());
  EXPECT_EQ(begun, 1);
}

TEST(Question, IsAskedAgainAfterGrowingPausesUntilAnAnswerIsLiked) {
  testing::ManualClock clock{0};
  Errands at_once(0);
  int asked = 0;
  Question<int> question(clock, 1'000);
  const auto ask = [&] { return question.poll(at_once, [&] { return ++asked; }); };
  EXPECT_EQ(ask(), 1);
  EXPECT_TRUE(question.record_failure());
  EXPECT_EQ(ask(), 2) << "the first time at once";
  question.record_failure();
  EXPECT_EQ(ask(), std::nullopt);
  clock.advance(50);
  EXPECT_EQ(ask(), 3);
  EXPECT_TRUE(question.has_failed());
  question.record_success();
  EXPECT_FALSE(question.has_failed());
  EXPECT_EQ(ask(), 4);
}

TEST(Question, ThatIsTakenBackLosesItsAnswerAndItsFailures) {
  const testing::ManualClock clock{0};
  Errands errands(1);
  std::atomic<bool> may_answer = false;
  std::atomic<int> asked = 0;
  Question<int> question(clock, 1'000);
  const auto ask = [&] {
    return question.poll(errands, [&] {
      const int number = ++asked;
      while (!may_answer) std::this_thread::sleep_for(milliseconds(1));
      return number;
    });
  };
  question.record_failure();
  question.record_failure();
  EXPECT_EQ(ask(), std::nullopt) << "a pause";
  question.drop();
  EXPECT_EQ(ask(), std::nullopt);
  while (asked == 0) std::this_thread::sleep_for(milliseconds(1));
  question.drop();
  may_answer = true;
  std::optional<int> answer;
  while (!answer) answer = ask();
  EXPECT_EQ(answer, 2);
}

}  // namespace millrace::engine::errands_test
