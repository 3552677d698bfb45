#include "engine/snapshot/snapshot_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot/snapshotter.h"
#include "engine/testing/manual_clock.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::snapshot_directory_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SnapshotDirectoryTest : public ::testing::Test {
 protected:
  SnapshotManifest publish(const std::vector<std::pair<std::string, std::string>>& files) {
    make_files(checkpoint_, files);
    Result<SnapshotManifest> published =
        store_.publish(checkpoint_, draft_at(kNowMs + published_++), {});
    EXPECT_TRUE(published.ok()) << published.message();
    return *published;
  }
  fs::path folder(const SnapshotManifest& manifest) const {
    return root_ / kTask.to_string() / manifest.snapshot;
  }

  TempDirectory directory_;
  const fs::path root_ = directory_.path() / "snapshots" / "crm";
  const fs::path checkpoint_ = directory_.path() / "checkpoint";
  const SnapshotDirectory store_{root_, "me"};
  int64_t published_ = 0;
};

TEST_F(SnapshotDirectoryTest, PublishesFilesWithTheirDigests) {
  const SnapshotManifest published = publish({{"000001.sst", "rows"}, {"CURRENT", ""}});
  const Result<SnapshotManifest> found = store_.newest(kTask);
  ASSERT_TRUE(found.ok()) << found.message();
  EXPECT_EQ(encode_manifest(*found), encode_manifest(published));
  ASSERT_THAT(found->files, SizeIs(2));
  EXPECT_EQ(found->files[0].size, 4U);
  EXPECT_EQ(content_of(store_.file_path(*found, found->files[0])), "rows");
  EXPECT_NE(found->files[0].digest, found->files[1].digest);
  EXPECT_THAT(names_in(root_ / kTask.to_string()), ElementsAre(published.snapshot));
}

TEST_F(SnapshotDirectoryTest, TheNewestIsTheNewestOfUse) {
  const SnapshotManifest first = publish({{"000001.sst", "rows"}});
  const SnapshotManifest second = publish({{"000001.sst", "rows"}});
  const SnapshotManifest third = publish({{"000001.sst", "rows"}});
  EXPECT_EQ(store_.newest(kTask)->snapshot, third.snapshot);
  fs::resize_file(folder(third) / "manifest.json", 20);
  EXPECT_EQ(store_.newest(kTask)->snapshot, second.snapshot);
  fs::remove(folder(second) / "000001.sst");
  EXPECT_EQ(store_.newest(kTask)->snapshot, first.snapshot);
  fs::rename(folder(first), root_ / kTask.to_string() / make_snapshot_id(kNowMs + 9));
  EXPECT_EQ(store_.newest(kTask).code(), ErrorCode::kNotFound);
}

TEST_F(SnapshotDirectoryTest, OnesAheadOfTheClockHideNoGoodOnes) {
  constexpr int64_t kHourMs = 3'600'000;
  const testing::ManualClock clock(kNowMs);
  const SnapshotDirectory store(root_, "me", clock);
  const auto publish_at = [&](int64_t time_ms) {
    make_files(checkpoint_, {{"000001.sst", "rows"}});
    return store.publish(checkpoint_, draft_at(time_ms), {}).value();
  };
  publish_at(kNowMs - 2);
  const SnapshotManifest good = publish_at(kNowMs - 1);
  publish_at(kNowMs + kHourMs);
  const SnapshotManifest ahead = publish_at(kNowMs + 2 * kHourMs);
  EXPECT_EQ(store.newest(kTask)->snapshot, good.snapshot);
  ASSERT_TRUE(store.prune(kTask, 1));
  EXPECT_THAT(store.list(kTask), ElementsAre(ahead.snapshot, good.snapshot));
  EXPECT_EQ(store.newest(kTask)->snapshot, good.snapshot);
}

