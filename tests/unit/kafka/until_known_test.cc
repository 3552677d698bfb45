#include "engine/kafka/until_known.h"

#include <thread>

#include <gtest/gtest.h>

#include "mock_cluster.h"

namespace millrace::engine::kafka::until_known_test {

using std::chrono::milliseconds;

const Error kUnknown{ErrorCode::kNotFound, "topic t does not exist"};

TEST(UntilKnown, ABrokerThatIsBehindIsAskedAgain) {
  int asked = 0;
  const Status answer = until_known([&]() -> Status {
    if (++asked < 4) return kUnknown;
    return {};
  });
  EXPECT_EQ(shown(answer), "ok");
  EXPECT_EQ(asked, 4);
}

TEST(UntilKnown, AnotherFailureIsAnAnswer) {
  int asked = 0;
  const Status answer = until_known([&]() -> Status {
    if (++asked == 1) return kUnknown;
    return Error{ErrorCode::kRetriable, "away"};
  });
  EXPECT_EQ(answer.code(), ErrorCode::kRetriable);
  EXPECT_EQ(asked, 2);
}

TEST(UntilKnown, ATopicThatStaysUnknownDoesNotExist) {
  const Status answer = until_known([]() -> Status { return kUnknown; }, milliseconds(100));
  EXPECT_EQ(answer.code(), ErrorCode::kNotFound);
}

TEST(UntilKnown, ATopicThatABrokerHasNotHeardOfYetIsFound) {
  MockCluster cluster;
  cluster.set_unknown("t", true);
  const auto admin = clients_at(cluster.bootstrap())->admin().value();
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(300));
    cluster.set_unknown("t", false);
  });
  const Status described = admin->describe_topic("t").status();
  later.join();
  // The mock has no settings to describe; but then it knows the topic.
  EXPECT_NE(described.code(), ErrorCode::kNotFound) << described.message();
}

}  // namespace millrace::engine::kafka::until_known_test
