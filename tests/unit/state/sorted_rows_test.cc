#include "sorted_rows.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace {
namespace {

struct Keyed {
  std::string key;
  int64_t number = 0;  ///< in the order of adding
  auto operator<=>(const Keyed&) const = default;
};

/// Rows whose timestamps are their numbers.
class SortedRowsTest : public ::testing::Test {
 protected:
  void add(const std::string& key) {
    const auto number = static_cast<int64_t>(model_.size());
    const size_t bytes = StoredRow::bytes(key.size(), 0);
    blocks_.push_back(std::make_unique<uint64_t[]>(bytes / sizeof(uint64_t) + 1));
    rows_.add(StoredRow::create(blocks_.back().get(), 0, Bytes(key), Row{Bytes(""), number},
                                RowState::kClean));
    model_.push_back({key, number});
  }
  std::vector<Keyed> content() const {
    std::vector<Keyed> content;
    for (const SortedRow& sorted : rows_.rows()) {
      content.push_back({sorted.row->key().to_string(), sorted.row->timestamp_ms});
    }
    return content;
  }
  void expect_sorted_and_newest() {
    std::sort(model_.begin(), model_.end());
    rows_.sort();
    EXPECT_EQ(content(), model_);
    std::vector<Keyed> newest;
    for (const Keyed& row : model_) {
      if (!newest.empty() && newest.back().key == row.key) newest.pop_back();
      newest.push_back(row);
    }
    rows_.keep_newest();
    EXPECT_EQ(content(), newest);
  }

  SortedRows rows_;
  std::vector<Keyed> model_;
  std::vector<std::unique_ptr<uint64_t[]>> blocks_;
};

TEST_F(SortedRowsTest, KeysThatDifferInTheirLastEightBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5'000; ++i) add("account-" + std::to_string(10'000'000 + random() % 900));
  expect_sorted_and_newest();
}

TEST_F(SortedRowsTest, KeysOfAnyLengthAndBytes) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 5'000; ++i) {
    std::string key = random() % 3 == 0 ? "a longer common beginning/" : "";
    const auto size = random() % 4;
    for (size_t byte = 0; byte < size; ++byte) key += static_cast<char>(random() % 3 - 1);
    add(key);
  }
  expect_sorted_and_newest();
}

TEST_F(SortedRowsTest, KeysThatDifferOnlyBehindWhatTheListRemembers) {
  std::mt19937_64 random(3);
  const std::string common(200, 'x');
  for (int i = 0; i < 2'000; ++i) add(common + std::to_string(random() % 300));
  expect_sorted_and_newest();
}

TEST_F(SortedRowsTest, AClearedListLearnsAnew) {
  add("one/1");
  rows_.clear();
  model_.clear();
  for (const char* key : {"b", "a", "", "b"}) add(key);
  expect_sorted_and_newest();
}

}  // namespace
}  // namespace millrace