TEST_F(SnapshotDirectoryTest, AFileThatDidNotChangeIsNotReadAgain) {
  make_files(checkpoint_, {{"000001.sst", "rows"}});
  ASSERT_TRUE(store_.publish(checkpoint_, draft_at(1), {}).ok());
  const fs::path file = state_files(checkpoint_) / "000001.sst";
  // Behind the back of everybody, which shows that the digest is that of the first time.
  std::ofstream(file, std::ios::in | std::ios::out) << "swor";
  const Result<SnapshotManifest> second = store_.publish(checkpoint_, draft_at(2), {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->files[0].digest, store_.open(kTask, store_.list(kTask)[1])->files[0].digest);
  EXPECT_TRUE(fs::equivalent(store_.file_path(*second, second->files[0]), file));
}

TEST_F(SnapshotDirectoryTest, AFileOfTheSameNameAndOtherContentIsAnother) {
  const SnapshotManifest first = publish({{"000001.sst", "rows"}});
  const SnapshotManifest second = publish({{"000001.sst", "swor"}});
  EXPECT_NE(first.files[0].digest, second.files[0].digest);
  EXPECT_EQ(content_of(store_.file_path(first, first.files[0])), "rows");
  EXPECT_EQ(content_of(store_.file_path(second, second.files[0])), "swor");
}

TEST_F(SnapshotDirectoryTest, PrunesAllButTheNewest) {
  publish({{"CURRENT", "1"}});
  const SnapshotManifest second = publish({{"CURRENT", "2"}});
  const SnapshotManifest third = publish({{"CURRENT", "3"}});
  ASSERT_TRUE(store_.prune(kTask, 2).ok());
  EXPECT_THAT(store_.list(kTask), ElementsAre(third.snapshot, second.snapshot));
  EXPECT_THAT(names_in(root_ / kTask.to_string()), SizeIs(2));
}

TEST_F(SnapshotDirectoryTest, DoesNotPruneASnapshotInUse) {
  const SnapshotManifest first = publish({{"CURRENT", "1"}});
  const SnapshotManifest second = publish({{"CURRENT", "2"}});
  publish({{"CURRENT", "3"}});
  store_.lease(kTask, first.snapshot);
  store_.lease(kTask, second.snapshot);
  ASSERT_TRUE(store_.prune(kTask, 1).ok());
  EXPECT_THAT(store_.list(kTask), SizeIs(3));
  const auto long_ago =
      fs::file_time_type::clock::now() - std::chrono::seconds(SnapshotDirectory::kLeaseSeconds + 1);
  fs::last_write_time(folder(second) / "used", long_ago);
  ASSERT_TRUE(store_.prune(kTask, 1).ok());
  EXPECT_THAT(store_.list(kTask), SizeIs(2));
}

TEST_F(SnapshotDirectoryTest, LeasesKeepABoundedNumber) {
  for (int i = 0; i < 5; ++i) store_.lease(kTask, publish({{"CURRENT", "x"}}).snapshot);
  ASSERT_TRUE(store_.prune(kTask, 1).ok());
  EXPECT_THAT(store_.list(kTask), SizeIs(3));
}

TEST_F(SnapshotDirectoryTest, RemovesWhatACrashOfOursLeftAndNothingElse) {
  const SnapshotManifest published = publish({{"CURRENT", "1"}});
  const fs::path task = root_ / kTask.to_string();
  fs::create_directories(task / (".unfinished-me-" + make_snapshot_id(1)));
  fs::create_directories(task / (".unfinished-other-" + make_snapshot_id(1)));
  const fs::path old = task / (".unfinished-other-" + make_snapshot_id(2));
  fs::create_directories(old);
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(25));
  store_.remove_leftovers();
  EXPECT_THAT(names_in(task), SizeIs(2));
  EXPECT_TRUE(fs::exists(folder(published)));
}

TEST_F(SnapshotDirectoryTest, APublicationThatFailsLeavesNothing) {
  make_files(checkpoint_, {{"CURRENT", "1"}, {"LOG", "not of a checkpoint"}});
  EXPECT_EQ(store_.publish(checkpoint_, draft_at(1), {}).code(), ErrorCode::kInvalidArgument);
  make_files(checkpoint_, {{"CURRENT", "1"}});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(store_.publish(checkpoint_, draft_at(1), stop.get_token()).code(), ErrorCode::kAborted);
  EXPECT_THAT(names_in(root_ / kTask.to_string()), IsEmpty());
}

TEST_F(SnapshotDirectoryTest, DoesNotFollowASymbolicLink) {
  const SnapshotManifest published = publish({{"CURRENT", "1"}});
  fs::remove(folder(published) / "manifest.json");
  fs::create_symlink("/etc/passwd", folder(published) / "manifest.json");
  EXPECT_EQ(store_.open(kTask, published.snapshot).code(), ErrorCode::kStoreIo);
}

