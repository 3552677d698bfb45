#include "apps/workload/disorder.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "millrace/core/result.h"

namespace millrace::apps::disorder_test {

std::vector<int> delivered(DisorderOptions options, int count) {
  std::vector<int> order;
  const auto deliver = [&](int item) -> Status {
    order.push_back(item);
    return {};
  };
  Disorder<int> disorder(options);
  for (int item = 0; item < count; ++item) EXPECT_TRUE(disorder.add(item, deliver).ok());
  EXPECT_TRUE(disorder.finish(deliver).ok());
  return order;
}

TEST(Disorder, KeepsTheOrderWithoutAWindow) {
  EXPECT_EQ(delivered({}, 4), (std::vector<int>{0, 1, 2, 3}));
}

TEST(Disorder, DeliversEveryItemOnceInAnotherOrder) {
  std::vector<int> order = delivered({.window = 20}, 500);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  ASSERT_EQ(order.size(), 500U);
  for (int item = 0; item < 500; ++item) EXPECT_EQ(order[static_cast<size_t>(item)], item);
}

TEST(Disorder, NothingIsEarlierThanItsWindow) {
  const std::vector<int> order = delivered({.window = 20}, 500);
  for (size_t place = 0; place < order.size(); ++place) {
    EXPECT_LE(order[place], static_cast<int>(place) + 20);
  }
}

TEST(Disorder, RepeatsSomeAndLosesNone) {
  const std::vector<int> order = delivered({.window = 5, .repeats_permille = 200}, 1000);
  EXPECT_GT(order.size(), 1100U);
  EXPECT_LT(order.size(), 1500U);
  for (int item = 0; item < 1000; ++item) {
    EXPECT_NE(std::find(order.begin(), order.end(), item), order.end()) << item;
  }
}

TEST(Disorder, TheSameSeedGivesTheSameOrder) {
  const DisorderOptions options{.window = 10, .repeats_permille = 50, .seed = 7};
  EXPECT_EQ(delivered(options, 300), delivered(options, 300));
}

}  // namespace millrace::apps::disorder_test
