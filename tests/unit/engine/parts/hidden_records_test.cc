#include "engine/metrics/hidden_records.h"

#include <gtest/gtest.h>

namespace millrace::engine::hidden_records_test {

const TopicPartition kInput{"t", 0};

InputPosition at(int64_t offset, bool is_at_end = true) {
  return {kInput, offset, is_at_end};
}

TEST(HiddenRecords, AreThoseThatStayBehindTheSameOffset) {
  HiddenRecords records;
  EXPECT_FALSE(records.see(at(10), 10, 1'000).hidden);
  // Something came; whether it will be given shows the next time.
  EXPECT_FALSE(records.see(at(10), 14, 2'000).hidden);
  const PartitionLag lag = records.see(at(10), 17, 3'000);
  EXPECT_EQ(lag.records, 7);
  ASSERT_TRUE(lag.hidden);
  EXPECT_EQ(lag.hidden->last_stable_offset, 10);
  EXPECT_EQ(lag.hidden->since_ms, 2'000);
  EXPECT_EQ(records.see(at(10), 20, 4'000).hidden->since_ms, 2'000);
  // The transaction has ended.
  EXPECT_FALSE(records.see(at(12, false), 20, 5'000).hidden);
  EXPECT_FALSE(records.see(at(20), 20, 6'000).hidden);
  EXPECT_FALSE(records.see(at(20), 21, 7'000).hidden);
}

TEST(HiddenRecords, OfTheNextTransactionBeginAnew) {
  HiddenRecords records;
  records.see(at(10), 12, 1'000);
  EXPECT_FALSE(records.see(at(15), 18, 2'000).hidden);
  EXPECT_EQ(records.see(at(15), 18, 3'000).hidden->since_ms, 2'000);
}

TEST(HiddenRecords, AreNotWhatIsOnlyNotReadYet) {
  HiddenRecords records;
  for (int64_t now_ms = 1'000; now_ms < 5'000; now_ms += 1'000) {
    EXPECT_FALSE(records.see(at(10, false), 100, now_ms).hidden);
  }
}

TEST(HiddenRecords, AreToldOnceWhenTheTransactionTakesLong) {
  constexpr int64_t kMinuteMs = 60'000;
  HiddenRecords records;
  const auto is_news = [&](const InputPosition& position, int64_t high, int64_t now_ms) {
    return records.is_long_news(records.see(position, high, now_ms), now_ms);
  };
  EXPECT_FALSE(is_news(at(10), 12, 0));
  EXPECT_FALSE(is_news(at(10), 12, kMinuteMs - 1));
  EXPECT_TRUE(is_news(at(10), 13, kMinuteMs));
  EXPECT_FALSE(is_news(at(10), 14, 2 * kMinuteMs));
  // Another one.
  EXPECT_FALSE(is_news(at(15), 18, 3 * kMinuteMs));
  EXPECT_TRUE(is_news(at(15), 18, 4 * kMinuteMs));
  EXPECT_FALSE(is_news(at(18), 18, 5 * kMinuteMs));
  EXPECT_FALSE(is_news(at(18), 19, 6 * kMinuteMs));
}

}  // namespace millrace::engine::hidden_records_test
