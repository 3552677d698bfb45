#include "millrace/state/task_state.h"

#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::task_state_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr bool kMemory = false;
constexpr bool kDisk = true;

/// The contract of every back end.
class TaskStateTest : public ::testing::TestWithParam<bool> {
 protected:
  TaskStateTest() {
    if (GetParam() == kDisk) options_ = disk_options(directory_.path());
    state_ = open_or_die(options_, {spec("rows"), spec("other")});
  }
  KeyValueStore& rows() { return state_->store("rows"); }

  TempDirectory directory_;
  TaskStateOptions options_;
  std::unique_ptr<TaskState> state_;
};

INSTANTIATE_TEST_SUITE_P(Backends, TaskStateTest, ::testing::Values(kMemory, kDisk),
                         [](const auto& param) {
                           return param.param == kDisk ? "Disk" : "Memory";
                         });

TEST_P(TaskStateTest, ReadsWhatItWroteBeforeAndAfterACommit) {
  rows().put("a", "1", 10);
  rows().put("", "empty key", 11);
  rows().put("empty value", "", 12);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(lookup(rows(), "a"), RowText("1", 10));
    EXPECT_EQ(lookup(rows(), ""), RowText("empty key", 11));
    EXPECT_EQ(lookup(rows(), "empty value"), RowText("", 12));
    EXPECT_EQ(lookup(rows(), "b"), std::nullopt);
    commit(*state_, 1 + round);
  }
  rows().erase("a", 13);
  EXPECT_EQ(lookup(rows(), "a"), std::nullopt);
  commit(*state_, 3);
  EXPECT_EQ(lookup(rows(), "a"), std::nullopt);
}

TEST_P(TaskStateTest, StoresDoNotSeeEachOther) {
  rows().put("a", "1", 1);
  state_->store("other").put("b", "2", 1);
  commit(*state_, 1);
  EXPECT_THAT(content_of(rows()), ElementsAre(Pair("a", RowText("1", 1))));
  EXPECT_THAT(content_of(state_->store("other")), ElementsAre(Pair("b", RowText("2", 1))));
}

TEST_P(TaskStateTest, ReadersSeeCommittedRowsOnly) {
  const auto reader = state_->reader("rows");
  rows().put("a", "1", 1);
  EXPECT_EQ(reader->get("a").code(), ErrorCode::kNotFound);
  state_->freeze();
  EXPECT_EQ(reader->get("a").code(), ErrorCode::kNotFound);
  EXPECT_THAT(committed(*state_, "rows"), IsEmpty());
  ASSERT_TRUE(state_->apply_frozen(positions_at(1)).ok());
  rows().put("a", "2", 2);
  EXPECT_EQ(reader->get("a")->value, "1");
  EXPECT_EQ(reader->get("a")->timestamp_ms, 1);
}

TEST_P(TaskStateTest, ReadersOutliveTheState) {
  rows().put("a", "1", 1);
  commit(*state_, 1);
  const auto reader = state_->reader("rows");
  ASSERT_TRUE(state_->close().ok());
  state_.reset();
  EXPECT_EQ(reader->get("a")->value, "1");
}

TEST_P(TaskStateTest, AScanStopsWhenItsVisitorSaysSo) {
  for (const char* const key : {"a", "b", "c", "d"}) rows().put(key, key, 1);
  commit(*state_, 1);
  std::vector<std::string> seen;
  ASSERT_TRUE(state_->reader("rows")
                  ->scan({"b", "d"},
                         [&](Bytes key, Row) {
                           seen.push_back(key.to_string());
                           return seen.size() < 1;
                         })
                  .ok());
  EXPECT_THAT(seen, ElementsAre("b"));
}

TEST_P(TaskStateTest, ReadersScanInBothDirectionsUpToALimit) {
  for (const char* const key : {"a", "b", "c", "d"}) rows().put(key, key, 1);
  commit(*state_, 1);
  const auto keys_of = [&](const RowRange& range) {
    std::string keys;
    EXPECT_TRUE(state_->reader("rows")
                    ->scan(range,
                           [&](Bytes key, Row row) {
                             EXPECT_EQ(row.value, key);
                             keys += key.view();
                             return true;
                           })
                    .ok());
    return keys;
  };
  EXPECT_EQ(keys_of({}), "abcd");
  EXPECT_EQ(keys_of({.is_descending = true}), "dcba");
  EXPECT_EQ(keys_of({.from = "b", .to = "d", .is_descending = true}), "cb");
  EXPECT_EQ(keys_of({.from = "b", .rows_max = 2}), "bc");
  EXPECT_EQ(keys_of({.to = "d", .is_descending = true, .rows_max = 1}), "c");
  EXPECT_EQ(keys_of({.rows_max = 0}), "");
  EXPECT_EQ(keys_of({.from = "x", .is_descending = true}), "");
}

