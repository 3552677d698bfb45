// A checkpoint is a task directory of its own that stands at the commit it was taken at.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::state_checkpoint_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::Pair;

class StateCheckpointTest : public ::testing::Test {
 protected:
  StateCheckpointTest() : options_(disk_options(directory_.path() / "live")) {
    state_ = open_or_die(options_, stores_);
  }
  fs::path place(const std::string& name) const { return directory_.path() / name; }
  Result<TaskPositions> copy_to(const std::string& name) const {
    return state_->checkpointer()->checkpoint(place(name));
  }
  std::unique_ptr<TaskState> open_copy(const std::string& name) {
    TaskStateOptions options = options_;
    options.directory = place(name);
    return open_or_die(options, stores_);
  }
  Status restore(std::string_view store, const std::string& key, int64_t end) {
    const std::string value = "restored";
    const ChangelogRecord record{key, value, end};
    return state_->restore(store, std::span(&record, 1), end);
  }

  TempDirectory directory_;
  TaskStateOptions options_;
  std::vector<StoreSpec> stores_{spec("rows"), spec("other")};
  std::unique_ptr<TaskState> state_;
};

TEST_F(StateCheckpointTest, ShowsItsCommitHoweverTheOriginalGoesOn) {
  for (int i = 0; i < 3; ++i) {
    state_->store("rows").put("a", std::to_string(i), i);
    commit(*state_, i + 1);
  }
  state_->store("other").put("b", "frozen", 9);
  state_->freeze();
  state_->store("rows").put("a", "dirty", 9);
  const Result<TaskPositions> taken = copy_to("copy");
  ASSERT_TRUE(taken.ok()) << taken.message();
  EXPECT_EQ(taken->changelog_end.at("rows"), 3);
  ASSERT_TRUE(state_->apply_frozen(positions_at(4)).ok());
  commit(*state_, 5);
  ASSERT_TRUE(state_->close().ok());
  state_.reset();
  fs::remove_all(options_.directory);

  const auto copy = open_copy("copy");
  EXPECT_THAT(content_of(copy->store("rows")), ElementsAre(Pair("a", RowText("2", 2))));
  EXPECT_TRUE(content_of(copy->store("other")).empty());
  EXPECT_EQ(copy->positions().changelog_end, taken->changelog_end);
  EXPECT_EQ(copy->positions().inputs, taken->inputs);
  EXPECT_EQ(copy->positions().committed_at_ms, taken->committed_at_ms);
  copy->store("rows").put("a", "own life", 3);
  commit(*copy, 4);
  EXPECT_EQ(lookup(copy->store("rows"), "a"), RowText("own life", 3));
}

TEST_F(StateCheckpointTest, ConsistsOfStateFilesOnly) {
  state_->store("rows").put("a", "1", 1);
  commit(*state_, 1);
  ASSERT_TRUE(copy_to("copy").ok());
  for (const auto& entry : fs::directory_iterator(place("copy"))) {
    EXPECT_EQ(entry.path(), state_files(place("copy")));
  }
  bool has_rows = false;
  for (const auto& entry : fs::directory_iterator(state_files(place("copy")))) {
    EXPECT_TRUE(is_state_file(entry.path().filename().string())) << entry.path();
    has_rows |= entry.path().extension() == ".sst";
  }
  EXPECT_TRUE(has_rows);
}

TEST_F(StateCheckpointTest, NoOtherNameIsAStateFile) {
  for (const char* const name :
       {"", ".", "..", "../CURRENT", "/CURRENT", "CURRENT/", "current", "MANIFEST-", "MANIFEST",
        "MANIFEST-1/../2", "000001.sst/", "a.sst", ".sst", "-1.sst", "000001.sst.tmp", "LOCK",
        "000000000000000000001.sst", "IDENTITY"}) {
    EXPECT_FALSE(is_state_file(name)) << name;
  }
  EXPECT_FALSE(is_state_file(std::string_view("1.sst\0", 6)));
}

