// The cache of an instance, divided among its tasks.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "tests/unit/engine/roster/roster_home.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::cache_share_test {

using ::testing::Gt;
using ::testing::Le;

constexpr int32_t kPartitions = 4;
constexpr size_t kCacheBytes = 8'000;

class CacheShare : public ::testing::Test {
 protected:
  CacheShare() : home_(scripted({.process = count_up, .with_store = true}).value(), kPartitions) {
    home_.options.cache_bytes = kCacheBytes;
  }
  /// Fills the caches of the tasks that run.
  void fill() {
    for (int i = 0; i < 1'000; ++i) home_.pipe("left", "key" + std::to_string(i));
    ASSERT_TRUE(home_.turns(10));
  }

  RosterHome home_;
};

TEST_F(CacheShare, IsDividedAgainWhenMoreTasksCome) {
  ASSERT_TRUE(home_.open());
  home_.give({{0, 0}});
  fill();
  EXPECT_THAT(home_.roster->cached_bytes(), Gt(kCacheBytes / 2));
  home_.give({{0, 0}, {0, 1}, {0, 2}, {0, 3}});
  fill();
  EXPECT_THAT(home_.roster->cached_bytes(), Le(kCacheBytes));
}

TEST_F(CacheShare, IsGivenToThoseThatStay) {
  ASSERT_TRUE(home_.open());
  home_.give({{0, 0}, {0, 1}, {0, 2}, {0, 3}});
  fill();
  home_.give({{0, 0}});
  fill();
  EXPECT_THAT(home_.roster->cached_bytes(), Gt(kCacheBytes / 2));
}

TEST_F(CacheShare, IsReported) {
  ASSERT_TRUE(home_.open());
  home_.give({{0, 0}});
  fill();
  const size_t cached = home_.roster->cached_bytes();
  home_.plane->report(cached);
  EXPECT_EQ(home_.instance->metrics.store_cache_bytes().value(), static_cast<double>(cached));
}

}  // namespace millrace::engine::cache_share_test
