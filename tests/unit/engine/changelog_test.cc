// A changelog that does not hold what a store lacks: nobody runs with a hole in its state.
#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::changelog_test {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Changelog : public ::testing::Test {
 protected:
  Changelog() : cluster_([] { return scripted({.process = count_up, .with_store = true}); }, 1) {}

  void run_with(const std::string& name, int records) {
    ASSERT_TRUE(cluster_.start(name));
    for (int i = 0; i < records; ++i) cluster_.pipe("left", "k" + std::to_string(i), "v");
    ASSERT_TRUE(cluster_.settle());
    ASSERT_TRUE(cluster_[name].close());
    cluster_.kill(name);
  }
  int64_t end() { return admin_->watermarks(kPartition)->high; }
  void truncate_before(int64_t offset) {
    ASSERT_TRUE(admin_->delete_records(std::vector<PartitionOffset>{{kPartition, offset}}));
  }
  void expect_refused(const std::string& name, const std::string& detail) {
    ASSERT_TRUE(cluster_.start(name));
    const Status status = cluster_.settle();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr("app-rows-changelog/0"), HasSubstr(detail), HasSubstr("are lost")));
    EXPECT_EQ(cluster_[name].state(), EngineState::kFailed);
    cluster_.kill(name);
  }

  static inline const TopicPartition kPartition{"app-rows-changelog", 0};
  Cluster cluster_;
  std::unique_ptr<ClientFactory> clients_ = cluster_.broker.clients();
  std::unique_ptr<Admin> admin_ = clients_->admin().value();
};

TEST_F(Changelog, ThatLostItsHeadDoesNotFillAnEmptyStore) {
  run_with("a", 5);
  truncate_before(2);
  expect_refused("b", "there is no local state");
}

TEST_F(Changelog, ThatWasCutBehindAStoreIsNotReadOnFromThere) {
  run_with("a", 5);
  const int64_t first = end();
  run_with("b", 5);
  truncate_before(first + 2);
  expect_refused("a", "local state is at");
}

TEST_F(Changelog, ThatWasCutBeforeAStoresPositionIsOfUseToThatStore) {
  run_with("a", 5);
  run_with("b", 5);
  const int64_t cut = end() - 3;
  truncate_before(cut);
  ASSERT_TRUE(cluster_.start("b"));
  cluster_.pipe("left", "k0", "v");
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(cluster_["b"].queries().get("rows", "k0")->row->value, "3");
}

TEST_F(Changelog, ThatLostItsEndIsNotFilledUpAgain) {
  run_with("a", 5);
  cluster_.broker.delete_topic("app-rows-changelog");
  expect_refused("a", "holds offsets 0 to 0, but local state is at");
}

TEST_F(Changelog, ThatIsCutUnderAStandbyStopsItOnlyWhereItIsBehind) {
  cluster_.options.standby_replicas = 1;
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  cluster_.pipe("left", "k", "v");
  ASSERT_TRUE(cluster_.settle());
  ASSERT_TRUE(cluster_.turn(50));
  truncate_before(end());
  cluster_.pipe("left", "k", "v");
  ASSERT_TRUE(cluster_.settle());
  ASSERT_TRUE(cluster_.turn(50));
  const bool is_a = cluster_["a"].queries().get("rows", "k").ok();
  cluster_.kill(is_a ? "a" : "b");
  cluster_.pipe("left", "k", "v");
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(cluster_[is_a ? "b" : "a"].queries().get("rows", "k")->row->value, "3");
}

}  // namespace millrace::engine::changelog_test
