#include "engine/base/errands.h"

#include <atomic>

#include <gtest/gtest.h>

#include "engine/base/question.h"
#include "engine/testing/manual_clock.h"
#include "tests/unit/awaited.h"

namespace millrace::engine::errands_test {

TEST(Errands, AnErrandOfSeveralQuestionsSeesThatNobodyWaitsForTheRest) {
  std::atomic<bool> is_asking = false;
  std::atomic<bool> has_seen_end = false;
  {
    Errands errands(1);
    const auto pending = errands.ask(
        [&] {
          is_asking = true;
          const auto is_stopping = [&] { return errands.is_stopping(); };
          has_seen_end = bool(awaited(is_stopping, "the errands stop"));
          return true;
        },
        [] {});
    EXPECT_TRUE(awaited([&] { return is_asking.load(); }, "the errand begins"));
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
          EXPECT_TRUE(awaited([&] { return is_stopped.load(); }, "the test stops the errands"));
          return true;
        },
        [] {});
  };
  const auto first = ask();
  EXPECT_TRUE(awaited([&] { return begun > 0; }, "the first errand begins"));
  const auto second = ask();
  errands.stop();
  EXPECT_TRUE(errands.is_stopping());
  is_stopped = true;
  EXPECT_TRUE(awaited([&] { return first->is_there(); }, "the first errand ends"));
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
      EXPECT_TRUE(awaited([&] { return may_answer.load(); }, "the test lets it answer"));
      return number;
    });
  };
  question.record_failure();
  question.record_failure();
  EXPECT_EQ(ask(), std::nullopt) << "a pause";
  question.drop();
  EXPECT_EQ(ask(), std::nullopt);
  EXPECT_TRUE(awaited([&] { return asked > 0; }, "the question is asked"));
  question.drop();
  may_answer = true;
  std::optional<int> answer;
  EXPECT_TRUE(awaited([&] { return (answer = ask()).has_value(); }, "an answer comes"));
  EXPECT_EQ(answer, 2);
}

}  // namespace millrace::engine::errands_test
