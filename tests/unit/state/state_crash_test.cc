// A crash between any two steps, and a disk that fails: I1 holds, the positions are those of the
// rows. A crash is a copy of the directory: what the process had in memory only is gone.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/open_task_state.h"
#include "state_fixture.h"
#include "tests/support/faulty_env.h"

namespace millrace::state_crash_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class StateCrashTest : public ::testing::Test {
 protected:
  StateCrashTest() : options_(disk_options(directory_.path() / "live")) {}

  std::unique_ptr<TaskState> open_copy() {
    const fs::path copy = directory_.path() / ("copy" + std::to_string(++copies_));
    copy_as_a_crash(options_.directory, copy);
    TaskStateOptions options = options_;
    options.directory = copy;
    return open_or_die(options, stores_);
  }
  /// Both stores stand where the positions say: every row of a commit says which it was.
  int64_t expect_whole_commit(TaskState& state) {
    const auto& ends = state.positions().changelog_end;
    const int64_t commit = ends.empty() ? 0 : ends.at("rows");
    EXPECT_EQ(content_of(state.store("rows")), history_.at(commit).first);
    EXPECT_EQ(content_of(state.store("other")), history_.at(commit).second);
    if (commit > 0) {
      EXPECT_EQ(ends.at("other"), commit);
      EXPECT_EQ(state.positions().inputs.at({"input", 3}), commit * 10);
    }
    return commit;
  }
  void change(TaskState& state, int64_t n) {
    const std::string key = "key" + std::to_string(n % 7);
    const std::string value = std::to_string(n) + std::string(2000, 'x');
    state.store("rows").put(key, value, n);
    state.store("rows").erase("key" + std::to_string((n + 3) % 7), n);
    state.store("other").put("key", value, n);
  }

  TempDirectory directory_;
  TaskStateOptions options_;
  std::vector<StoreSpec> stores_{spec("rows"), spec("other")};
  int copies_ = 0;
  std::map<int64_t, std::pair<Content, Content>> history_{{0, {}}};
};

TEST_F(StateCrashTest, AtEveryStepOfACommitSomeEarlierCommitIsLeftWhole) {
  const auto state = open_or_die(options_, stores_);
  const auto crash = [&] { return expect_whole_commit(*open_copy()); };
  int64_t newest_seen = 0;
  for (int64_t n = 1; n <= 20; ++n) {
    change(*state, n);
    history_[n] = {content_of(state->store("rows")), content_of(state->store("other"))};
    TaskPositions positions = positions_at(n);
    positions.changelog_end["other"] = n;
    // Every fifth commit lies long after the one before, which makes the database flush.
    positions.committed_at_ms = n / 5 * 10'000'000;
    state->freeze();
    EXPECT_LT(crash(), n);
    change(*state, 1000 + n);
    EXPECT_LT(crash(), n);
    ASSERT_TRUE(state->apply_frozen(positions).ok());
    newest_seen = std::max(newest_seen, crash());
    state->discard();
  }
  EXPECT_GE(newest_seen, 5) << "commits do reach the disk";
  ASSERT_TRUE(state->close().ok());
  EXPECT_EQ(crash(), 20);
}

int64_t table_files(const std::filesystem::path& directory) {
  const std::filesystem::recursive_directory_iterator files(directory);
  return std::count_if(begin(files), end(files),
                       [](const auto& file) { return file.path().extension() == ".sst"; });
}

TEST_F(StateCrashTest, AFailedWriteStopsCommitsAndKeepsTheLastOne) {
  const auto system = std::make_shared<FaultyFileSystem>();
  FaultyEnv env(system);
  options_.memory = make_shared_state_memory(1 << 20, 64 << 10);  // flushes at once
  int64_t last_good = 0;
  {
    auto opened = open_task_state(options_, stores_, &env);
    ASSERT_TRUE(opened.ok());
    TaskState& state = **opened;
    bool failed = false;
    for (int64_t n = 1; n <= 20'000 && !failed; ++n) {
      // One flush at a time: with a second file the first one is complete.
      if (n % 100 == 0 && table_files(options_.directory) >= 2) system->writes_fail = true;
      change(state, n);
      history_[n] = {content_of(state.store("rows")), content_of(state.store("other"))};
      TaskPositions positions = positions_at(n);
      positions.changelog_end["other"] = n;
      state.freeze();
      const Status status = state.apply_frozen(positions);
      failed = !status.ok();
      if (failed) {
        EXPECT_EQ(status.code(), ErrorCode::kStoreIo);
        EXPECT_EQ(state.status().code(), ErrorCode::kStoreIo);
        EXPECT_EQ(state.positions().changelog_end.at("rows"), last_good);
        state.discard();
        EXPECT_EQ(content_of(state.store("rows")), history_[last_good].first);
      } else {
        last_good = n;
      }
    }
    ASSERT_TRUE(failed);
  }
  system->writes_fail = false;
  const auto state = open_or_die(options_, stores_);
  const int64_t left = expect_whole_commit(*state);
  EXPECT_GT(left, 0) << "what was flushed before the failure is there";
  EXPECT_LE(left, last_good);
}

TEST_F(StateCrashTest, AFailedReadStopsCommits) {
  const auto system = std::make_shared<FaultyFileSystem>();
  FaultyEnv env(system);
  {
    const auto state = open_or_die(options_, stores_);
    for (int i = 0; i < 1000; ++i) {  // opening reads the first block only
      state->store("rows").put("a" + std::to_string(i), std::string(100, 'x'), 1);
    }
    state->store("rows").put("z", "1", 1);
    commit(*state, 1);
    ASSERT_TRUE(state->close().ok());
  }
  auto opened = open_task_state(options_, stores_, &env);
  ASSERT_TRUE(opened.ok());
  TaskState& state = **opened;
  system->reads_fail = true;
  const auto reader = state.reader("rows");
  EXPECT_EQ(state.store("rows").get("z").value, Bytes());
  EXPECT_EQ(state.status().code(), ErrorCode::kStoreIo);
  EXPECT_EQ(reader->get("z").code(), ErrorCode::kStoreIo);
  state.store("rows").put("z", "wrong", 2);
  state.freeze();
  EXPECT_EQ(state.apply_frozen(positions_at(2)).code(), ErrorCode::kStoreIo);
  system->reads_fail = false;
  state.discard();
  EXPECT_TRUE(state.status().ok());
  EXPECT_EQ(lookup(state.store("rows"), "z"), RowText("1", 1)) << "nothing wrong is cached";
}

TEST_F(StateCrashTest, OnlyCommittedRowsAreLeftByAStateThatIsDropped) {
  {
    const auto state = open_or_die(options_, stores_);
    state->store("rows").put("a", "1", 1);
    commit(*state, 1);
    state->store("rows").put("b", "frozen", 1);
    state->freeze();
    state->store("rows").put("c", "dirty", 1);
  }
  EXPECT_THAT(content_of(open_or_die(options_, stores_)->store("rows")),
              ElementsAre(Pair("a", RowText("1", 1))));
}

}  // namespace millrace::state_crash_test
