#include <future>
#include <random>

#include <gmock/gmock.h>

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::instances_test {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr int kKeys = 20;

class Instances : public ::testing::Test {
 protected:
  Instances() : cluster_([] { return scripted({.process = count_up, .with_store = true}); }, 4) {}

  void pipe(int rounds) {
    for (int i = 0; i < rounds * kKeys; ++i) cluster_.pipe("left", key(i % kKeys), "v");
    piped_ += rounds;
  }
  static std::string key(int i) { return "k" + std::to_string(i); }
  void suffer_random_faults(int rounds);
  /// Every key was counted 1, 2, 3 … without a gap or a repetition.
  void expect_exactly_once() {
    const auto values = cluster_.values("out");
    std::vector<std::string> expected;
    for (int i = 1; i <= piped_; ++i) expected.push_back(std::to_string(i));
    for (int i = 0; i < kKeys; ++i) EXPECT_THAT(values.at(key(i)), ElementsAreArray(expected));
  }
  size_t tasks_of(const std::string& name) { return cluster_[name].queries().tasks().size(); }

  Cluster cluster_;
  int piped_ = 0;
};

TEST_F(Instances, ASecondInstanceTakesItsShareAndGivesItBack) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(2);
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(tasks_of("a"), 4U);
  pipe(2);
  ASSERT_TRUE(cluster_.start("b"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(tasks_of("a"), 2U);
  EXPECT_EQ(tasks_of("b"), 2U);
  pipe(2);
  ASSERT_TRUE(cluster_["b"].close());
  cluster_.kill("b");
  ASSERT_TRUE(cluster_.settle());
  EXPECT_EQ(tasks_of("a"), 4U);
  expect_exactly_once();
}

TEST_F(Instances, AQueryForATaskThatIsElsewhereSaysSo) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  pipe(1);
  ASSERT_TRUE(cluster_.settle());
  int here = 0;
  for (int i = 0; i < kKeys; ++i) {
    const auto in_a = cluster_["a"].queries().get("rows", Bytes(key(i)));
    const auto in_b = cluster_["b"].queries().get("rows", Bytes(key(i)));
    EXPECT_NE(in_a.ok(), in_b.ok());
    const auto& elsewhere = in_a.ok() ? in_b : in_a;
    EXPECT_EQ(elsewhere.code(), ErrorCode::kRetriable);
    EXPECT_THAT(elsewhere.message(), HasSubstr("does not run on this instance"));
    const auto& answer = in_a.ok() ? in_a : in_b;
    EXPECT_EQ(answer->row->value, "1");
    EXPECT_EQ(answer->position.freshness_ms, 0);
    EXPECT_GT(answer->position.inputs.begin()->second, 0);
    here += in_a.ok() ? 1 : 0;
  }
  EXPECT_GT(here, 0);
  EXPECT_LT(here, kKeys);
  int scanned = 0;
  const auto seen = cluster_["a"].queries().scan("rows", {}, [&](TaskId, Bytes, Row) {
    ++scanned;
    return true;
  });
  EXPECT_EQ(seen->size(), 2U);
  EXPECT_EQ(scanned, here);
  EXPECT_EQ(cluster_["a"].queries().get("nothing", "k").code(), ErrorCode::kInvalidArgument);
}

void Instances::suffer_random_faults(int rounds) {
  std::mt19937 random(7);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  constexpr testing::Operation kOperations[] = {testing::Operation::kSend,
                                                testing::Operation::kSendOffsets,
                                                testing::Operation::kCommitTransaction,
                                                testing::Operation::kAbortTransaction,
                                                testing::Operation::kInitTransactions,
                                                testing::Operation::kCommitted,
                                                testing::Operation::kWatermarks,
                                                testing::Operation::kFetch};
  constexpr ErrorCode kCodes[] = {ErrorCode::kAborted, ErrorCode::kTimedOut, ErrorCode::kRetriable};
  ASSERT_TRUE(cluster_.start("a"));
  bool has_b = false;
  for (int round = 0; round < rounds; ++round) {
    pipe(1);
    const testing::Operation operation = kOperations[pick(8)];
    const bool is_read = operation == testing::Operation::kCommitted ||
                         operation == testing::Operation::kWatermarks ||
                         operation == testing::Operation::kFetch;
    const ErrorCode code = is_read ? ErrorCode::kRetriable : kCodes[pick(3)];
    // Told to abort, a client knows that nothing took effect.
    const bool takes_effect = operation == testing::Operation::kCommitTransaction &&
                              code != ErrorCode::kAborted && pick(2) == 0;
    cluster_.broker.inject({operation, code, takes_effect, 1});
    ASSERT_TRUE(cluster_.turn(pick(30)));
    cluster_.clock.advance(pick(200));
    if (pick(6) != 0) continue;
    if (has_b) {
      if (pick(2) == 0) {
        ASSERT_TRUE(cluster_["b"].close());
      }
      cluster_.kill("b");
    } else {
      ASSERT_TRUE(cluster_.start("b"));
    }
    has_b = !has_b;
  }
  // A dead instance's open transaction hides what follows it until it is fenced.
  if (!has_b) {
    ASSERT_TRUE(cluster_.start("b"));
  }
  ASSERT_TRUE(cluster_.settle());
  expect_exactly_once();
}

TEST_F(Instances, RandomFaultsAndRebalancesNeitherLoseNorDouble) {
  suffer_random_faults(150);
}

TEST_F(Instances, NorDoTheyWhileTasksGoOnDuringACommit) {
  cluster_.is_pipelined = true;
  suffer_random_faults(150);
}

TEST_F(Instances, TasksGoOnWhileACommitIsOnItsWay) {
  cluster_.is_pipelined = true;
  std::promise<void> may_end;
  std::shared_future<void> end = may_end.get_future().share();
  cluster_.hooks.on_commit_step = [end](CommitStep step) -> Status {
    if (step == CommitStep::kOffsetsSent) end.wait();
    return {};
  };
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.turn(10));
  pipe(1);
  ASSERT_TRUE(cluster_.turn(1));
  cluster_.clock.advance(1'000);
  ASSERT_TRUE(cluster_.turn(2));  // the commit is begun, and waits
  pipe(1);
  ASSERT_TRUE(cluster_.turn(5));
  EXPECT_TRUE(cluster_["a"].is_idle()) << "the second round is processed";
  EXPECT_TRUE(cluster_.values("out").empty());
  may_end.set_value();
  ASSERT_TRUE(cluster_.settle());
  expect_exactly_once();
}

TEST_F(Instances, AtLeastOnceLosesNothingOverACrash) {
  cluster_.options.guarantee = Guarantee::kAtLeastOnce;
  int countdown = 3;
  cluster_.hooks.on_commit_step = [&](CommitStep step) -> Status {
    if (step != CommitStep::kChangelogSent || --countdown > 0) return {};
    return Error{ErrorCode::kInternal, "crash"};
  };
  ASSERT_TRUE(cluster_.start("a"));
  for (int i = 0; i < 2; ++i) {
    pipe(1);
    ASSERT_TRUE(cluster_.settle());
  }
  pipe(1);
  EXPECT_FALSE(cluster_.settle().ok());
  cluster_.kill("a");
  cluster_.hooks = {};
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  ASSERT_TRUE(cluster_.settle());
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_GE(std::stoi(cluster_["a"].queries().get("rows", Bytes(key(i)))->row->value), piped_);
  }
}

