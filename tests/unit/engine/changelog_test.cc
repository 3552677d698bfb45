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

TEST_F(Changelog, ThatIsGoneIsNotMadeAnewInTheMiddleOfItsInputs) {
  cluster_.options.bootstrap_servers = "kafka:9092";
  run_with("a", 5);
  cluster_.broker.delete_topic("app-rows-changelog");
  ASSERT_TRUE(cluster_.start("b"));
  const Status status = cluster_.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("changelog 'app-rows-changelog' of store 'rows'"),
                                      HasSubstr("committed offset 5 of left/0"),
                                      HasSubstr("kafka-topics.sh --bootstrap-server kafka:9092 "
                                                "--create --topic app-rows-changelog "
                                                "--partitions 1 --config ")));
  EXPECT_EQ(cluster_.broker.partitions("app-rows-changelog"), 0);
}

TEST(ChangelogOfCursors, ThatIsGoneIsNotMadeAnewAfterChangesOfATableAlone) {
  Cluster cluster(
      [] {
        return scripted(
            {.broadcast = "rules", .on_change = [](ProcessorContext&, const BroadcastChange&) {}});
      },
      1);
  ASSERT_TRUE(cluster.start("a"));
  cluster.pipe("rules", "r", "v");
  ASSERT_TRUE(cluster.settle());
  ASSERT_TRUE(cluster["a"].close());
  cluster.kill("a");
  cluster.broker.delete_topic("app-step-cursors-changelog");
  ASSERT_TRUE(cluster.start("b"));
  const Status status = cluster.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("committed offset 0 of left/0"));
}

TEST_F(Changelog, OfANewStoreIsTakenFromWhoMadeIt) {
  run_with("a", 5);
  cluster_.broker.delete_topic("app-rows-changelog");
  cluster_.broker.create_topic("app-rows-changelog", 1, {{"cleanup.policy", "compact"}});
  run_with("b", 1);
  EXPECT_EQ(cluster_.values("out").at("k0").back(), "1");
}

TEST_F(Changelog, ThatForgetsDeletionsBeforeLocalStateIsTooOldIsRefused) {
  cluster_.broker.create_topic(
      "app-rows-changelog", 1,
      {{"cleanup.policy", "compact"}, {"delete.retention.ms", "86400000"}});
  cluster_.options.bootstrap_servers = "kafka:9092";
  ASSERT_TRUE(cluster_.start("a"));
  const Status status = cluster_.settle();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("'app-rows-changelog' has delete.retention.ms=86400000"),
                    HasSubstr("state.max.age.ms=259200000"),
                    HasSubstr("kafka-configs.sh --bootstrap-server kafka:9092 --alter "
                              "--entity-type topics --entity-name app-rows-changelog "
                              "--add-config delete.retention.ms=345600000")));
  cluster_.kill("a");
  cluster_.options.state_max_age_ms = 3'600'000;
  ASSERT_TRUE(cluster_.start("a"));
  EXPECT_TRUE(cluster_.settle());
}

TEST_F(Changelog, IsMadeToKeepDeletionsLongerThanLocalStateIsUsed) {
  constexpr int64_t kThirtyDaysMs = 30LL * 24 * 3600 * 1000;
  cluster_.options.state_max_age_ms = kThirtyDaysMs;
  run_with("a", 1);
  const auto described = admin_->describe_topic("app-rows-changelog");
  EXPECT_GT(std::stoll(described->config.at("delete.retention.ms")), kThirtyDaysMs);
}

TEST_F(Changelog, ThatLostItsEndIsNotFilledUpAgain) {
  run_with("a", 5);
  cluster_.broker.delete_topic("app-rows-changelog");
  cluster_.broker.create_topic("app-rows-changelog", 1, {{"cleanup.policy", "compact"}});
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
