// I6: a store is what its changelog says, on every path that brings it there.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::state_restore_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Entry {
  std::string key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;
};
using Log = std::vector<Entry>;

Log random_log(uint64_t seed, size_t records, size_t keys) {
  std::mt19937_64 random(seed);
  Log log;
  for (size_t i = 0; i < records; ++i) {
    Entry entry{"key/" + std::to_string(random() % keys), std::nullopt, static_cast<int64_t>(i)};
    if (random() % 4 != 0) entry.value = std::to_string(i) + std::string(random() % 200, 'v');
    log.push_back(std::move(entry));
  }
  return log;
}

Content replay(const Log& log, int64_t end) {
  Content content;
  for (size_t i = 0; i < static_cast<size_t>(end); ++i) {
    if (log[i].value) {
      content[log[i].key] = {*log[i].value, log[i].timestamp_ms};
    } else {
      content.erase(log[i].key);
    }
  }
  return content;
}

Status feed(TaskState& state, std::string_view store, const Log& log, int64_t from, int64_t to) {
  std::vector<ChangelogRecord> records;
  for (auto i = static_cast<size_t>(from); i < static_cast<size_t>(to); ++i) {
    records.push_back(
        {log[i].key, log[i].value ? Bytes(*log[i].value) : Bytes(), log[i].timestamp_ms});
  }
  return state.restore(store, records, to);
}

int64_t restored_end(const TaskState& state, std::string_view store) {
  const auto found = state.positions().changelog_end.find(store);
  return found == state.positions().changelog_end.end() ? 0 : found->second;
}

struct Setup {
  const char* name;
  bool disk;
  size_t run_bytes;
};

class StateRestoreTest : public ::testing::TestWithParam<Setup> {
 protected:
  static constexpr int64_t kRecords = 60'000;
  static constexpr int64_t kBatch = 700;

  StateRestoreTest() {
    if (GetParam().disk) options_ = disk_options(directory_.path() / "live");
    options_.restore_run_bytes = GetParam().run_bytes;
  }
  /// Feeds both stores in turn from where they stand up to `end`.
  void restore_to(TaskState& state, int64_t end) {
    for (bool more = true; more;) {
      more = false;
      for (const auto& [name, log] : {std::pair("rows", &rows_), std::pair("other", &other_)}) {
        const int64_t from = restored_end(state, name);
        const int64_t to = std::min(from + kBatch, end);
        if (from == to) continue;
        ASSERT_TRUE(feed(state, name, *log, from, to).ok());
        more = true;
      }
    }
    ASSERT_TRUE(state.finish_restore().ok());
  }
  void expect_replayed(TaskState& state, int64_t end) {
    EXPECT_EQ(content_of(state.store("rows")), replay(rows_, end));
    EXPECT_EQ(content_of(state.store("other")), replay(other_, end));
    EXPECT_EQ(committed(state, "rows"), replay(rows_, end));
    EXPECT_EQ(restored_end(state, "rows"), end);
  }

  const Log rows_ = random_log(1, kRecords, 5000);
  const Log other_ = random_log(2, kRecords, 300);
  TempDirectory directory_;
  TaskStateOptions options_;
  std::vector<StoreSpec> stores_{spec("rows"), spec("other")};
};

INSTANTIATE_TEST_SUITE_P(Setups, StateRestoreTest,
                         ::testing::Values(Setup{"Memory", false, 0},
                                           Setup{"DiskOneRun", true, 64 << 20},
                                           Setup{"DiskManyRuns", true, 2 << 20},
                                           Setup{"DiskRunPerBatch", true, 1}),
                         [](const auto& param) { return param.param.name; });

TEST_P(StateRestoreTest, EqualsAFullReplayAndGoesOnFromThere) {
  const auto state = open_or_die(options_, stores_);
  const int64_t first_end = GetParam().run_bytes == 1 ? 20 * kBatch : kRecords / 2;
  restore_to(*state, first_end);
  expect_replayed(*state, first_end);
  restore_to(*state, first_end + 3 * kBatch + 1);
  expect_replayed(*state, first_end + 3 * kBatch + 1);
  state->store("rows").put("key/1", "live", 7);
  state->store("rows").erase("key/2", 7);
  Content expected = replay(rows_, first_end + 3 * kBatch + 1);
  expected["key/1"] = {"live", 7};
  expected.erase("key/2");
  TaskPositions positions = positions_at(kRecords);
  state->freeze();
  ASSERT_TRUE(state->apply_frozen(positions).ok());
  EXPECT_EQ(content_of(state->store("rows")), expected);
  EXPECT_EQ(committed(*state, "rows"), expected);
  ASSERT_TRUE(state->close().ok());
}

