#include "engine/snapshot/downloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot/routes.h"
#include "tests/unit/snapshot/peer.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::downloader_test {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class DownloaderTest : public ::testing::Test {
 protected:
  DownloaderTest()
      : state_(directory_.path() / "live"), server_({.threads = 2, .anonymous = Rights::all()}) {
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
  SnapshotDownloaderOptions options() const {
    SnapshotDownloaderOptions options;
    options.state_root = root_;
    options.application_id = "crm";
    return options;
  }
  static std::vector<DownloadedSnapshot> wait_for(SnapshotDownloader& downloader, size_t count) {
    std::vector<DownloadedSnapshot> all;
    EXPECT_TRUE(eventually([&] {
      for (DownloadedSnapshot& outcome : downloader.poll()) all.push_back(std::move(outcome));
      return all.size() >= count;
    }));
    return all;
  }

  TempDirectory directory_;
  const fs::path root_ = directory_.path() / "state";
  const SnapshotDirectory store_{directory_.path() / "snapshots", "me"};
  State state_;
  QueryServer server_;
  SnapshotAddress good_;
};

TEST_F(DownloaderTest, BringsSeveralTasksToWhereTheyOpen) {
  SnapshotDownloader downloader(options(), system_clock());
  for (const int32_t partition : {3, 4, 5}) {
    downloader.start({0, partition}, "cluster/topics", {good_});
  }
  for (const DownloadedSnapshot& outcome : wait_for(downloader, 3)) {
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_FALSE(downloader.is_downloading(outcome.task));
    const fs::path task_directory = root_ / outcome.task.to_string();
    make_files(task_directory, {{"CURRENT", "of a state that is of no use"}});
    ASSERT_TRUE(install_downloaded(outcome.directory, task_directory).ok());
    EXPECT_EQ(State(task_directory).text(), state_.text());
  }
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3", "0_4", "0_5"));
}

TEST_F(DownloaderTest, TakesTheFirstOriginThatIsOfUse) {
  Peer garbage([](const std::string&) { return http_answer("garbage"); });
  Peer empty([](const std::string&) { return http_answer("", "404 Not Found"); });
  SnapshotDownloader downloader(options(), system_clock());
  downloader.start(kTask, "cluster/topics",
                   {{garbage.endpoint(), {}},
                    {empty.endpoint(), {}},
                    {"", directory_.path() / "nowhere"},
                    {"", directory_.path() / "snapshots"},
                    good_});
  const auto outcomes = wait_for(downloader, 1);
  ASSERT_TRUE(outcomes[0].status.ok()) << outcomes[0].status.message();
  EXPECT_EQ(outcomes[0].origin, (directory_.path() / "snapshots").string());
}

TEST_F(DownloaderTest, WithoutThreadsItDownloadsAtOnceWhateverGoesMeanwhile) {
  SnapshotDownloaderOptions at_once = options();
  at_once.parallel = 0;
  int files = 0;
  int last = 0;
  at_once.on_step = [&] {
    if (++files == last) fs::remove_all(directory_.path() / "snapshots" / "0_3");
    return Status();
  };
  SnapshotDownloader downloader(at_once, system_clock());
  const SnapshotAddress folder{"", directory_.path() / "snapshots"};
  downloader.start({0, 4}, "cluster/topics", {folder});
  EXPECT_TRUE(downloader.poll().at(0).status.ok());
  files = 0;
  last = 2;
  downloader.start({0, 3}, "cluster/topics", {folder});
  const std::vector<DownloadedSnapshot> gone = downloader.poll();
  EXPECT_EQ(gone.at(0).status.code(), ErrorCode::kNotFound);
  EXPECT_TRUE(gone.at(0).directory.empty());
}

TEST_F(DownloaderTest, SaysWhyNobodyHadAny) {
  Peer empty([](const std::string&) { return http_answer("", "404 Not Found"); });
  SnapshotDownloader downloader(options(), system_clock());
  downloader.start({0, 3}, "another incarnation", {good_});
  downloader.start({0, 4}, "cluster/topics", {{empty.endpoint(), {}}});
  downloader.start({0, 5}, "cluster/topics", {});
  for (const DownloadedSnapshot& outcome : wait_for(downloader, 3)) {
    EXPECT_EQ(outcome.status.code(),
              outcome.task.partition == 3 ? ErrorCode::kInvalidRecord : ErrorCode::kNotFound);
    EXPECT_FALSE(outcome.status.message().empty());
    EXPECT_TRUE(outcome.directory.empty());
  }
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(DownloaderTest, GivesUpOneTaskAndGoesOnWithTheOthers) {
  Peer silent([](const std::string&) { return std::string(); });
  SnapshotDownloaderOptions one_at_a_time = options();
  one_at_a_time.parallel = 1;
  SnapshotDownloader downloader(one_at_a_time, system_clock());
  downloader.start({0, 3}, "cluster/topics", {{silent.endpoint(), {}}});
  ASSERT_TRUE(eventually([&] { return !silent.heads().empty(); }));
  downloader.start({0, 4}, "cluster/topics", {good_});
  EXPECT_THAT(downloader.progress(), SizeIs(2));
  downloader.cancel({0, 3});
  EXPECT_FALSE(downloader.is_downloading({0, 3}));
  downloader.start({0, 3}, "cluster/topics", {good_});
  for (const DownloadedSnapshot& outcome : wait_for(downloader, 2))
    EXPECT_TRUE(outcome.status.ok());
  EXPECT_THAT(downloader.poll(), IsEmpty());
  EXPECT_THAT(names_in(root_), SizeIs(2));
}

TEST_F(DownloaderTest, WhatWasDownloadedForNothingIsRemoved) {
  SnapshotDownloader downloader(options(), system_clock());
  downloader.start(kTask, "cluster/topics", {good_});
  ASSERT_TRUE(eventually([&] { return !downloader.is_downloading(kTask); }));
  downloader.cancel(kTask);
  EXPECT_THAT(downloader.poll(), IsEmpty());
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(DownloaderTest, EndsThoughPeersAreSilentAndLeavesNothing) {
  Peer silent([](const std::string&) { return std::string(); });
  {
    SnapshotDownloader downloader(options(), system_clock());
    downloader.start({0, 4}, "cluster/topics", {good_});
    ASSERT_TRUE(eventually([&] { return !downloader.is_downloading({0, 4}); }));
    downloader.start({0, 3}, "cluster/topics", {{silent.endpoint(), {}}});
    ASSERT_TRUE(eventually([&] { return !silent.heads().empty(); }));
  }
  EXPECT_THAT(names_in(root_), IsEmpty());
}

TEST_F(DownloaderTest, ClearsAwayWhatACrashLeftAndNothingElse) {
  for (const char* const name :
       {"0_3", "0_3.downloaded-1", "0_3.downloaded-2.partial", "snapshots", "lock.downloaded"}) {
    fs::create_directories(root_ / name / "db");
  }
  const SnapshotDownloader downloader(options(), system_clock());
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3", "snapshots", "lock.downloaded"));
}

}  // namespace millrace::engine::downloader_test
