// Questions to brokers about several topics, whose asker ends before the first answer: each may
// take as long as brokers that are away, so the others must not be asked.
#include <atomic>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "engine/group/topic_questions.h"
#include "engine/loop/table_watch.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/awaited.h"
#include "tests/unit/engine/roster/asking_clients.h"

namespace millrace::engine::early_stop_test {

class EarlyStop : public ::testing::Test {
 protected:
  EarlyStop() {
    questions_.answers_at_once = false;
    questions_.description = [this](const std::string&) -> Status {
      ++asked_;
      EXPECT_TRUE(awaited([this] { return is_stopped_.load(); }, "the asker is stopped"));
      return Error{ErrorCode::kTimedOut, "the broker is away"};
    };
  }
  /// Stops the asker while its first question is under way. Returns how often it asked.
  template <class Asker>
  int asked_until_end_of(std::unique_ptr<Asker> asker) {
    EXPECT_TRUE(awaited([this] { return asked_ > 0; }, "the first question is asked"));
    asker->stop();
    is_stopped_ = true;
    asker.reset();
    return asked_;
  }

  std::atomic<int> asked_ = 0;
  std::atomic<bool> is_stopped_ = false;
  Questions questions_;
  testing::MemoryBroker broker_;
  testing::ManualClock clock_{1'000};
  AskingClients clients_{broker_.clients(), questions_};
  const std::unique_ptr<Admin> admin_ = clients_.admin().value();
};

TEST_F(EarlyStop, OfTheQuestionsForTheTopicsOfTheGroup) {
  auto questions = std::make_unique<TopicQuestions>(clients_, *admin_, clock_, "app");
  questions->ask_for_topics();
  EXPECT_EQ(asked_until_end_of(std::move(questions)), 1);
}

TEST_F(EarlyStop, OfTheQuestionsForTheSizesOfTables) {
  constexpr int64_t kMinuteMs = 60'000;
  const Instance instance({}, clients_, clock_);
  auto watch = std::make_unique<TableWatch>(
      instance, *admin_, std::vector<std::pair<std::string, int32_t>>{{"a", 1}, {"b", 1}});
  clock_.advance(kMinuteMs);
  ASSERT_TRUE(watch->check());
  EXPECT_EQ(asked_until_end_of(std::move(watch)), 1);
}

}  // namespace millrace::engine::early_stop_test
