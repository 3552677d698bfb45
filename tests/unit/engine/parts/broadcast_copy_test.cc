#include "engine/broadcast/broadcast_copy.h"

#include <optional>

#include <gmock/gmock.h>

namespace millrace::engine::broadcast_copy_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Cursor = std::vector<int64_t>;

/// In other copies without gaps, which may have been ahead.
BroadcastCopy::Elsewhere met_up_to(int64_t offset) {
  return {.up_to = offset, .gap_end = 0, .may_be_ahead = true};
}

void append(BroadcastCopy& table, int32_t partition, int64_t offset, const std::string& key,
            const std::optional<std::string>& value) {
  table.append(partition, {.offset = offset,
                           .timestamp_ms = offset * 10,
                           .key = Bytes(key),
                           .value = value ? Bytes(*value) : Bytes(),
                           .headers = {}});
}

std::vector<std::string> rows(const BroadcastCopy& table, const Cursor& cursor) {
  std::vector<std::string> found;
  table.for_each(cursor, [&](Bytes key, Row row) {
    EXPECT_EQ(table.get(key, cursor).value, row.value);
    found.push_back(key.to_string() + "=" + row.value.to_string());
  });
  return found;
}

/// Two partitions; "a" changes twice and goes, "b" and "c" stay.
BroadcastCopy sample() {
  BroadcastCopy table(2);
  append(table, 0, 0, "a", "1");
  append(table, 0, 1, "b", "1");
  append(table, 0, 5, "a", "2");
  append(table, 0, 7, "a", std::nullopt);
  append(table, 1, 3, "c", "1");
  return table;
}

TEST(BroadcastCopy, ShowsEveryCursorItsOwnVersion) {
  const BroadcastCopy table = sample();
  EXPECT_THAT(rows(table, {0, 0}), IsEmpty());
  EXPECT_THAT(rows(table, {1, 0}), ElementsAre("a=1"));
  EXPECT_THAT(rows(table, {6, 0}), ElementsAre("a=2", "b=1"));
  EXPECT_THAT(rows(table, {6, 4}), ElementsAre("a=2", "b=1", "c=1"));
  EXPECT_THAT(rows(table, {8, 4}), ElementsAre("b=1", "c=1"));
}

TEST(BroadcastCopy, TellsChangesWithTheRowBefore) {
  const BroadcastCopy table = sample();
  EXPECT_EQ(table.next_offset(0, 2), 5);
  EXPECT_EQ(table.next_offset(0, 8), -1);
  const BroadcastCopy::Change changed = table.change(0, 5, {});
  EXPECT_EQ(changed.key, Bytes("a"));
  EXPECT_EQ(changed.row.value, Bytes("2"));
  EXPECT_EQ(changed.row.timestamp_ms, 50);
  EXPECT_EQ(changed.row_before.value, Bytes("1"));
  const BroadcastCopy::Change deleted = table.change(0, 7, {});
  EXPECT_TRUE(deleted.row.value.is_null());
  EXPECT_EQ(deleted.row_before.value, Bytes("2"));
}

TEST(BroadcastCopy, KnowsThatARowWasNotThereOnlyWhenItReadOn) {
  BroadcastCopy table(1);
  append(table, 0, 40, "a", "9");
  table.mark_end(0, 41);
  append(table, 0, 41, "b", "1");
  append(table, 0, 42, "a", "10");
  EXPECT_FALSE(table.change(0, 40, met_up_to(30)).is_old_known)
      << "it may have been compacted away";
  EXPECT_TRUE(table.change(0, 40, {}).is_old_known) << "nothing was met elsewhere";
  EXPECT_TRUE(table.change(0, 41, met_up_to(30)).is_old_known);
  EXPECT_TRUE(table.change(0, 42, met_up_to(30)).is_old_known);
}

