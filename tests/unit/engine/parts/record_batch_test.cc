#include "engine/clients/record_batch.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace millrace::engine::record_batch_test {

constexpr int kRecords = 3'000;

void fill(RecordBatch& batch, size_t value_bytes) {
  const std::string text = "text";
  for (int i = 0; i < kRecords; ++i) {
    const std::string key = std::to_string(i);
    const std::string value(value_bytes + static_cast<size_t>(i) % 7, 'v');
    const Header header{"name", Bytes(text)};
    batch.add(i, 1'000 + i, Bytes(key), Bytes(value), {&header, i % 100 == 0 ? 1U : 0U});
  }
}

void expect_filled(const RecordBatch& batch, size_t value_bytes) {
  ASSERT_EQ(batch.records().size(), static_cast<size_t>(kRecords));
  for (int i = 0; i < kRecords; ++i) {
    const FetchedRecord& record = batch.records()[static_cast<size_t>(i)];
    ASSERT_EQ(record.offset, i);
    ASSERT_EQ(record.key, std::to_string(i));
    ASSERT_EQ(record.value.view(), std::string(value_bytes + static_cast<size_t>(i) % 7, 'v'));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(record.value.data()) % 8, 0U);
    ASSERT_EQ(record.headers.size(), i % 100 == 0 ? 1U : 0U);
    if (!record.headers.empty()) {
      ASSERT_EQ(record.headers[0].name, "name");
      ASSERT_EQ(record.headers[0].value, "text");
    }
  }
}

TEST(RecordBatch, KeepsItsMemoryOverClear) {
  RecordBatch batch;
  fill(batch, 100);
  expect_filled(batch, 100);
  const size_t bytes = batch.memory_bytes();
  for (int round = 0; round < 3; ++round) {
    batch.clear();
    EXPECT_TRUE(batch.records().empty());
    fill(batch, 100);
    expect_filled(batch, 100);
    EXPECT_EQ(batch.memory_bytes(), bytes);
  }
}

TEST(RecordBatch, TakesRecordsThatNoKeptBlockHasRoomFor) {
  RecordBatch batch;
  fill(batch, 10);
  batch.clear();
  fill(batch, 1'000);
  expect_filled(batch, 1'000);
  batch.clear();
  const std::string large(1 << 20, 'x');
  batch.add(7, 1, {}, Bytes(large), {});
  ASSERT_EQ(batch.records().size(), 1U);
  EXPECT_TRUE(batch.records()[0].key.is_null());
  EXPECT_EQ(batch.records()[0].value.view(), large);
}

}  // namespace millrace::engine::record_batch_test
