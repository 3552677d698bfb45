#include "state/buffer/commit_buffer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::commit_buffer_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CommitBufferTest : public ::testing::Test {
 protected:
  CommitBufferTest() { memory_.limit_bytes = 1 << 20; }

  std::string value(Bytes key) {
    const StoredRow* const row = buffer_.find(key);
    if (row == nullptr) return "unknown";
    return row->absent ? "absent" : row->value().to_string();
  }
  std::vector<std::string> frozen() const {
    std::vector<std::string> out;
    for (const SortedRow& sorted : buffer_.frozen()) {
      const StoredRow& row = *sorted.row;
      out.push_back(row.key().to_string() + "=" + (row.absent ? "-" : row.value().to_string()));
    }
    return out;
  }

  BufferMemory memory_;
  CommitBuffer buffer_{memory_};
};

TEST_F(CommitBufferTest, FreezesTheLatestRowOfAKeyInKeyOrder) {
  buffer_.write("common/b", "1", 1);
  buffer_.write("common/a", "2", 2);
  buffer_.write("common/b", "3", 3);
  buffer_.write("common", "4", 4);
  buffer_.write("common/longer-than-the-prefix/b", {}, 5);
  buffer_.write("common/longer-than-the-prefix/a", "6", 6);
  buffer_.freeze();
  EXPECT_THAT(frozen(), ElementsAre("common=4", "common/a=2", "common/b=3",
                                    "common/longer-than-the-prefix/a=6",
                                    "common/longer-than-the-prefix/b=-"));
}

TEST_F(CommitBufferTest, LetsGoOfIdleGroupsThoughTheyHaveNoRows) {
  constexpr int kGroups = 20'000;
  for (int i = 0; i < kGroups; ++i) {
    buffer_.groups().hold(Bytes(std::to_string(i) + std::string(1, '\0')), {});
  }
  ASSERT_GT(memory_.used_bytes, memory_.limit_bytes);
  for (int i = 0; i < 10 && memory_.used_bytes > memory_.limit_bytes; ++i) buffer_.evict(1 << 20);
  EXPECT_LE(memory_.used_bytes, memory_.limit_bytes);
}

TEST_F(CommitBufferTest, ForgetsAGroupThatGrowsTooLarge) {
  const std::string group("g\0", 2);
  buffer_.groups().hold(group, {});
  for (size_t i = 0; i < RowGroups::kRowsMax; ++i) buffer_.write(group + std::to_string(i), "v", 1);
  ASSERT_NE(buffer_.groups().find(group), nullptr);
  EXPECT_EQ(buffer_.groups().find(group)->rows.size(), RowGroups::kRowsMax);
  buffer_.write(group + "x", "v", 1);
  EXPECT_EQ(buffer_.groups().find(group), nullptr);
}

TEST_F(CommitBufferTest, AFrozenRowSurvivesItsOverwriting) {
  buffer_.write("a", "old", 1);
  buffer_.freeze();
  buffer_.write("a", "new", 2);
  EXPECT_THAT(frozen(), ElementsAre("a=old"));
  EXPECT_EQ(value("a"), "new");
  buffer_.applied();
  EXPECT_EQ(value("a"), "new");
  buffer_.freeze();
  EXPECT_THAT(frozen(), ElementsAre("a=new"));
}

TEST_F(CommitBufferTest, UndoBringsBackCleanDirtyFrozenAndUnknownRows) {
  buffer_.cache("clean", Row{"c", 1});
  buffer_.write("frozen", "f", 1);
  buffer_.freeze();
  buffer_.write("dirty", "d", 1);
  const size_t dirty_bytes = memory_.dirty_bytes;
  buffer_.begin_unit();
  for (const char* const key : {"clean", "frozen", "dirty", "unknown"}) {
    buffer_.write(key, "x", 2);
    buffer_.write(key, {}, 3);
    buffer_.write(key, "a longer value than the one before", 4);
  }
  buffer_.undo_unit();
  EXPECT_EQ(value("clean"), "c");
  EXPECT_EQ(value("frozen"), "f");
  EXPECT_EQ(value("dirty"), "d");
  EXPECT_EQ(value("unknown"), "unknown");
  EXPECT_EQ(memory_.dirty_bytes, dirty_bytes);
  buffer_.applied();
  buffer_.freeze();
  EXPECT_THAT(frozen(), ElementsAre("dirty=d"));
}

TEST_F(CommitBufferTest, DiscardForgetsBothGenerations) {
  buffer_.cache("clean", Row{"c", 1});
  buffer_.write("one", "1", 1);
  buffer_.write("both", "1", 1);
  buffer_.freeze();
  buffer_.write("both", "2", 1);
  buffer_.write("two", "2", 1);
  buffer_.discard();
  EXPECT_EQ(value("one"), "unknown");
  EXPECT_EQ(value("two"), "unknown");
  EXPECT_EQ(value("both"), "unknown");
  EXPECT_EQ(value("clean"), "c");
  EXPECT_EQ(memory_.dirty_bytes, 0U);
  buffer_.freeze();
  EXPECT_THAT(frozen(), IsEmpty());
}

TEST_F(CommitBufferTest, EvictsOnlyCleanRowsAndPrefersUnusedOnes) {
  const std::string big(1000, 'x');
  for (int i = 0; i < 100; ++i) buffer_.cache("clean" + std::to_string(i), Row{big, 1});
  for (int i = 0; i < 100; ++i) buffer_.write("dirty" + std::to_string(i), big, 1);
  memory_.limit_bytes = memory_.used_bytes;
  buffer_.cache("one more", Row{big, 1});
  buffer_.evict(100000);  // every mark is gone now, and a row
  for (int i = 0; i < 50; ++i) buffer_.find("clean" + std::to_string(i));
  memory_.limit_bytes = memory_.used_bytes - 20 * big.size();
  buffer_.evict(1000);
  EXPECT_LE(memory_.used_bytes, memory_.limit_bytes);
  int used_kept = 0;
  for (int i = 0; i < 50; ++i) used_kept += value("clean" + std::to_string(i)) != "unknown";
  EXPECT_GE(used_kept, 49);
  memory_.limit_bytes = 0;
  buffer_.evict(100000);
  EXPECT_EQ(memory_.used_bytes, memory_.dirty_bytes);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(value("dirty" + std::to_string(i)), big);
  EXPECT_EQ(value("clean0"), "unknown");
}

TEST_F(CommitBufferTest, FindAllReportsWhatItDoesNotKnow) {
  buffer_.cache("a", Row{"1", 1});
  buffer_.cache("absent", Row{});
  const std::vector<Bytes> keys{"x", "a", "y", "absent"};
  std::vector<uint32_t> missing;
  buffer_.find_all(keys, missing);
  EXPECT_THAT(missing, ElementsAre(0, 2));
}

TEST_F(CommitBufferTest, GivesBackAllMemory) {
  {
    CommitBuffer other(memory_);
    for (int i = 0; i < 1000; ++i) {
      other.write(std::to_string(i), std::string(static_cast<size_t>(i) * 50, 'x'), 1);
    }
    other.freeze();
    other.write("1", "y", 2);
    other.begin_unit();
    other.write("2", "z", 2);
  }
  EXPECT_EQ(memory_.used_bytes, 0U);
  EXPECT_EQ(memory_.dirty_bytes, 0U);
}

}  // namespace millrace::commit_buffer_test
