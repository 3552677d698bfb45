#include <algorithm>
#include <string_view>

#include <gmock/gmock.h>

#include "millrace/operators.h"

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::caught_up_test {

constexpr int kKeys = 12;

std::string_view same(std::string_view value) {
  return value;
}

/// left → exchange by value → out
Result<Topology> exchanged() {
  TopologyBuilder builder{"exchanged"};
  builder.stream(kLeft).key_by(same).exchange("by-value").to(kOut);
  return std::move(builder).build();
}

class CaughtUp : public ::testing::Test {
 protected:
  static void pipe(Cluster& cluster) {
    for (int i = 0; i < kKeys; ++i) {
      const std::string value = "v" + std::to_string(i);
      cluster.pipe("left", "k" + std::to_string(i), value);
    }
  }
  static bool says_so(Cluster& cluster) {
    const std::vector<TaskInfo> tasks = cluster["a"].queries().tasks();
    return !tasks.empty() && std::all_of(tasks.begin(), tasks.end(), [](const TaskInfo& task) {
      return task.stage == TaskStage::kRunning && task.is_caught_up;
    });
  }
  static size_t outputs(Cluster& cluster) {
    size_t count = 0;
    for (const auto& [key, values] : cluster.values("out")) count += values.size();
    return count;
  }
};

TEST_F(CaughtUp, IsNotSaidBeforeWhatWasReadHasGoneAllTheWay) {
  for (const bool is_pipelined : {false, true}) {
    Cluster cluster(exchanged, 4);
    cluster.is_pipelined = is_pipelined;
    ASSERT_TRUE(cluster.start("a"));
    ASSERT_TRUE(cluster.settle());
    ASSERT_TRUE(says_so(cluster));
    for (size_t round = 1; round <= 5; ++round) {
      pipe(cluster);
      ASSERT_TRUE(cluster.turn());  // fetches
      int turns = 0;
      for (; !says_so(cluster) && turns < 5'000; ++turns) ASSERT_TRUE(cluster.turn());
      EXPECT_EQ(outputs(cluster), round * kKeys) << "after " << turns << " turns";
    }
  }
}

}  // namespace millrace::engine::caught_up_test
