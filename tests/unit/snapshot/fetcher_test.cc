#include "engine/snapshot/fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot/routes.h"
#include "tests/unit/snapshot/peer.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::fetcher_test {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class FetcherTest : public ::testing::Test {
 protected:
  FetcherTest() : state_(directory_.path() / "live"), server_({.threads = 2}) {
    fs::create_directories(root_);
    state_.commit(100, 'a', 7);
    const fs::path checkpoint = directory_.path() / "checkpoint";
    EXPECT_TRUE(state_->checkpointer()->checkpoint(checkpoint).ok());
    for (const int32_t partition : {3, 4, 5}) {
      SnapshotManifest draft = draft_at(kNowMs);
      draft.task.partition = partition;
      EXPECT_TRUE(store_.publish(checkpoint, draft, {}).ok());
    }
    add_snapshot_routes(server_, store_);
    const Result<int> port = server_.start();
    EXPECT_TRUE(port.ok());
    good_ = {"127.0.0.1:" + std::to_string(*port), {}};
  }
  SnapshotFetcherOptions options() const {
    SnapshotFetcherOptions options;
    options.state_root = root_;
    options.application_id = "crm";
    return options;
  }
  static std::vector<FetchedSnapshot> wait_for(SnapshotFetcher& fetcher, size_t count) {
    std::vector<FetchedSnapshot> all;
    EXPECT_TRUE(eventually([&] {
      for (FetchedSnapshot& outcome : fetcher.poll()) all.push_back(std::move(outcome));
      return all.size() >= count;
    }));
    return all;
  }

  TempDirectory directory_;
  const fs::path root_ = directory_.path() / "state";
  const SnapshotStore store_{directory_.path() / "snapshots", "me"};
  State state_;
  QueryServer server_;
  SnapshotOrigin good_;
};

TEST_F(FetcherTest, BringsSeveralTasksToWhereTheyOpen) {
  SnapshotFetcher fetcher(options(), system_clock());
  for (const int32_t partition : {3, 4, 5}) {
    fetcher.start({0, partition}, "cluster/topics", {good_});
  }
  for (const FetchedSnapshot& outcome : wait_for(fetcher, 3)) {
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_FALSE(fetcher.is_fetching(outcome.task));
    const fs::path task_directory = root_ / outcome.task.to_string();
    make_files(task_directory, {{"CURRENT", "of a state that is of no use"}});
    ASSERT_TRUE(install_fetched(outcome.directory, task_directory).ok());
    EXPECT_EQ(State(task_directory).text(), state_.text());
  }
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3", "0_4", "0_5"));
}

TEST_F(FetcherTest, TakesTheFirstOriginThatIsOfUse) {
  Peer garbage([](const std::string&) { return http_answer("garbage"); });
  Peer empty([](const std::string&) { return http_answer("", "404 Not Found"); });
  SnapshotFetcher fetcher(options(), system_clock());
  fetcher.start(kTask, "cluster/topics",
                {{garbage.endpoint(), {}},
                 {empty.endpoint(), {}},
                 {"", directory_.path() / "nowhere"},
                 {"", directory_.path() / "snapshots"},
                 good_});
  const auto outcomes = wait_for(fetcher, 1);
  ASSERT_TRUE(outcomes[0].status.ok()) << outcomes[0].status.message();
  EXPECT_EQ(outcomes[0].origin, (directory_.path() / "snapshots").string());
}

TEST_F(FetcherTest, SaysWhyNobodyHadAny) {
  Peer empty([](const std::string&) { return http_answer("", "404 Not Found"); });
  SnapshotFetcher fetcher(options(), system_clock());
  fetcher.start({0, 3}, "another incarnation", {good_});
  fetcher.start({0, 4}, "cluster/topics", {{empty.endpoint(), {}}});
  fetcher.start({0, 5}, "cluster/topics", {});
  for (const FetchedSnapshot& outcome : wait_for(fetcher, 3)) {
    EXPECT_EQ(outcome.status.code(),
              outcome.task.partition == 3 ? ErrorCode::kInvalidRecord : ErrorCode::kNotFound);
    EXPECT_FALSE(outcome.status.message().empty());
    EXPECT_TRUE(outcome.directory.empty());
  }
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(FetcherTest, GivesUpOneTaskAndGoesOnWithTheOthers) {
  Peer silent([](const std::string&) { return std::string(); });
  SnapshotFetcherOptions one_at_a_time = options();
  one_at_a_time.parallel = 1;
  SnapshotFetcher fetcher(one_at_a_time, system_clock());
  fetcher.start({0, 3}, "cluster/topics", {{silent.endpoint(), {}}});
  ASSERT_TRUE(eventually([&] { return !silent.heads().empty(); }));
  fetcher.start({0, 4}, "cluster/topics", {good_});
  EXPECT_THAT(fetcher.progress(), SizeIs(2));
  fetcher.cancel({0, 3});
  EXPECT_FALSE(fetcher.is_fetching({0, 3}));
  fetcher.start({0, 3}, "cluster/topics", {good_});
  for (const FetchedSnapshot& outcome : wait_for(fetcher, 2)) EXPECT_TRUE(outcome.status.ok());
  EXPECT_THAT(fetcher.poll(), IsEmpty());
  EXPECT_THAT(names_in(root_), SizeIs(2));
}

TEST_F(FetcherTest, WhatWasFetchedForNothingIsRemoved) {
  SnapshotFetcher fetcher(options(), system_clock());
  fetcher.start(kTask, "cluster/topics", {good_});
  ASSERT_TRUE(eventually([&] { return !fetcher.is_fetching(kTask); }));
  fetcher.cancel(kTask);
  EXPECT_THAT(fetcher.poll(), IsEmpty());
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(FetcherTest, EndsThoughPeersAreSilentAndLeavesNothing) {
  Peer silent([](const std::string&) { return std::string(); });
  {
    SnapshotFetcher fetcher(options(), system_clock());
    fetcher.start({0, 4}, "cluster/topics", {good_});
    ASSERT_TRUE(eventually([&] { return !fetcher.is_fetching({0, 4}); }));
    fetcher.start({0, 3}, "cluster/topics", {{silent.endpoint(), {}}});
    ASSERT_TRUE(eventually([&] { return !silent.heads().empty(); }));
  }
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(FetcherTest, ClearsAwayWhatACrashLeftAndNothingElse) {
  for (const char* const name :
       {"0_3", "0_3.fetched-1", "0_3.fetched-2.partial", "snapshots", "lock.fetched"}) {
    fs::create_directories(root_ / name / "db");
  }
  const SnapshotFetcher fetcher(options(), system_clock());
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3", "snapshots", "lock.fetched"));
}

}  // namespace millrace::engine::fetcher_test
