// The state that a directory yields when it is opened again.
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/rocksdb/rocksdb_keys.h"
#include "state_fixture.h"

namespace millrace::state_directory_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class StateDirectoryTest : public ::testing::Test {
 protected:
  StateDirectoryTest() : options_(disk_options(directory_.path())) {}

  std::unique_ptr<TaskState> open() { return open_or_die(options_, {spec("rows")}); }
  void write_one_commit() {
    const auto state = open();
    state->store("rows").put("a", "1", 1);
    commit(*state, 5);
    ASSERT_TRUE(state->close().ok());
  }
  void expect_empty() {
    const auto state = open();
    EXPECT_THAT(content_of(state->store("rows")), IsEmpty());
    EXPECT_THAT(state->positions().changelog_end, IsEmpty());
    state->store("rows").put("b", "2", 1);
    commit(*state, 1);
    EXPECT_THAT(content_of(state->store("rows")), ElementsAre(Pair("b", RowText("2", 1))));
  }
  fs::path find_file(const std::string& part) const {
    for (const auto& entry : fs::directory_iterator(directory_.path() / "db")) {
      if (entry.path().filename().string().find(part) != std::string::npos) return entry.path();
    }
    ADD_FAILURE() << "no file " << part;
    return {};
  }

  TempDirectory directory_;
  TaskStateOptions options_;
};

