#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "mock_cluster.h"

namespace millrace::engine::leaders_test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int32_t kOtherBroker = MockCluster::kBroker + 1;

/// Asks again while the answer is no other than "later", as the engine does.
template <class Ask>
Status ask_until_answered(Ask&& ask) {
  const auto deadline = Clock::now() + seconds(5);
  Status status = ask();
  while (!status.ok() && status.code() == ErrorCode::kRetriable && Clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(20));
    status = ask();
  }
  return status;
}

TEST(Leaders, AQuestionAboutAPartitionFindsItsNewLeader) {
  MockCluster cluster(2);
  const auto admin = clients_at(cluster.bootstrap())->admin().value();
  const auto ask = [&admin] { return admin->watermarks({"t", 0}).status(); };
  ASSERT_EQ(shown(ask_until_answered(ask)), "ok");
  cluster.set_leader(kOtherBroker);
  EXPECT_EQ(shown(ask_until_answered(ask)), "ok");
}

TEST(Leaders, APartitionWithoutALeaderIsAskedForAgain) {
  MockCluster cluster(2);
  cluster.set_leader(MockCluster::kNoBroker);
  const auto admin = clients_at(cluster.bootstrap())->admin().value();
  const auto ask = [&admin] { return admin->watermarks({"t", 0}).status(); };
  EXPECT_EQ(ask().code(), ErrorCode::kRetriable) << ask().message();
  cluster.set_leader(kOtherBroker);
  EXPECT_EQ(shown(ask_until_answered(ask)), "ok");
}

TEST(Leaders, APartitionThatIsNotThereIsNoMatterOfTime) {
  MockCluster cluster;
  const auto admin = clients_at(cluster.bootstrap())->admin().value();
  EXPECT_EQ(admin->watermarks({"t", 7}).code(), ErrorCode::kConfig);
}

}  // namespace millrace::engine::leaders_test
