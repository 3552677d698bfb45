#include "state/rows/sorted_rows.h"

#include <memory>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace millrace::sorted_rows_test {

class SortedRowsTest : public ::testing::Test {
 protected:
  void add(const std::string& key) {
    if (!model_.insert(key).second) return;
    const size_t bytes = StoredRow::bytes(key.size(), 0);
    blocks_.push_back(std::make_unique<uint64_t[]>(bytes / sizeof(uint64_t) + 1));
    rows_.add(StoredRow::create(blocks_.back().get(), 0, Bytes(key), Row{Bytes(""), 0},
                                RowState::kClean));
  }
  void expect_sorted() {
    rows_.sort();
    std::vector<std::string> keys;
    for (const SortedRow& sorted : rows_.rows()) keys.push_back(sorted.row->key().to_string());
    EXPECT_EQ(keys, std::vector<std::string>(model_.begin(), model_.end()));
  }

  SortedRows rows_;
  std::set<std::string> model_;
  std::vector<std::unique_ptr<uint64_t[]>> blocks_;
};

TEST_F(SortedRowsTest, KeysThatDifferInTheirLastEightBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5'000; ++i) add("account-" + std::to_string(10'000'000 + random() % 900));
  expect_sorted();
}

TEST_F(SortedRowsTest, KeysOfAnyLengthAndBytes) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 5'000; ++i) {
    std::string key = random() % 3 == 0 ? "a longer common beginning/" : "";
    const auto size = random() % 4;
    for (size_t byte = 0; byte < size; ++byte) key += static_cast<char>(random() % 3 - 1);
    add(key);
  }
  expect_sorted();
}

TEST_F(SortedRowsTest, KeysThatDifferOnlyBehindWhatTheListRemembers) {
  std::mt19937_64 random(3);
  const std::string common(200, 'x');
  for (int i = 0; i < 2'000; ++i) add(common + std::to_string(random() % 300));
  expect_sorted();
}

TEST_F(SortedRowsTest, AClearedListLearnsAnew) {
  add("one/1");
  rows_.clear();
  model_.clear();
  for (const char* key : {"b", "a", "", "c"}) add(key);
  expect_sorted();
}

}  // namespace millrace::sorted_rows_test