TEST_F(StateDirectoryTest, KeepsRowsAndPositions) {
  write_one_commit();
  const auto state = open();
  EXPECT_THAT(content_of(state->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
  EXPECT_EQ(state->positions().changelog_end.at("rows"), 5);
  EXPECT_EQ(state->positions().inputs.at({"input", 3}), 50);
  EXPECT_EQ(state->positions().committed_at_ms, 1000);
}

TEST_F(StateDirectoryTest, AnotherIncarnationStartsEmpty) {
  write_one_commit();
  options_.incarnation = "cluster/other topics";
  expect_empty();
}

TEST_F(StateDirectoryTest, StateThatIsTooOldStartsEmpty) {
  write_one_commit();
  options_.max_age_ms = 500;
  options_.now_ms = 1501;
  expect_empty();
}

TEST_F(StateDirectoryTest, StateFromFarAheadStartsEmpty) {
  write_one_commit();
  options_.max_age_ms = 500;
  options_.now_ms = 499;
  expect_empty();
}

TEST_F(StateDirectoryTest, StateOfAClockThatWasSetBackALittleIsKept) {
  write_one_commit();
  options_.max_age_ms = 500;
  options_.now_ms = 501;
  EXPECT_THAT(content_of(open()->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
}

TEST_F(StateDirectoryTest, StateWithinItsAgeIsKept) {
  write_one_commit();
  options_.max_age_ms = 500;
  options_.now_ms = 1500;
  EXPECT_THAT(content_of(open()->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
}

TEST_F(StateDirectoryTest, AnotherFormatStartsEmpty) {
  write_one_commit();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(
      rocksdb::DB::Open(rocksdb::Options(), (directory_.path() / "db").string(), &raw).ok());
  const std::unique_ptr<rocksdb::DB> db(raw);
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), database_key(kMetaStore, kFormatKey), "2222").ok());
  ASSERT_TRUE(db->Close().ok());
  expect_empty();
}

TEST_F(StateDirectoryTest, ATruncatedManifestStartsEmpty) {
  write_one_commit();
  const fs::path manifest = find_file("MANIFEST");
  fs::resize_file(manifest, fs::file_size(manifest) / 2);
  expect_empty();
}

TEST_F(StateDirectoryTest, ATruncatedTableStartsEmpty) {
  write_one_commit();
  fs::resize_file(find_file(".sst"), 10);
  expect_empty();
}

TEST_F(StateDirectoryTest, DamageFoundWhileReadingFailsTheTaskAndIsRebuiltAtTheNextOpening) {
  {
    const auto state = open();
    for (int i = 0; i < 3000; ++i) {
      state->store("rows").put(std::to_string(i), std::string(100, 'x'), 1);
    }
    commit(*state, 5);
    ASSERT_TRUE(state->close().ok());
  }
  std::fstream table(find_file(".sst"), std::ios::in | std::ios::out | std::ios::binary);
  table.seekp(20000);
  table << std::string(64000, '!');
  table.close();
  {
    const auto state = open();
    for (int i = 0; i < 3000 && state->status().ok(); ++i) {
      state->store("rows").get(std::to_string(i));
    }
    ASSERT_EQ(state->status().code(), ErrorCode::kStoreIo);
    state->freeze();
    EXPECT_EQ(state->apply_frozen(positions_at(6)).code(), ErrorCode::kStoreIo);
  }
  expect_empty();
}

TEST_F(StateDirectoryTest, AnotherProcessMayNotOpenIt) {
  write_one_commit();
  // The other process takes the lock as RocksDB does, and no more: a fork of a process that has
  // threads had better not open a database.
  const std::string lock = (directory_.path() / "db" / "LOCK").string();
  int to_parent[2];
  int to_child[2];
  ASSERT_EQ(::pipe(to_parent), 0);
  ASSERT_EQ(::pipe(to_child), 0);
  const pid_t child = ::fork();
  char byte = 0;
  if (child == 0) {
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    byte = ::fcntl(::open(lock.c_str(), O_RDWR), F_SETLK, &whole) == 0 ? 'y' : 'n';
    const bool told = ::write(to_parent[1], &byte, 1) == 1 && ::read(to_child[0], &byte, 1) == 1;
    ::_exit(told ? 0 : 1);
  }
  ASSERT_EQ(::read(to_parent[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto refused = TaskState::open(options_, std::vector<StoreSpec>{spec("rows")});
  EXPECT_EQ(refused.ok() ? ErrorCode::kInternal : refused.code(), ErrorCode::kConfig);
  ASSERT_EQ(::write(to_child[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_THAT(content_of(open()->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
}

TEST_F(StateDirectoryTest, ASecondTaskOfTheProcessMayNotOpenIt) {
  const auto state = open();
  const auto second = TaskState::open(options_, std::vector<StoreSpec>{spec("rows")});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.code(), ErrorCode::kConfig);
}

TEST_F(StateDirectoryTest, ATaskThatComesBackTakesOverTheDatabaseThatAQueryHolds) {
  write_one_commit();
  std::shared_ptr<const StoreReader> reader = open()->reader("rows");
  const auto state = open();
  EXPECT_EQ(state->positions().changelog_end.at("rows"), 5);
  state->store("rows").put("a", "2", 2);
  commit(*state, 6);
  EXPECT_EQ(reader->get("a")->value, "2");
}

TEST_F(StateDirectoryTest, ADatabaseThatAQueryHoldsIsNotRemovedUnderIt) {
  write_one_commit();
  std::shared_ptr<const StoreReader> reader = open()->reader("rows");
  options_.incarnation = "cluster/other topics";
  const auto refused = TaskState::open(options_, std::vector<StoreSpec>{spec("rows")});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.code(), ErrorCode::kRetriable);
  EXPECT_EQ(reader->get("a")->value, "1");
  reader.reset();
  expect_empty();
}

TEST_F(StateDirectoryTest, StartsEmptyWhenToldToOnceNoQueryHoldsIt) {
  write_one_commit();
  std::shared_ptr<const StoreReader> reader = open()->reader("rows");
  options_.starts_empty = true;
  const auto refused = TaskState::open(options_, std::vector<StoreSpec>{spec("rows")});
  EXPECT_EQ(refused.code(), ErrorCode::kRetriable);
  reader.reset();
  expect_empty();
}

TEST_F(StateDirectoryTest, AStoreLeftOutLosesItsRows) {
  {
    const auto state = open_or_die(options_, {spec("rows"), spec("other")});
    state->store("rows").put("a", "1", 1);
    state->store("other").put("b", "2", 1);
    TaskPositions positions = positions_at(5);
    positions.changelog_end["other"] = 6;
    state->freeze();
    ASSERT_TRUE(state->apply_frozen(positions).ok());
  }
  {
    const auto state = open();
    EXPECT_FALSE(state->positions().changelog_end.contains("other"));
    commit(*state, 7);
  }
  const auto state = open_or_die(options_, {spec("other"), spec("rows")});
  EXPECT_THAT(content_of(state->store("other")), IsEmpty());
  EXPECT_THAT(content_of(state->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
  EXPECT_FALSE(state->positions().changelog_end.contains("other"));
}

TEST_F(StateDirectoryTest, RowsOfAChangelogWithoutAPositionAreNotTrusted) {
  StoreSpec no_changelog = spec("local");
  no_changelog.changelog = false;
  {
    const auto state = open_or_die(options_, {spec("rows"), spec("other"), no_changelog});
    state->store("other").put("b", "2", 1);
    state->store("local").put("c", "3", 1);
    commit(*state, 5, "rows");
  }
  const auto state = open_or_die(options_, {spec("rows"), spec("other"), no_changelog});
  EXPECT_THAT(content_of(state->store("other")), IsEmpty());
  EXPECT_THAT(content_of(state->store("local")), ElementsAre(Pair("c", RowText("3", 1))));
}

TEST_F(StateDirectoryTest, AStoreInMemoryStartsEmptyBesideStoresOnDisk) {
  StoreSpec in_memory = spec("hot");
  in_memory.in_memory = true;
  {
    const auto state = open_or_die(options_, {in_memory, spec("rows")});
    state->store("rows").put("a", "1", 1);
    state->store("hot").put("b", "2", 1);
    TaskPositions positions = positions_at(5);
    positions.changelog_end["hot"] = 6;
    state->freeze();
    ASSERT_TRUE(state->apply_frozen(positions).ok());
    EXPECT_EQ(state->positions().changelog_end.at("hot"), 6);
    EXPECT_THAT(committed(*state, "hot"), ElementsAre(Pair("b", RowText("2", 1))));
  }
  const auto state = open_or_die(options_, {in_memory, spec("rows")});
  EXPECT_THAT(content_of(state->store("hot")), IsEmpty());
  EXPECT_THAT(content_of(state->store("rows")), ElementsAre(Pair("a", RowText("1", 1))));
  EXPECT_FALSE(state->positions().changelog_end.contains("hot"));
}

TEST_F(StateDirectoryTest, DiskWithoutSharedMemoryIsRefused) {
  options_.memory = nullptr;
  const auto opened = TaskState::open(options_, std::vector<StoreSpec>{spec("rows")});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(opened.message(), HasSubstr("shared memory"));
}

}  // namespace millrace::state_directory_test
