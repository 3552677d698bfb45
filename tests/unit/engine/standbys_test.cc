// The plan's part in a group of instances: standbys, warm-ups, draining, a leader that fails.
#include <algorithm>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"

#include "cluster.h"
#include "engine/plan/plan.h"
#include "small_topologies.h"
#include "tests/unit/group/bent_clients.h"

namespace millrace::engine::standbys_test {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kKeys = 20;
constexpr int kPartitions = 4;

class Standbys : public ::testing::Test {
 protected:
  Standbys()
      : cluster_([] { return scripted({.process = count_up, .with_store = true}); }, kPartitions) {
    cluster_.options.standby_replicas = 1;
  }

  void pipe(int rounds) {
    for (int i = 0; i < rounds * kKeys; ++i) cluster_.pipe("left", key(i % kKeys), "v");
    piped_ += rounds;
  }
  static std::string key(int i) { return "k" + std::to_string(i); }
  void expect_exactly_once() {
    const auto values = cluster_.values("out");
    std::vector<std::string> expected;
    for (int i = 1; i <= piped_; ++i) expected.push_back(std::to_string(i));
    for (int i = 0; i < kKeys; ++i) EXPECT_THAT(values.at(key(i)), ElementsAreArray(expected));
  }
  int count(const std::string& name, TaskStage stage) {
    int found = 0;
    for (const TaskInfo& task : cluster_[name].queries().tasks()) {
      found += task.stage == stage ? 1 : 0;
    }
    return found;
  }
  /// Until nothing is uncommitted and every standby has caught up.
  void settle() {
    ASSERT_TRUE(cluster_.settle());
    for (int i = 0; i < 20; ++i) {
      cluster_.clock.advance(1'000);
      ASSERT_TRUE(cluster_.turn(5));
      ASSERT_TRUE(cluster_.settle());
    }
  }

  /// As settle(), with a member of the group that is none of our engines and lets it pass.
  void settle_with(Membership& member) {
    for (int i = 0; i < 500; ++i) {
      cluster_.clock.advance(10);
      ASSERT_TRUE(cluster_.turn());
      const auto event = member.poll();
      ASSERT_TRUE(event.ok());
      if (*event && (*event)->kind == MembershipEvent::Kind::kRevoked) member.acknowledge_revoked();
    }
  }

  Cluster cluster_;
  int piped_ = 0;
};

TEST_F(Standbys, EveryTaskHasACopyOnAnotherInstance) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  pipe(1);
  settle();
  for (const char* const name : {"a", "b"}) {
    EXPECT_EQ(count(name, TaskStage::kRunning), 2) << name;
    EXPECT_EQ(count(name, TaskStage::kStandby), 2) << name;
  }
}

TEST_F(Standbys, ACopyAnswersWhoAllowsIt) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  pipe(3);
  settle();
  int by_standby = 0;
  for (int i = 0; i < kKeys; ++i) {
    const auto strict = cluster_["a"].queries().get("rows", Bytes(key(i)));
    const auto stale = cluster_["a"].queries().with_standbys().get("rows", Bytes(key(i)));
    ASSERT_TRUE(stale.ok()) << stale.message();
    EXPECT_EQ(stale->row->value, "3");
    EXPECT_EQ(stale->position.lag_records, 0);
    EXPECT_EQ(stale->position.is_standby, !strict.ok());
    by_standby += stale->position.is_standby ? 1 : 0;
    if (!strict.ok()) {
      EXPECT_THAT(strict.message(), HasSubstr("a standby"));
    }
  }
  EXPECT_GT(by_standby, 0);
}

TEST_F(Standbys, TakeOverWithoutReadingTheChangelogAgain) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  pipe(5);
  settle();
  cluster_.kill("b");
  ASSERT_TRUE(cluster_.turn(50));
  EXPECT_EQ(count("a", TaskStage::kRunning), kPartitions);
  // Of "a"'s own tasks and of the promoted ones nothing was read while they were to run.
  EXPECT_EQ(cluster_["a"].metrics().restored_records().value(), 0);
  pipe(1);
  ASSERT_TRUE(cluster_.settle());
  expect_exactly_once();
}