TEST_F(Instances, AnOverflowingCommitBufferCommitsEarly) {
  cluster_.options.commit_interval_ms = 1'000'000'000;
  cluster_.options.commit_bytes_max = 1;
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.turn(20));
  pipe(1);
  ASSERT_TRUE(cluster_.turn(3));
  expect_exactly_once();
}

TEST_F(Instances, ACommitNeverGoesBackOverControlRecords) {
  Cluster cluster(
      [] {
        return scripted({.process = count_up, .sources = {"left", "right"}, .with_store = true});
      },
      1);
  cluster.options.slice_records = 1;
  cluster.options.commit_bytes_max = 1;
  const auto clients = cluster.broker.clients();
  auto producer = clients->producer("elsewhere").value();
  ASSERT_TRUE(producer->init_transactions());
  ASSERT_TRUE(producer->begin_transaction());
  const int32_t left = producer->topic_handle("left").value();
  ASSERT_TRUE(producer->send({left, 0, Bytes("k"), Bytes("v"), 1'000, {}}));
  ASSERT_TRUE(producer->commit_transaction());
  ASSERT_TRUE(cluster.start("a"));
  ASSERT_TRUE(cluster.settle());
  EXPECT_EQ(cluster.broker.committed_offset({"left", 0}), 2) << "past the marker";
  // The next on the left waits while one on the right is committed.
  cluster.pipe("left", "k", "v", 3'000);
  cluster.pipe("right", "k", "v", 2'000);
  int64_t committed = 2;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(cluster.turn());
    const int64_t now = cluster.broker.committed_offset({"left", 0});
    EXPECT_GE(now, committed);
    committed = now;
  }
  EXPECT_EQ(committed, 3);
}

TEST_F(Instances, NothingToCommitMakesNoTransaction) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  ASSERT_TRUE(cluster_.settle());
  cluster_.clock.advance(100'000);
  cluster_.broker.inject({testing::Operation::kCommitTransaction, ErrorCode::kRefused});
  EXPECT_TRUE(cluster_.turn(50));
}

TEST_F(Instances, CloseCommitsAndMayBeRepeated) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.turn(10));
  pipe(1);
  ASSERT_TRUE(cluster_.turn(1));
  ASSERT_TRUE(cluster_["a"].close());
  ASSERT_TRUE(cluster_["a"].close());
  EXPECT_EQ(cluster_["a"].state(), EngineState::kStopped);
  expect_exactly_once();
}

}  // namespace millrace::engine::instances_test
