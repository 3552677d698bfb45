#include "apps/sink/pending.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "conflict_generated.h"
#include "tests/unit/apps/sink/records.h"

namespace millrace::apps::sink {
namespace {

using ::testing::HasSubstr;

class SinkPending : public ::testing::Test {
 protected:
  void add(int64_t offset, const std::string& key, Bytes value) {
    pending_.records().add(offset, 0, key, value, {});
  }

  const FieldTypes fields_;
  const std::vector<TopicTables> tables_ = crm_tables(fields_).value();
  Pending pending_{tables_, fields_};
  const TopicPartition accounts_{"crm.account-state", 1};
  const TopicPartition conflicts_{"crm.conflicts", 0};
};

TEST_F(SinkPending, TheLastChangeOfAKeyCounts) {
  add(10, "a:1", account("a:1", 1));
  add(11, "a:2", account("a:2", 1));
  add(14, "a:1", account("a:1", 2));
  pending_.take(kAccountsAt, accounts_, 9);
  const size_t bytes = pending_.bytes();
  add(15, "a:2", Bytes());
  pending_.take(kAccountsAt, accounts_, 15);
  EXPECT_LT(pending_.bytes(), bytes);
  const Batch batch = pending_.batch();
  ASSERT_EQ(batch.changes.size(), 2U);
  EXPECT_THAT(batch.changes[0].row.row, HasSubstr("a:1\tActive\t2"));
  EXPECT_TRUE(batch.changes[1].row.deletes);
  EXPECT_EQ(batch.changes[1].record, 3U);
}

TEST_F(SinkPending, PositionsGoFromTheFirstReadToTheLastRecord) {
  add(10, "a:1", account("a:1", 1));
  pending_.take(kAccountsAt, accounts_, 7);
  add(12, "a:1", account("a:1", 2));
  pending_.take(kAccountsAt, accounts_, 11);
  const Batch batch = pending_.batch();
  ASSERT_EQ(batch.positions.size(), 1U);
  EXPECT_EQ(batch.positions[0].from, 7);
  EXPECT_EQ(batch.positions[0].to, 13);
}

TEST_F(SinkPending, ARecordThatIsNotValidMovesThePositionAndChangesNothing) {
  add(0, "a:1", account("a:1", 1));
  pending_.take(kAccountsAt, accounts_, 0);
  add(4, "a:1", "no table");
  pending_.take(kAccountsAt, {"crm.account-state", 2}, 4);
  ASSERT_EQ(pending_.invalid().size(), 1U);
  EXPECT_EQ(pending_.partition_of(pending_.invalid()[0].record).partition, 2);
  const Batch batch = pending_.batch();
  ASSERT_EQ(batch.positions.size(), 2U);
  EXPECT_EQ(batch.positions[1].to, 5);
  EXPECT_EQ(batch.changes.size(), 1U);
}

TEST_F(SinkPending, ConflictsAddUpUntilATombstone) {
  crm::ConflictT conflict;
  conflict.ids = {"a:1"};
  conflict.version = std::make_unique<crm::VersionT>();
  const std::string value = Flat<crm::Conflict>(conflict).bytes();
  for (const int64_t offset : {0, 1}) add(offset, "a:1", value);
  pending_.take(kConflictsAt, conflicts_, 0);
  add(2, "a:1", Bytes());
  add(3, "a:1", value);
  pending_.take(kConflictsAt, conflicts_, 2);
  EXPECT_EQ(pending_.batch().changes.size(), 2U);
}

TEST_F(SinkPending, ClearForgetsAll) {
  add(0, "a:1", account("a:1", 1));
  pending_.take(kAccountsAt, accounts_, 0);
  pending_.clear();
  EXPECT_TRUE(pending_.empty());
  add(1, "a:1", account("a:1", 2));
  pending_.take(kAccountsAt, accounts_, 1);
  EXPECT_EQ(pending_.batch().changes.size(), 1U);
}

}  // namespace
}  // namespace millrace::apps::sink