TEST_P(StateRestoreTest, ACrashLeavesTheReplayUpToItsPosition) {
  if (!GetParam().disk) GTEST_SKIP() << "memory does not survive";
  const auto state = open_or_die(options_, stores_);
  int64_t seen = 0;
  const int64_t end = GetParam().run_bytes == 1 ? 8 * kBatch : 32 * kBatch;
  for (int64_t to = kBatch; to <= end; to += kBatch) {
    ASSERT_TRUE(feed(*state, "rows", rows_, to - kBatch, to).ok());
    ASSERT_TRUE(feed(*state, "other", other_, to - kBatch, to).ok());
    if (to / kBatch % 4 != 0 && GetParam().run_bytes != 1) continue;
    const fs::path copy = directory_.path() / "copy";
    copy_as_a_crash(options_.directory, copy);
    TaskStateOptions options = options_;
    options.directory = copy;
    const auto crashed = open_or_die(options, stores_);
    EXPECT_EQ(content_of(crashed->store("rows")), replay(rows_, restored_end(*crashed, "rows")));
    EXPECT_EQ(content_of(crashed->store("other")), replay(other_, restored_end(*crashed, "other")));
    seen = std::max(seen, restored_end(*crashed, "rows"));
    if (to != end) continue;
    restore_to(*crashed, to + kBatch);
    expect_replayed(*crashed, to + kBatch);
  }
  if (GetParam().run_bytes < (64 << 20)) {
    EXPECT_GT(seen, 0) << "runs do reach the disk";
  }
}

TEST_P(StateRestoreTest, ATailIntoStateOfAnEarlierRunEqualsAFullReplay) {
  if (!GetParam().disk) GTEST_SKIP() << "memory does not survive";
  const int64_t first_end = 3 * kBatch;
  const int64_t end = GetParam().run_bytes == 1 ? 20 * kBatch : kRecords;
  {
    const auto state = open_or_die(options_, stores_);
    restore_to(*state, first_end);
    ASSERT_TRUE(state->close().ok());
  }
  const auto state = open_or_die(options_, stores_);
  ASSERT_EQ(restored_end(*state, "rows"), first_end);
  restore_to(*state, end / 2);
  const fs::path copy = directory_.path() / "copy";
  copy_as_a_crash(options_.directory, copy);
  restore_to(*state, end);
  expect_replayed(*state, end);

  TaskStateOptions options = options_;
  options.directory = copy;
  const auto crashed = open_or_die(options, stores_);
  EXPECT_EQ(content_of(crashed->store("rows")), replay(rows_, restored_end(*crashed, "rows")));
  restore_to(*crashed, end);
  expect_replayed(*crashed, end);
}

TEST_P(StateRestoreTest, AStandbysRowsAreReadableAsTheyCome) {
  const auto state = open_or_die(options_, stores_);
  restore_to(*state, kBatch);
  ASSERT_TRUE(feed(*state, "rows", rows_, kBatch, kBatch + 10).ok());
  EXPECT_EQ(committed(*state, "rows"), replay(rows_, kBatch + 10));
}

TEST_P(StateRestoreTest, AnEmptyChangelogLeavesAPosition) {
  const auto state = open_or_die(options_, stores_);
  ASSERT_TRUE(state->restore("rows", {}, 9).ok());
  ASSERT_TRUE(state->finish_restore().ok());
  EXPECT_EQ(restored_end(*state, "rows"), 9);
  EXPECT_THAT(content_of(state->store("rows")), IsEmpty());
  ASSERT_TRUE(state->close().ok());
  if (!GetParam().disk) return;
  EXPECT_EQ(restored_end(*open_or_die(options_, stores_), "rows"), 9);
}

TEST_P(StateRestoreTest, ARestoreInProgressIsClosedWhole) {
  if (!GetParam().disk) GTEST_SKIP() << "memory does not survive";
  {
    const auto state = open_or_die(options_, stores_);
    ASSERT_TRUE(feed(*state, "rows", rows_, 0, kBatch).ok());
    ASSERT_TRUE(state->close().ok());
  }
  const auto state = open_or_die(options_, stores_);
  EXPECT_EQ(restored_end(*state, "rows"), kBatch);
  EXPECT_EQ(content_of(state->store("rows")), replay(rows_, kBatch));
}

TEST_P(StateRestoreTest, ATailAfterAnUnknownCommitReplacesCachedRows) {
  const auto state = open_or_die(options_, stores_);
  state->store("rows").put("a", "1", 1);
  state->store("rows").put("b", "1", 1);
  commit(*state, 2);
  state->store("rows").put("a", "2", 2);
  state->freeze();
  state->discard();  // the broker had committed it all the same
  const std::vector<ChangelogRecord> tail{{"a", "2", 2}, {"b", {}, 2}};
  ASSERT_TRUE(state->restore("rows", tail, 4).ok());
  ASSERT_TRUE(state->finish_restore().ok());
  EXPECT_THAT(content_of(state->store("rows")), ElementsAre(Pair("a", RowText("2", 2))));
  EXPECT_EQ(lookup(state->store("rows"), "b"), std::nullopt);
}

}  // namespace millrace::state_restore_test
