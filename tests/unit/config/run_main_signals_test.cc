#include "engine/run/run_main_signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::engine::run_main_signals_test {

constexpr int64_t kStopTimeoutMs = 100;

/// Its caller hangs, and the thread has to end the process.
[[noreturn]] void hang_after(ExitCode code) {
  SignalThread signals(kStopTimeoutMs);
  signals.limit_end(code);
  for (;;) pause();
}

TEST(SignalThreadDeathTest, AnEndAfterAFailureThatHangsIsMadeByForceWithItsCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(hang_after(ExitCode::kTopology), ::testing::ExitedWithCode(3), "");
}

TEST(SignalThreadDeathTest, AnEndAfterAnOrderlyStopThatWaitsForABrokerIsAnOrderlyOne) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(hang_after(ExitCode::kOk), ::testing::ExitedWithCode(0), "");
}

}  // namespace millrace::engine::run_main_signals_test