TEST_F(StateCheckpointTest, StandsAtOneCommitThoughCommitsGoOn) {
  constexpr int kCopies = 4;
  const auto commit_once = [&](int64_t at) {
    state_->store("rows").put("a", std::to_string(at), at);
    state_->store("rows").put("b" + std::to_string(at % 100), std::string(10'000, 'x'), at);
    commit(*state_, at);
  };
  commit_once(1);
  std::atomic<bool> done = false;
  std::thread copying([&, checkpointer = state_->checkpointer()] {
    for (int i = 0; i < kCopies; ++i) {
      const Result<TaskPositions> taken = checkpointer->checkpoint(place(std::to_string(i)));
      EXPECT_TRUE(taken.ok()) << taken.message();
    }
    done = true;
  });
  for (int64_t at = 2; !done; ++at) commit_once(at);
  copying.join();
  for (int i = 0; i < kCopies; ++i) {
    const auto copy = open_copy(std::to_string(i));
    const int64_t at = copy->positions().changelog_end.at("rows");
    EXPECT_EQ(lookup(copy->store("rows"), "a"), RowText(std::to_string(at), at));
    EXPECT_EQ(lookup(copy->store("rows"), "b" + std::to_string(at % 100))->second, at);
  }
}

TEST_F(StateCheckpointTest, DuringARestoreStandsWhereTheRowsOnDiskDo) {
  ASSERT_TRUE(restore("rows", "a", 1).ok());  // in memory still
  EXPECT_EQ(copy_to("early").code(), ErrorCode::kNotFound);
  ASSERT_TRUE(state_->finish_restore().ok());
  ASSERT_TRUE(copy_to("copy").ok());
  EXPECT_EQ(open_copy("copy")->positions().changelog_end.at("rows"), 1);
}

TEST_F(StateCheckpointTest, DoesNotDisturbTheRestoreThatGoesOn) {
  ASSERT_TRUE(state_->close().ok());
  state_.reset();
  options_.restore_run_bytes = 1;  // a file a call
  state_ = open_or_die(options_, stores_);
  ASSERT_TRUE(restore("rows", "a", 1).ok());
  ASSERT_TRUE(copy_to("copy").ok());
  ASSERT_TRUE(restore("rows", "b", 2).ok());
  ASSERT_TRUE(restore("other", "c", 7).ok());
  ASSERT_TRUE(state_->finish_restore().ok());
  EXPECT_EQ(content_of(state_->store("rows")).size(), 2U);
  EXPECT_EQ(content_of(state_->store("other")).size(), 1U);

  const auto copy = open_copy("copy");
  EXPECT_THAT(content_of(copy->store("rows")), ElementsAre(Pair("a", RowText("restored", 1))));
  EXPECT_EQ(copy->positions().changelog_end.at("rows"), 1);
  EXPECT_FALSE(copy->positions().changelog_end.contains("other"));
}

TEST_F(StateCheckpointTest, ThereIsNoneOfAnEmptyStateOrOfStoresInMemory) {
  EXPECT_EQ(copy_to("copy").code(), ErrorCode::kNotFound);
  options_.directory.clear();
  const auto memory = open_or_die(options_, stores_);
  memory->store("rows").put("a", "1", 1);
  commit(*memory, 1);
  EXPECT_EQ(memory->checkpointer(), nullptr);
}

TEST_F(StateCheckpointTest, ACheckpointerDoesNotKeepTheStateOpen) {
  commit(*state_, 1);
  const auto checkpointer = state_->checkpointer();
  ASSERT_TRUE(state_->close().ok());
  EXPECT_EQ(checkpointer->checkpoint(place("copy")).code(), ErrorCode::kRetriable);
}

TEST_F(StateCheckpointTest, DoesNotTakeAPlaceThatIsTaken) {
  state_->store("rows").put("a", "1", 1);
  commit(*state_, 1);
  ASSERT_TRUE(copy_to("copy").ok());
  EXPECT_EQ(copy_to("copy").code(), ErrorCode::kStoreIo);
  commit(*state_, 2);
  EXPECT_TRUE(copy_to("second").ok());
}

}  // namespace millrace::state_checkpoint_test
