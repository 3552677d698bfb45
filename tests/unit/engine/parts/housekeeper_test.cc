#include "engine/loop/housekeeper.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/awaited.h"
#include "tests/unit/engine/roster/asking_clients.h"

namespace millrace::engine::housekeeper_test {

using std::chrono::milliseconds;

constexpr int32_t kPartitions = 100;

TEST(Housekeeper, EndsAfterTheQuestionThatIsUnderWay) {
  const testing::ManualClock clock{1'700'000'000'000};
  testing::MemoryBroker broker;
  broker.create_topic("in", kPartitions);
  std::atomic<int> asked = 0;
  Questions questions;
  questions.watermarks = [&asked](const TopicPartition&) {
    ++asked;
    std::this_thread::sleep_for(milliseconds(20));
    return Status();
  };
  AskingClients clients(broker.clients(), questions);
  Metrics metrics("app");
  {
    Housekeeper housekeeper(clients, metrics, clock, milliseconds(1), "b:9092");
    std::vector<InputPosition> inputs;
    for (int32_t p = 0; p < kPartitions; ++p) inputs.push_back({{"in", p}, 0, false});
    housekeeper.set_positions(inputs);
    EXPECT_TRUE(awaited([&] { return asked > 0; }, "it asks"));
  }
  EXPECT_LT(asked, kPartitions / 2);
}

TEST(Housekeeper, AStopDoesNotWaitForABrokerThatIsAway) {
  const testing::ManualClock clock{1'700'000'000'000};
  testing::MemoryBroker broker;
  broker.create_topic("in", 1);
  std::atomic<bool> is_asking = false;
  std::promise<void> answer;
  Questions questions;
  questions.watermarks = [&, given = answer.get_future().share()](const TopicPartition&) {
    is_asking = true;
    given.wait();
    return Status();
  };
  AskingClients clients(broker.clients(), questions);
  Metrics metrics("app");
  Housekeeper housekeeper(clients, metrics, clock, milliseconds(1), "b:9092");
  housekeeper.set_positions({{{"in", 0}, 0, false}});
  EXPECT_TRUE(awaited([&] { return is_asking.load(); }, "it asks"));
  housekeeper.stop();
  answer.set_value();
}

/// Rounds on a thread of its own, at the times of a test.
class HousekeeperAndAnOpenTransaction : public ::testing::Test {
 protected:
  HousekeeperAndAnOpenTransaction() {
    broker_.create_topic("in", 1);
    questions_.watermarks = [this](const TopicPartition&) {
      ++asked_;
      return Status();
    };
    for (int i = 0; i < 3; ++i) {
      broker_.append({"in", 0}, {.timestamp_ms = 1, .key = "k", .value = "v", .headers = {}});
    }
  }
  /// Until a whole round has begun and ended.
  void wait_for_a_round() {
    const int before = asked_;
    EXPECT_TRUE(awaited([&] { return asked_ >= before + 2; }, "a round begins and ends"));
  }

  testing::ManualClock clock_{1'700'000'000'000};
  testing::MemoryBroker broker_;
  std::atomic<int> asked_ = 0;
  Questions questions_;
  AskingClients clients_{broker_.clients(), questions_};
  Metrics metrics_{"app"};
};

TEST_F(HousekeeperAndAnOpenTransaction, WarnsOnceWithTheCommandThatNamesTheProducer) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  {
    Housekeeper housekeeper(clients_, metrics_, clock_, milliseconds(1), "b1:9092,b2:9092");
    housekeeper.set_positions({{{"in", 0}, 1, true}});
    for (int minute = 0; minute < 4; ++minute) {
      wait_for_a_round();
      clock_.advance(60'000);
    }
    wait_for_a_round();
  }
  spdlog::set_default_logger(before);
  const std::string warning =
      "input in/0 waits at offset 1 for the end of another producer's open transaction, which "
      "hides "
      "2 records. Its producer: kafka-transactions.sh --bootstrap-server b1:9092,b2:9092 "
      "describe-producers --topic in --partition 0";
  const size_t first = log.str().find(warning);
  ASSERT_NE(first, std::string::npos) << log.str();
  EXPECT_EQ(log.str().find(warning, first + 1), std::string::npos);
}

}  // namespace millrace::engine::housekeeper_test
