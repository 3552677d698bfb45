#include "state/rows/latest_rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::latest_rows_test {

using Content = std::vector<std::pair<std::string, std::optional<std::string>>>;

std::optional<std::string> text_of(Bytes value) {
  return value.is_null() ? std::nullopt : std::optional(value.to_string());
}

/// The latest rows beside a plain map.
class LatestRowsTest : public ::testing::Test {
 protected:
  void add_random(std::mt19937_64& random, size_t count, size_t keys, size_t value_max) {
    std::vector<std::pair<std::string, std::optional<std::string>>> made;
    for (size_t i = 0; i < count; ++i) {
      made.emplace_back("key/" + std::to_string(random() % keys),
                        random() % 5 == 0 ? std::nullopt
                                          : std::optional(std::string(random() % value_max, 'v') +
                                                          std::to_string(i)));
    }
    std::vector<ChangelogRecord> records;
    for (const auto& [key, value] : made) {
      records.push_back({key, value ? Bytes(*value) : Bytes(), 0});
      model_[key] = value;
    }
    rows_.add(records);
  }
  void expect_as_model() {
    Content content;
    const SortedRows sorted = rows_.sorted();
    for (const SortedRow& row : sorted.rows()) {
      content.emplace_back(row.row->key().to_string(), text_of(row.row->value()));
    }
    EXPECT_EQ(content, Content(model_.begin(), model_.end()));
    EXPECT_EQ(rows_.size(), model_.size());
  }

  LatestRows rows_;
  std::map<std::string, std::optional<std::string>> model_;
};

TEST_F(LatestRowsTest, OfEveryKeyTheLatestStays) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    add_random(random, 1'000, 3'000, 100);
    expect_as_model();
  }
}

TEST_F(LatestRowsTest, CompactingKeepsEveryRow) {
  std::mt19937_64 random(2);
  size_t most = 0;
  for (size_t i = 1; i <= 50; ++i) {
    add_random(random, 1'000, 300, 100 * i);  // longer and longer: in place they do not fit
    most = std::max(most, rows_.bytes());
    if (!rows_.is_loose()) continue;
    const size_t before = rows_.bytes();
    rows_.compact();
    EXPECT_LT(rows_.bytes(), before);
    expect_as_model();
  }
  EXPECT_LT(most, size_t{16} << 20);  // all values together are above 80 MB
  expect_as_model();
}

TEST_F(LatestRowsTest, RowsThatFitTakeThePlaceOfThoseBefore) {
  const std::string value(200, 'v');
  std::vector<ChangelogRecord> records;
  for (int i = 0; i < 100; ++i) records.push_back({"the key", value, i});
  rows_.add(records);
  const size_t once = rows_.bytes();
  for (int i = 0; i < 1'000; ++i) rows_.add(records);
  EXPECT_EQ(rows_.bytes(), once);
  EXPECT_EQ(rows_.sorted().rows().front().row->timestamp_ms, 99);
}

}  // namespace millrace::latest_rows_test