TEST_F(Standbys, ATaskMovesToANewInstanceOnceItIsWarm) {
  cluster_.options.standby_replicas = 0;
  cluster_.options.acceptable_recovery_lag = 0;
  ASSERT_TRUE(cluster_.start("a"));
  pipe(3);
  settle();
  ASSERT_TRUE(cluster_.start("b"));
  ASSERT_TRUE(cluster_.turn(3));
  EXPECT_EQ(count("a", TaskStage::kRunning) + count("a", TaskStage::kSuspended) +
                count("a", TaskStage::kRestoring),
            kPartitions)
      << "nothing moves cold";
  for (int i = 0; i < 10; ++i) {
    pipe(1);
    settle();
  }
  EXPECT_EQ(count("a", TaskStage::kRunning), 2);
  EXPECT_EQ(count("b", TaskStage::kRunning), 2);
  expect_exactly_once();
}

TEST_F(Standbys, ADrainedInstanceEndsWithNothing) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  pipe(2);
  settle();
  cluster_["b"].drain();
  settle();
  EXPECT_EQ(count("a", TaskStage::kRunning), kPartitions);
  EXPECT_EQ(count("b", TaskStage::kRunning), 0);
  EXPECT_TRUE(cluster_["b"].is_drained());
  pipe(1);
  settle();
  expect_exactly_once();
}

TEST_F(Standbys, APausedInstanceAnswersAndDoesNotProcess) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  settle();
  cluster_["a"].pause();
  pipe(1);
  ASSERT_TRUE(cluster_.turn(50));
  cluster_.clock.advance(1'000);
  ASSERT_TRUE(cluster_.turn(50));
  EXPECT_EQ(cluster_["a"].queries().get("rows", Bytes(key(0)))->row->value, "1");
  cluster_["a"].resume();
  settle();
  EXPECT_EQ(cluster_["a"].queries().get("rows", Bytes(key(0)))->row->value, "2");
  expect_exactly_once();
}

TEST_F(Standbys, ALeaderThatIsGoneBeforeItPublishedIsReplaced) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  settle();
  ASSERT_TRUE(cluster_.start("b"));
  // The member that joined first leads. It lets the barrier pass, and is not heard of again.
  ASSERT_TRUE(cluster_.turn(1));
  cluster_.kill("a");
  pipe(1);
  settle();
  EXPECT_EQ(count("b", TaskStage::kRunning), kPartitions);
  expect_exactly_once();
}

TEST_F(Standbys, WhereTheLeaderDoesNotPublishTheOthersAskForANewGeneration) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  settle();
  ASSERT_TRUE(cluster_.start("b"));
  cluster_.clock.advance(1);
  // Everybody passes the barrier, then "a" stalls while "b" keeps running.
  ASSERT_TRUE(cluster_["b"].run_once());
  ASSERT_TRUE(cluster_["a"].run_once());
  for (int i = 0; i < 20; ++i) {
    cluster_.clock.advance(1'000);
    ASSERT_TRUE(cluster_["b"].run_once());
  }
  pipe(1);
  settle();
  EXPECT_EQ(count("a", TaskStage::kRunning) + count("b", TaskStage::kRunning), kPartitions);
  expect_exactly_once();
}

TEST_F(Standbys, AnInstanceWhoseFormerMembershipHasNotEndedYetIsOneMember) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  settle();
  // "b" was killed and came back; until the session ends the group has two of it.
  const auto clients = cluster_.broker.clients();
  const auto former = clients->join({"left", "app-control"}, "app-rebalance", "b").value();
  ASSERT_TRUE(cluster_.start("b"));
  settle_with(*former);
  EXPECT_EQ(count("a", TaskStage::kRunning), 2);
  EXPECT_EQ(count("b", TaskStage::kRunning), 2);
  pipe(1);
  settle_with(*former);
  expect_exactly_once();
}

TEST_F(Standbys, AMemberThatIsNoInstanceGetsNothing) {
  ASSERT_TRUE(cluster_.start("a"));
  pipe(1);
  settle();
  const auto clients = cluster_.broker.clients();
  const auto stranger = clients->join({"left"}, "app-rebalance", "kcat").value();
  pipe(1);
  settle_with(*stranger);
  EXPECT_EQ(count("a", TaskStage::kRunning), kPartitions);
  expect_exactly_once();
}

TEST_F(Standbys, LocalStateIsFoundAgainAfterARestart) {
  cluster_.options.standby_replicas = 0;
  ASSERT_TRUE(cluster_.start("a"));
  pipe(4);
  settle();
  ASSERT_TRUE(cluster_["a"].close());
  cluster_.kill("a");
  // A newcomer with nothing and the one with the state join together.
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  ASSERT_TRUE(cluster_.turn(30));
  EXPECT_EQ(cluster_["a"].metrics().restored_records().value(), 0);
  pipe(1);
  settle();
  expect_exactly_once();
}