TEST_P(TaskStateTest, AScanMergesTheThreeLayers) {
  for (const char* const key : {"a", "b", "c", "d", "e"}) rows().put(key, "committed", 1);
  commit(*state_, 1);
  rows().put("b", "frozen", 2);
  rows().erase("c", 2);
  rows().put("d", "frozen", 2);
  state_->freeze();
  rows().put("d", "dirty", 3);
  rows().put("c", "dirty", 3);
  rows().erase("b", 3);
  rows().put("bb", "dirty", 3);
  rows().erase("e", 3);
  EXPECT_THAT(content_of(rows()),
              ElementsAre(Pair("a", RowText("committed", 1)), Pair("bb", RowText("dirty", 3)),
                          Pair("c", RowText("dirty", 3)), Pair("d", RowText("dirty", 3))));
  EXPECT_THAT(drain(*rows().range("b", "d")),
              ElementsAre(Pair("bb", RowText("dirty", 3)), Pair("c", RowText("dirty", 3))));
}

TEST_P(TaskStateTest, APrefixEndsBeforeTheNextOne) {
  for (const char* const key : {"a", "b", "b1", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff"}) {
    rows().put(key, "", 1);
  }
  commit(*state_, 1);
  const auto keys = [&](Bytes prefix) {
    std::vector<std::string> out;
    for (const auto& [key, row] : drain(*rows().prefix(prefix))) out.push_back(key);
    return out;
  };
  EXPECT_THAT(keys("b"), ElementsAre("b", "b1", "b\xff", "b\xff\xff"));
  EXPECT_THAT(keys("b\xff"), ElementsAre("b\xff", "b\xff\xff"));
  EXPECT_THAT(keys("\xff"), ElementsAre("\xff", "\xff\xff"));
  EXPECT_EQ(keys("").size(), 8U);
}

TEST_P(TaskStateTest, AnUndoneUnitLeavesNothingInAnyStore) {
  rows().put("a", "1", 1);
  state_->begin_unit();
  rows().put("a", "2", 2);
  rows().erase("a", 3);
  state_->store("other").put("b", "2", 2);
  state_->undo_unit();
  state_->begin_unit();
  rows().put("c", "3", 3);
  state_->end_unit();
  EXPECT_EQ(lookup(rows(), "a"), RowText("1", 1));
  EXPECT_THAT(content_of(state_->store("other")), IsEmpty());
  commit(*state_, 1);
  EXPECT_THAT(committed(*state_, "rows"),
              ElementsAre(Pair("a", RowText("1", 1)), Pair("c", RowText("3", 3))));
  EXPECT_THAT(committed(*state_, "other"), IsEmpty());
}

TEST_P(TaskStateTest, VisitsFrozenRowsInKeyOrderOnePerKey) {
  rows().put("b", "1", 1);
  rows().put("a", "2", 2);
  rows().put("b", "3", 3);
  rows().erase("c", 4);
  state_->freeze();
  rows().put("b", "later", 5);
  std::vector<std::string> seen;
  state_->for_each_frozen("rows", [&](const ChangelogRecord& record) {
    seen.push_back(record.key.to_string() + "=" +
                   (record.value.is_null() ? "null" : record.value.to_string()) + "@" +
                   std::to_string(record.timestamp_ms));
  });
  EXPECT_THAT(seen, ElementsAre("a=2@2", "b=3@3", "c=null@4"));
}

TEST_P(TaskStateTest, DiscardShowsTheLastCommitAgain) {
  rows().put("a", "committed", 1);
  commit(*state_, 1);
  rows().put("a", "frozen", 2);
  rows().put("b", "frozen", 2);
  state_->freeze();
  rows().put("a", "dirty", 3);
  state_->begin_unit();
  rows().erase("a", 4);
  EXPECT_GT(state_->dirty_bytes(), 0U);
  state_->discard();
  EXPECT_EQ(state_->dirty_bytes(), 0U);
  EXPECT_THAT(content_of(rows()), ElementsAre(Pair("a", RowText("committed", 1))));
  EXPECT_EQ(lookup(rows(), "a"), RowText("committed", 1));
  EXPECT_EQ(state_->positions().changelog_end.at("rows"), 1);
  rows().put("a", "again", 5);
  commit(*state_, 2);
  EXPECT_THAT(committed(*state_, "rows"), ElementsAre(Pair("a", RowText("again", 5))));
}

TEST_P(TaskStateTest, PrefetchChangesNoAnswer) {
  for (int i = 0; i < 600; ++i) rows().put(std::to_string(i), std::to_string(i * i), i);
  commit(*state_, 1);
  options_.cache_bytes = 0;
  if (GetParam() == kDisk) {
    ASSERT_TRUE(state_->close().ok());
    state_.reset();
    state_ = open_or_die(options_, {spec("rows"), spec("other")});
  }
  std::vector<std::string> texts;
  for (int i = 900; i-- > 0;) texts.push_back(std::to_string(i % 800));
  const std::vector<Bytes> keys(texts.begin(), texts.end());
  rows().put("700", "dirty", 1);
  rows().prefetch(keys);
  EXPECT_EQ(lookup(rows(), "599"), RowText(std::to_string(599 * 599), 599));
  EXPECT_EQ(lookup(rows(), "0"), RowText("0", 0));
  EXPECT_EQ(lookup(rows(), "700"), RowText("dirty", 1));
  EXPECT_EQ(lookup(rows(), "799"), std::nullopt);
}

TEST_P(TaskStateTest, PositionsAreThoseOfTheLastCommit) {
  TaskPositions positions = positions_at(7);
  positions.inputs[{"second", 0}] = 5;
  state_->freeze();
  ASSERT_TRUE(state_->apply_frozen(positions).ok());
  EXPECT_EQ(state_->positions().changelog_end.at("rows"), 7);
  EXPECT_EQ(state_->positions().inputs, positions.inputs);
  EXPECT_EQ(state_->positions().committed_at_ms, 1000);
  commit(*state_, 8, "other");
  EXPECT_EQ(state_->positions().changelog_end.at("rows"), 7) << "not named, not moved";
  EXPECT_EQ(state_->positions().inputs.size(), 1U);
}

TEST_P(TaskStateTest, ARestoredRowReplacesACachedOne) {
  rows().put("a", "1", 1);
  commit(*state_, 1);
  EXPECT_EQ(lookup(rows(), "b"), std::nullopt);
  const std::vector<ChangelogRecord> records{
      {"a", "2", 2}, {"b", "1", 2}, {"c", "x", 2}, {"c", {}, 3}};
  ASSERT_TRUE(state_->restore("rows", records, 5).ok());
  ASSERT_TRUE(state_->finish_restore().ok());
  EXPECT_THAT(content_of(rows()),
              ElementsAre(Pair("a", RowText("2", 2)), Pair("b", RowText("1", 2))));
  EXPECT_EQ(lookup(rows(), "a"), RowText("2", 2));
  EXPECT_EQ(lookup(rows(), "b"), RowText("1", 2));
  EXPECT_EQ(state_->positions().changelog_end.at("rows"), 5);
}

TEST_P(TaskStateTest, AScanBesideCommitsSeesOneOfThemWhole) {
  constexpr int kRows = 50;
  constexpr int kCommits = 200;
  const auto reader = state_->reader("rows");
  std::atomic<bool> done = false;
  std::atomic<int> scans = 0;
  std::atomic<int> torn = 0;
  std::thread query([&] {
    while (!done || scans == 0) {
      std::set<std::string> seen;
      const Status status = reader->scan({}, [&](Bytes, Row row) {
        seen.insert(row.value.to_string());
        return true;
      });
      const auto first = reader->get("0");
      torn += !status.ok() || seen.size() > 1 || (!seen.empty() && !first.ok());
      ++scans;
    }
  });
  for (int n = 1; n <= kCommits; ++n) {
    for (int i = 0; i < kRows; ++i) rows().put(std::to_string(i), std::to_string(n), n);
    state_->freeze();
    EXPECT_TRUE(state_->apply_frozen(positions_at(n)).ok());
  }
  done = true;
  query.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace millrace::task_state_test
