#include <filesystem>

#include <gmock/gmock.h>

#include "cluster.h"
#include "small_topologies.h"
#include "tests/unit/group/bent_clients.h"

namespace millrace::engine::identity_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

/// An instance without an id of its own, on a state directory.
std::unique_ptr<Engine> start(Cluster& cluster, ClientFactory& clients,
                              const std::filesystem::path& directory) {
  EngineOptions options;
  options.application_id = "app";
  options.state_dir = directory;
  options.worker_threads = 1;
  options.poll_wait_ms = 0;
  options.commit_pipelined = false;
  options.retry_backoff_max_ms = 0;
  return Engine::create(counting(), options, clients, cluster.clock).value();
}

Status settle(Cluster& cluster, Engine& engine) {
  for (int i = 0; i < 10'000; ++i) {
    cluster.clock.advance(1);
    MILLRACE_RETURN_IF_ERROR(engine.run_once());
    if (engine.is_idle() && !engine.has_uncommitted()) return {};
  }
  return Error{ErrorCode::kInternal, "the instance does not come to rest"};
}

TEST(Identity, OnACopyOfAStateDirectoryTheLaterProcessEnds) {
  Cluster cluster(counting, 2);
  const auto clients = cluster.broker.clients();
  const auto others = cluster.broker.clients();
  const std::filesystem::path original = cluster.state_dir("original");
  const std::filesystem::path copy = cluster.state_dir("copy");
  const auto first = start(cluster, *clients, original);
  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(settle(cluster, *first));
  std::filesystem::create_directories(copy / "app");
  std::filesystem::copy_file(original / "app" / "instance", copy / "app" / "instance");

  const auto second = start(cluster, *others, copy);
  Status ended;
  for (int i = 0; i < 10'000 && ended.ok(); ++i) {
    cluster.clock.advance(1);
    ASSERT_TRUE(first->run_once());
    ended = second->run_once();
  }
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.code(), ErrorCode::kFenced) << ended.message();
  EXPECT_THAT(ended.message(), HasSubstr("its state directory was copied, or is shared"));
  EXPECT_EQ(second->state(), EngineState::kFailed);
  EXPECT_EQ(second->close().code(), ErrorCode::kFenced);

  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(settle(cluster, *first));
  EXPECT_THAT(cluster.values("out").at("k"), ElementsAre("1", "2"));
}

TEST(Identity, AnInstanceWhoseIdAnotherProcessTookEndsAsFenced) {
  Cluster cluster(counting, 2);
  Bends bends;
  BentClients clients(cluster.broker.clients(), bends);
  const auto engine = start(cluster, clients, cluster.state_dir("a"));
  cluster.pipe("left", "k", "v");
  ASSERT_TRUE(settle(cluster, *engine));
  bends.membership = Error{ErrorCode::kFenced, "a static member of this name joined"};
  const Status ended = engine->run_once();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.code(), ErrorCode::kFenced);
  EXPECT_THAT(ended.message(), HasSubstr("of this name joined"));
  EXPECT_EQ(engine->state(), EngineState::kFailed);
}

}  // namespace millrace::engine::identity_test