/// left → out; the version `with_right` has a sub-topology more: right → right-out
Result<Topology> copying(bool with_right) {
  std::vector<Node> nodes;
  const auto add = [&](const std::string& name, NodeKind kind, const std::string& topic) -> Node& {
    Node& node = nodes.emplace_back();
    node.name = name;
    node.kind = kind;
    node.topic = {topic, type_info<std::string>(), type_info<std::string>()};
    return node;
  };
  for (const std::string& topic : {std::string("left"), std::string("right")}) {
    if (topic == "right" && !with_right) break;
    const auto source = static_cast<NodeIndex>(nodes.size());
    add(topic + "-in", NodeKind::kSource, topic).children = {source + 1};
    add(topic + "-sink", NodeKind::kSink, topic + "-out").parents = {source};
  }
  return Topology::create("copying", std::move(nodes), {});
}

/// A static member that comes back continues in its generation, and Kafka does not look whether its
/// subscription is another one. So a version that is taken back meets the plan of the later one.
class VersionsOfAStaticMember : public ::testing::Test {
 protected:
  VersionsOfAStaticMember() : cluster_([this] { return copying(has_right_); }, 2) {
    cluster_.broker.set_sessions(testing::MemoryBroker::Sessions::kStatic);
    bends_.subscription = {"app-control", "left", "right"};
    cluster_.make_clients = [this] {
      return std::make_unique<BentClients>(cluster_.broker.clients(), bends_);
    };
  }

  void pipe(const std::string& key) {
    for (const char* const topic : {"left", "right"}) {
      for (int32_t p = 0; p < 2; ++p) {
        cluster_.broker.append({topic, p},
                               {.timestamp_ms = 1'000, .key = key, .value = "v", .headers = {}});
      }
    }
  }
  size_t copied(const std::string& topic, const std::string& key) {
    return cluster_.values(topic)[key].size();
  }
  /// Numbers of the sub-topologies of its tasks.
  std::vector<int32_t> sub_topologies_of(const std::string& name) {
    std::vector<int32_t> numbers;
    for (const TaskInfo& task : cluster_[name].queries().tasks()) {
      numbers.push_back(task.position.task.sub_topology);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
  std::vector<Plan> plans() {
    std::vector<Plan> found;
    for (const auto& record : cluster_.broker.read_committed({"app-plan", 0})) {
      if (!record.value) continue;
      const Result<Plan> plan = decode_plan(Bytes(*record.value));
      if (plan.ok()) found.push_back(*plan);
    }
    return found;
  }

  Bends bends_;
  bool has_right_ = true;
  Cluster cluster_;
};

TEST_F(VersionsOfAStaticMember, AnEarlierOneResumesThePlanButForTasksThatItDoesNotHave) {
  ASSERT_TRUE(cluster_.start("a"));
  ASSERT_TRUE(cluster_.start("b"));
  ASSERT_TRUE(cluster_.settle());
  ASSERT_THAT(sub_topologies_of("b"), ElementsAreArray({0, 1}));
  const std::vector<Plan> before = plans();
  cluster_.kill("b");
  has_right_ = false;
  ASSERT_TRUE(cluster_.start("b"));
  pipe("of both versions");
  ASSERT_TRUE(cluster_.settle());
  EXPECT_THAT(sub_topologies_of("b"), ElementsAreArray({0}));
  EXPECT_EQ(copied("left-out", "of both versions"), 2U);
  EXPECT_EQ(copied("right-out", "of both versions"), 1U) << "that of the other instance";

  const std::vector<Plan> after = plans();
  ASSERT_THAT(after, SizeIs(before.size() + 1)) << "it resumed, and published for the next one";
  EXPECT_EQ(after.back().generation, before.back().generation);
  EXPECT_EQ(after.back().placements, before.back().placements);

  cluster_.kill("b");
  has_right_ = true;
  ASSERT_TRUE(cluster_.start("b"));
  ASSERT_TRUE(cluster_.settle());
  EXPECT_THAT(sub_topologies_of("b"), ElementsAreArray({0, 1}));
  EXPECT_EQ(copied("right-out", "of both versions"), 2U);
  EXPECT_EQ(plans().back().generation, before.back().generation);
}

}  // namespace millrace::engine::standbys_test
