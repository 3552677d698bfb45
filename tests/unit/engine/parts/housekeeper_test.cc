#include "engine/loop/housekeeper.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
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
    Housekeeper housekeeper(clients, metrics, clock, milliseconds(1));
    std::vector<InputPosition> inputs;
    for (int32_t p = 0; p < kPartitions; ++p) inputs.push_back({{"in", p}, 0, false});
    housekeeper.set_positions(inputs);
    while (asked == 0) std::this_thread::sleep_for(milliseconds(1));
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
  Housekeeper housekeeper(clients, metrics, clock, milliseconds(1));
  housekeeper.set_positions({{{"in", 0}, 0, false}});
  while (!is_asking) std::this_thread::sleep_for(milliseconds(1));
  housekeeper.stop();
  answer.set_value();
}

}  // namespace millrace::engine::housekeeper_test
