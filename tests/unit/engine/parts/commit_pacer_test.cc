#include "engine/commit/commit_pacer.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "millrace/core/clock.h"

namespace millrace::engine {
namespace {

EngineOptions options() {
  EngineOptions options;
  options.commit_interval_ms = 100;
  options.commit_interval_max_ms = 1'000;
  options.commit_bytes_max = 50;
  return options;
}

TEST(CommitPacerTest, TheIntervalDoublesWhileLaggingUpToItsMost) {
  const EngineOptions lagging = options();
  CommitPacer pacer(lagging);
  for (const int64_t interval_ms : {200, 400, 800, 1'000, 1'000}) {
    pacer.committed(0, true);
    EXPECT_FALSE(pacer.is_due(interval_ms * kNsPerMs - 1, 0, true)) << interval_ms;
    EXPECT_TRUE(pacer.is_due(interval_ms * kNsPerMs, 0, true)) << interval_ms;
  }
}

TEST(CommitPacerTest, AtTheEndOfTheInputsALongIntervalIsCutShort) {
  const EngineOptions lagging = options();
  CommitPacer pacer(lagging);
  for (int i = 0; i < 5; ++i) pacer.committed(0, true);
  EXPECT_FALSE(pacer.is_due(100 * kNsPerMs, 0, true));
  EXPECT_FALSE(pacer.is_due(100 * kNsPerMs - 1, 0, false));
  EXPECT_TRUE(pacer.is_due(100 * kNsPerMs, 0, false));
  EXPECT_EQ(pacer.due_ns(false), 100 * kNsPerMs);
}

TEST(CommitPacerTest, BytesForceACommit) {
  const EngineOptions small = options();
  CommitPacer pacer(small);
  pacer.committed(0, true);
  EXPECT_FALSE(pacer.is_due(1, 49, true));
  EXPECT_TRUE(pacer.is_due(1, 50, true));
}

}  // namespace
}  // namespace millrace::engine