TEST(BroadcastCopy, DoubtsARowBeforeAGapWhereAnotherCopyMayHaveHadALaterOne) {
  BroadcastCopy table(1);
  append(table, 0, 0, "a", "1");
  append(table, 0, 1, "b", "1");
  table.mark_end(0, 2);
  append(table, 0, 5, "b", "2");
  append(table, 0, 6, "a", "3");
  append(table, 0, 7, "b", "3");
  append(table, 0, 8, "c", "1");
  constexpr int64_t kMetElsewhere = 4;
  const BroadcastCopy::Change doubtful = table.change(0, 6, met_up_to(kMetElsewhere));
  EXPECT_FALSE(doubtful.is_old_known) << "the other copy may have had a=2 at 2 or 3";
  EXPECT_TRUE(doubtful.row_before.value.is_null());
  EXPECT_FALSE(table.change(0, 8, met_up_to(kMetElsewhere)).is_old_known);
  EXPECT_TRUE(table.change(0, 7, met_up_to(kMetElsewhere)).is_old_known) << "b=2 is met here";
  EXPECT_EQ(table.change(0, 7, met_up_to(kMetElsewhere)).row_before.value, Bytes("2"));
  EXPECT_TRUE(table.change(0, 6, met_up_to(1)).is_old_known)
      << "the row before was the last that was met";
  EXPECT_TRUE(table.change(0, 6, {}).is_old_known);
}

TEST(BroadcastCopy, DoubtsARowBeforeAGapThatCameWhileItWasLoaded) {
  BroadcastCopy table(1);
  append(table, 0, 0, "a", "1");
  append(table, 0, 1, "b", "1");
  append(table, 0, 2, "c", "1");
  // a=2 at 3 is gone, since a compaction met a=3 before the copy had read so far.
  append(table, 0, 5, "c", "2");
  append(table, 0, 7, "a", "3");
  append(table, 0, 8, "c", "3");
  table.mark_end(0, 9);
  append(table, 0, 9, "b", "2");
  constexpr int64_t kMetElsewhere = 6;
  const BroadcastCopy::Change doubtful = table.change(0, 7, met_up_to(kMetElsewhere));
  EXPECT_FALSE(doubtful.is_old_known) << "the other copy may have had a=2";
  EXPECT_TRUE(doubtful.row_before.value.is_null());
  EXPECT_TRUE(table.change(0, 8, met_up_to(kMetElsewhere)).is_old_known)
      << "nothing is missing after c=2";
  EXPECT_TRUE(table.change(0, 7, met_up_to(3)).is_old_known) << "there is no gap before 3";
  EXPECT_TRUE(table.change(0, 9, met_up_to(kMetElsewhere)).is_old_known)
      << "what replaced a version before 9 would be here";
  EXPECT_TRUE(table.change(0, 7, {}).is_old_known);
}

TEST(BroadcastCopy, DoubtsARowThatAnotherCopyMayNeverHaveHad) {
  BroadcastCopy table(1);
  append(table, 0, 0, "a", "1");
  append(table, 0, 1, "b", "1");
  append(table, 0, 2, "c", "1");
  table.mark_end(0, 3);
  append(table, 0, 3, "a", "2");
  append(table, 0, 4, "b", "2");
  append(table, 0, 5, "c", "2");
  append(table, 0, 6, "c", "3");
  // The other copy came to 2 when a=1 had been compacted away, and met c=1 at 2.
  for (const bool may_be_ahead : {true, false}) {
    const BroadcastCopy::Elsewhere gaps{.up_to = 3, .gap_end = 1, .may_be_ahead = may_be_ahead};
    EXPECT_FALSE(table.change(0, 3, gaps).is_old_known) << "it may never have met a=1";
    EXPECT_TRUE(table.change(0, 3, gaps).row_before.value.is_null());
    EXPECT_TRUE(table.change(0, 4, gaps).is_old_known);
    EXPECT_TRUE(table.change(0, 5, gaps).is_old_known) << "it met c=1 last";
    EXPECT_TRUE(table.change(0, 6, gaps).is_old_known) << "it meets c=2 here";
  }
  EXPECT_EQ(table.gap_end_before(0, 6), 0);
}