class SnapshotterTest : public ::testing::Test {
 protected:
  Snapshotter make(int retain) {
    return Snapshotter(store_, {"crm", directory_.path() / "scratch", retain}, system_clock());
  }
  SnapshotOutcome take(Snapshotter& snapshotter, State& state) {
    EXPECT_TRUE(snapshotter.take(kTask, "cluster/topics", state->checkpointer()));
    std::vector<SnapshotOutcome> outcomes;
    EXPECT_TRUE(eventually([&] { return !(outcomes = snapshotter.poll()).empty(); }));
    EXPECT_THAT(outcomes, SizeIs(1));
    EXPECT_FALSE(snapshotter.is_busy(kTask));
    return outcomes.at(0);
  }

  TempDirectory directory_;
  const SnapshotDirectory store_{directory_.path() / "snapshots", "me"};
};

TEST_F(SnapshotterTest, TakesPublishesAndPrunes) {
  State state(directory_.path() / "live");
  Snapshotter snapshotter = make(1);
  for (int64_t at = 1; at <= 2; ++at) {
    state.commit(10, 'a', at);
    const SnapshotOutcome outcome = take(snapshotter, state);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
    EXPECT_EQ(outcome.manifest.changelog_end.at("rows"), at);
    EXPECT_EQ(outcome.manifest.committed_at_ms, kNowMs);
    EXPECT_EQ(store_.newest(kTask)->snapshot, outcome.manifest.snapshot);
  }
  EXPECT_THAT(store_.list(kTask), SizeIs(1));
  EXPECT_THAT(names_in(directory_.path() / "scratch"), IsEmpty());
}

TEST_F(SnapshotterTest, ThereIsNothingToTakeOfAStateThatIsEmptyOrClosed) {
  State state(directory_.path() / "live");
  Snapshotter snapshotter = make(1);
  EXPECT_EQ(take(snapshotter, state).status.code(), ErrorCode::kNotFound);
  state.commit(1, 'a', 1);
  const auto checkpointer = state->checkpointer();
  ASSERT_TRUE(state->close().ok());
  EXPECT_TRUE(snapshotter.take(kTask, "cluster/topics", checkpointer));
  std::vector<SnapshotOutcome> outcomes;
  ASSERT_TRUE(eventually([&] { return !(outcomes = snapshotter.poll()).empty(); }));
  EXPECT_EQ(outcomes[0].status.code(), ErrorCode::kRetriable);
  EXPECT_THAT(names_in(directory_.path() / "scratch"), IsEmpty());
}

TEST_F(SnapshotterTest, WithoutAThreadItTakesAtOnceAndAStepThatFailsEndsIt) {
  State state(directory_.path() / "live");
  state.commit(1, 'a', 1);
  int steps = 0;
  int last = 0;
  Snapshotter snapshotter(store_,
                          {.application_id = "crm",
                           .scratch = directory_.path() / "scratch",
                           .on_step =
                               [&] {
                                 ++steps;
                                 if (steps != last) return Status();
                                 return Status(Error{ErrorCode::kAborted, "gone"});
                               },
                           .has_thread = false},
                          system_clock());
  for (last = 1; last <= 2; ++last) {
    steps = 0;
    EXPECT_TRUE(snapshotter.take(kTask, "cluster/topics", state->checkpointer()));
    EXPECT_EQ(snapshotter.poll().at(0).status.code(), ErrorCode::kAborted);
    EXPECT_THAT(store_.list(kTask), IsEmpty());
  }
  last = 0;
  EXPECT_TRUE(snapshotter.take(kTask, "cluster/topics", state->checkpointer()));
  EXPECT_TRUE(snapshotter.poll().at(0).status.ok());
  EXPECT_THAT(store_.list(kTask), SizeIs(1));
}

TEST_F(SnapshotterTest, ClearsAwayTheCheckpointThatACrashLeft) {
  make_files(directory_.path() / "scratch" / "checkpoint", {{"CURRENT", "old"}});
  State state(directory_.path() / "live");
  state.commit(1, 'a', 1);
  Snapshotter snapshotter = make(1);
  EXPECT_TRUE(take(snapshotter, state).status.ok());
}

}  // namespace millrace::engine::snapshot_directory_test
