// A disk that fails at any one call, and a crash in the midst of a flush or of an ingest: what is
// left is some commit, whole, and the state says that it failed.
#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/open_task_state.h"
#include "state_fixture.h"
#include "tests/support/faulty_env.h"

namespace millrace::state_faults_test {

namespace fs = std::filesystem;

using ::testing::Ge;

constexpr int kCommits = 6;
constexpr int64_t kFarApartMs = 100'000;  // makes every commit flush the one before
constexpr int kRestoredRecords = 600;
constexpr int kRestoredBatch = 100;
constexpr int kRestoredKeys = 350;
constexpr int kAttemptsMax = 500;
constexpr std::chrono::seconds kFlushTimeout{30};

class StateFaultsTest : public ::testing::Test {
 protected:
  using Work = std::function<Status(TaskState&)>;

  StateFaultsTest() : options_(disk_options(directory_.path() / "live")) {
    options_.restore_run_bytes = 1 << 17;
  }

  Result<std::unique_ptr<TaskState>> open_faulty() {
    return open_task_state(options_, stores_, env_.get());
  }
  void start_over() {
    fs::remove_all(options_.directory);
    history_ = {{0, {}}};
  }

  /// Commits until something fails, or all are made; the first failure.
  Status commit_all(TaskState& state) {
    for (int64_t n = 1; n <= kCommits; ++n) {
      const std::string value = std::to_string(n) + std::string(2'000, 'x');
      state.store("rows").put("key" + std::to_string(n % 5), value, n);
      state.store("rows").erase("key" + std::to_string((n + 2) % 5), n);
      history_[n] = content_of(state.store("rows"));
      state.freeze();
      MILLRACE_RETURN_IF_ERROR(state.apply_frozen(positions_at(n, "rows", n * kFarApartMs)));
    }
    return state.close();
  }
  /// As commit_all, from a changelog in several runs, each of which becomes a file.
  Status restore_all(TaskState& state) {
    Content rows;
    std::vector<ChangelogRecord> records;
    std::vector<std::string> keys;
    const std::string padding(1'250, 'x');
    for (int64_t n = 0; n < kRestoredRecords; n += kRestoredBatch) {
      records.clear();
      keys.clear();
      for (int64_t i = n; i < n + kRestoredBatch; ++i) {
        keys.push_back("key" + std::to_string(i % kRestoredKeys));
      }
      std::string value = std::to_string(n) + padding;
      for (const std::string& key : keys) {
        records.push_back({Bytes(key), Bytes(value), n});
        rows[key] = {value, n};
      }
      history_[n + kRestoredBatch] = rows;
      MILLRACE_RETURN_IF_ERROR(state.restore("rows", records, n + kRestoredBatch));
    }
    MILLRACE_RETURN_IF_ERROR(state.finish_restore());
    return state.close();
  }
  int64_t expect_whole_commit(const TaskStateOptions& options) {
    const auto state = open_or_die(options, stores_);
    const auto& ends = state->positions().changelog_end;
    const int64_t commit = ends.empty() ? 0 : ends.at("rows");
    EXPECT_EQ(content_of(state->store("rows")), history_.at(commit)) << commit;
    return commit;
  }

  /// Waits for flushes, which run in the background.
  bool has_tables(int64_t wanted) const {
    const auto deadline = std::chrono::steady_clock::now() + kFlushTimeout;
    for (;;) {
      const fs::directory_iterator files(options_.directory / "db");
      const int64_t found = std::count_if(begin(files), end(files), [](const auto& file) {
        return file.path().extension() == ".sst";
      });
      if (found >= wanted) return true;
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
  }

  /// With a failure at every call in turn, until a run meets none.
  void expect_whole_commits(const Work& work, bool lasts) {
    int failures = 0;
    for (int n = 1;; ++n) {
      ASSERT_LT(n, kAttemptsMax);
      start_over();
      auto state = open_faulty();
      ASSERT_TRUE(state.ok()) << state.message();
      system_->fail_at(n, lasts);
      const Status status = work(**state);
      if (!status.ok()) {
        EXPECT_EQ(status.code(), ErrorCode::kStoreIo) << status.message();
        ++failures;
      }
      state = Error{ErrorCode::kInternal, "closed"};
      const bool has_failed = system_->has_failed();
      system_->heal();
      expect_whole_commit(options_);
      if (!has_failed) break;
    }
    EXPECT_GT(failures, 0);
  }

  /// With a crash before every change of a file; the positions that they left.
  std::map<int64_t, int> crash_everywhere(const Work& work) {
    std::vector<fs::path> copies;
    auto state = open_faulty();
    EXPECT_TRUE(state.ok());
    std::mutex mutex;
    system_->on_step = [&](FileStep step) {
      if (step == FileStep::kRead) return rocksdb::IOStatus::OK();
      const std::lock_guard lock(mutex);
      copies.push_back(directory_.path() / ("copy" + std::to_string(copies.size())));
      copy_as_a_crash(options_.directory, copies.back());
      return rocksdb::IOStatus::OK();
    };
    EXPECT_TRUE(work(**state).ok());
    system_->on_step = {};
    std::map<int64_t, int> left;
    for (const fs::path& copy : copies) {
      TaskStateOptions options = options_;
      options.directory = copy;
      ++left[expect_whole_commit(options)];
    }
    return left;
  }

  TempDirectory directory_;
  TaskStateOptions options_;
  std::vector<StoreSpec> stores_{spec("rows")};
  std::shared_ptr<FaultyFileSystem> system_ = std::make_shared<FaultyFileSystem>();
  std::unique_ptr<rocksdb::Env> env_ = std::make_unique<FaultyEnv>(system_);
  std::map<int64_t, Content> history_{{0, {}}};
  const Work commits_ = [this](TaskState& state) { return commit_all(state); };
  const Work restores_ = [this](TaskState& state) { return restore_all(state); };
};

TEST_F(StateFaultsTest, ADiskThatDiesDuringCommitsLeavesOneOfThem) {
  expect_whole_commits(commits_, true);
}

TEST_F(StateFaultsTest, OneFailedCallDuringCommitsLeavesOneOfThem) {
  expect_whole_commits(commits_, false);
}

TEST_F(StateFaultsTest, ADiskThatDiesDuringARestoreLeavesOneOfItsRuns) {
  expect_whole_commits(restores_, true);
}

TEST_F(StateFaultsTest, OneFailedCallDuringARestoreLeavesOneOfItsRuns) {
  expect_whole_commits(restores_, false);
}

TEST_F(StateFaultsTest, AnOpeningFailsInOrderAtEveryCall) {
  ASSERT_TRUE(commit_all(**open_faulty()).ok());
  int failures = 0;
  for (int n = 1;; ++n) {
    ASSERT_LT(n, kAttemptsMax);
    system_->fail_at(n, true);
    const Status status = open_faulty().status();
    const bool has_failed = system_->has_failed();
    system_->heal();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kStoreIo) << status.message();
      ++failures;
    }
    EXPECT_EQ(expect_whole_commit(options_), kCommits);
    if (!has_failed) break;
  }
  EXPECT_GT(failures, 3);
}

TEST_F(StateFaultsTest, ACrashWithinAFlushLeavesACommit) {
  EXPECT_THAT(crash_everywhere(commits_).size(), Ge(3U));
}

TEST_F(StateFaultsTest, ACrashWithinAnIngestLeavesARun) {
  EXPECT_THAT(crash_everywhere(restores_).size(), Ge(3U));
}

TEST_F(StateFaultsTest, StateThatCannotBeReadIsNotTakenForDamaged) {
  ASSERT_TRUE(commit_all(**open_faulty()).ok());
  system_->reads_fail = true;
  EXPECT_EQ(open_faulty().code(), ErrorCode::kStoreIo);
  system_->heal();
  EXPECT_EQ(expect_whole_commit(options_), kCommits);
}

TEST_F(StateFaultsTest, AClockThatIsSetBackDoesNotStopFlushes) {
  constexpr int64_t kHourMs = 3'600'000;
  options_.now_ms = 10 * kHourMs;
  const auto opened = open_faulty();
  ASSERT_TRUE(opened.ok());
  const auto commit_at = [&](int64_t n, int64_t committed_at_ms) {
    (*opened)->store("rows").put("key", std::to_string(n), n);
    (*opened)->freeze();
    ASSERT_TRUE((*opened)->apply_frozen(positions_at(n, "rows", committed_at_ms)).ok());
  };
  commit_at(1, 10 * kHourMs);
  commit_at(2, 20 * kHourMs);
  EXPECT_TRUE(has_tables(1));
  commit_at(3, 10 * kHourMs);
  EXPECT_TRUE(has_tables(2));
}

}  // namespace millrace::state_faults_test