TEST(BroadcastCopy, KnowsTheLastGapBeforeAChange) {
  BroadcastCopy table(1);
  append(table, 0, 3, "a", "1");
  append(table, 0, 4, "b", "1");
  append(table, 0, 9, "c", "1");
  EXPECT_EQ(table.gap_end_before(0, 3), 3);
  EXPECT_EQ(table.gap_end_before(0, 4), 3);
  EXPECT_EQ(table.gap_end_before(0, 9), 9);
  EXPECT_EQ(table.gap_end_before(0, 10), 9) << "of the copy";
}

TEST(BroadcastCopy, TakesOffsetsWithoutARowForNoGapWhereNothingWasCompacted) {
  BroadcastCopy table(1);
  append(table, 0, 0, "a", "1");
  table.mark_end(0, 2);  // a transaction's mark
  table.pass(0, 2);      // a record that is no row
  append(table, 0, 3, "b", "1");
  table.mark_end(0, 5);
  append(table, 0, 5, "a", "2");
  EXPECT_TRUE(table.change(0, 5, met_up_to(4)).is_old_known);
  EXPECT_EQ(table.change(0, 5, met_up_to(4)).row_before.value, Bytes("1"));
}

TEST(BroadcastCopy, IsCompleteWhereTheTopicEnded) {
  BroadcastCopy table(1);
  table.mark_end(0, 2);
  append(table, 0, 7, "a", "2");
  EXPECT_EQ(table.end(0), 8);
  EXPECT_EQ(table.complete_end(0), 2);
  table.mark_end(0, 9);
  EXPECT_EQ(table.complete_end(0), 9);
}

TEST(BroadcastCopy, KnowsATimeBeforeTheChangesThatFollowWereWritten) {
  BroadcastCopy table(1, 50);
  append(table, 0, 0, "a", "1");
  append(table, 0, 1, "b", "1");
  table.mark_end(0, 2);
  table.mark_complete(0, 100);
  EXPECT_EQ(table.begun_ms(), 50);
  EXPECT_EQ(table.before_changes_ms(0, 1), -1) << "it was there at the first read";
  EXPECT_EQ(table.before_changes_ms(0, 2), 100);
  table.mark_end(0, 2);
  table.mark_complete(0, 200);
  EXPECT_EQ(table.before_changes_ms(0, 2), 200);
  append(table, 0, 2, "a", "2");
  append(table, 0, 3, "b", "2");
  EXPECT_EQ(table.before_changes_ms(0, 3), 200);
  EXPECT_EQ(table.before_changes_ms(0, 4), 200) << "more may have been written since";
  table.mark_end(0, 5);
  table.mark_complete(0, 300);
  EXPECT_EQ(table.before_changes_ms(0, 3), 200);
  EXPECT_EQ(table.before_changes_ms(0, 4), 300);
}

TEST(BroadcastCopy, PrunesWhatNoCursorCanSee) {
  BroadcastCopy table = sample();
  EXPECT_EQ(table.versions(), 5U);
  table.prune(Cursor{6, 0});
  EXPECT_EQ(table.floor(0), 6);
  EXPECT_EQ(table.versions(), 4U) << "a=1 is hidden from all";
  EXPECT_THAT(rows(table, {6, 0}), ElementsAre("a=2", "b=1"));
  EXPECT_THAT(rows(table, {8, 4}), ElementsAre("b=1", "c=1"));
  EXPECT_EQ(table.change(0, 7, {}).row_before.value, Bytes("2"));
  table.prune(Cursor{8, 4});
  EXPECT_EQ(table.versions(), 2U);
  EXPECT_EQ(table.rows(), 2U);
  EXPECT_THAT(rows(table, {8, 4}), ElementsAre("b=1", "c=1"));
}

TEST(BroadcastCopy, IsLoadedWhenEveryPartitionWasReadToItsEnd) {
  BroadcastCopy table(2);
  table.mark_end(0, 5);
  EXPECT_FALSE(table.is_loaded());
  table.mark_end(1, 0);
  EXPECT_TRUE(table.is_loaded());
  table.mark_end(0, 9);
  EXPECT_EQ(table.loaded_end(0), 5);
  EXPECT_EQ(table.end(0), 9);
}

}  // namespace millrace::engine::broadcast_copy_test
