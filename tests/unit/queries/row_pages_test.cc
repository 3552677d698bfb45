#include "engine/queries/row_pages.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::engine::row_pages_test {

/// Three tasks in memory.
class Stored final : public Queries {
 public:
  std::vector<std::map<std::string, std::string>> tasks_rows =
      std::vector<std::map<std::string, std::string>>(3);
  mutable size_t visited = 0;

  Result<StoreAnswer> get(std::string_view, Bytes, Bytes) const override { return StoreAnswer(); }
  Result<std::vector<StatePosition>> scan(std::string_view, const RowRange&,
                                          const RowVisitor&) const override {
    return std::vector<StatePosition>();
  }
  Result<StatePosition> scan_partition(std::string_view, int32_t partition, const RowRange& range,
                                       const RowVisitor& visit) const override {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [key, value] : tasks_rows[static_cast<size_t>(partition)]) {
      if (!range.from.is_null() && Bytes(key) < range.from) continue;
      if (!range.to.is_null() && !(Bytes(key) < range.to)) continue;
      rows.emplace_back(key, value);
    }
    if (range.is_descending) std::ranges::reverse(rows);
    if (rows.size() > range.rows_max) rows.resize(range.rows_max);
    for (const auto& [key, value] : rows) {
      ++visited;
      if (!visit({0, partition}, Bytes(key), {Bytes(value), 1})) break;
    }
    return StatePosition{.task = {0, partition}, .inputs = {}, .changelogs = {}};
  }
  Result<int32_t> partitions_of(std::string_view) const override { return 3; }
  std::vector<TaskInfo> tasks() const override { return {}; }
  const Queries& with_standbys() const override { return *this; }
};

/// "key@partition" of all pages.
std::vector<std::string> read_all(const Queries& queries, PageQuestion question) {
  std::vector<std::string> seen;
  for (int pages = 0; pages < 1'000; ++pages) {
    const Result<RowPage> page = read_page(queries, question);
    EXPECT_TRUE(page.ok()) << page.message();
    if (!page.ok()) break;
    EXPECT_LE(page->rows.size(), question.rows_max);
    EXPECT_EQ(page->positions.size(), 3U);
    for (const auto& row : page->rows) {
      seen.push_back(row.key + "@" + std::to_string(row.task.partition));
    }
    if (page->next.empty()) return seen;
    question.page = page->next;
  }
  ADD_FAILURE() << "the pages do not end";
  return seen;
}

TEST(RowPages, HaveEachRowOnceInOrder) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Stored stored;
    std::vector<std::pair<std::string, int>> all;
    for (int i = 0; i < 40; ++i) {
      const auto partition = static_cast<int>(random() % 3);
      std::string key(1 + random() % 3, static_cast<char>(random() % 4 == 0 ? 0xff : 'a'));
      key.back() = static_cast<char>('a' + random() % 6);
      if (stored.tasks_rows[static_cast<size_t>(partition)].emplace(key, "v").second) {
        all.emplace_back(key, partition);
      }
    }
    PageQuestion question{
        .store = "rows", .is_descending = round % 2 == 0, .rows_max = 1 + random() % 9};
    if (round % 3 == 0) question.from = "b";
    if (round % 5 == 0) question.to = std::string("\xff\x62");
    std::erase_if(all, [&](const auto& row) {
      return (question.from && Bytes(row.first) < Bytes(*question.from)) ||
             (question.to && !(Bytes(row.first) < Bytes(*question.to)));
    });
    std::ranges::stable_sort(all, {}, [](const auto& row) { return row.second; });
    std::ranges::stable_sort(all, [&](const auto& a, const auto& b) {
      return question.is_descending ? Bytes(b.first) < Bytes(a.first)
                                    : Bytes(a.first) < Bytes(b.first);
    });
    std::vector<std::string> expected;
    for (const auto& [key, partition] : all) {
      expected.push_back(key + "@" + std::to_string(partition));
    }
    ASSERT_EQ(read_all(stored, question), expected) << "round " << round;
  }
}

TEST(RowPages, ReadNoMoreThanAPageOfEachTask) {
  Stored stored;
  for (int i = 0; i < 1'000; ++i) stored.tasks_rows[0][std::to_string(i)] = "v";
  for (int i = 0; i < 1'000; ++i) stored.tasks_rows[2][std::to_string(i)] = "v";
  ASSERT_TRUE(read_page(stored, {.store = "rows", .rows_max = 10}).ok());
  EXPECT_EQ(stored.visited, 20U);
}

TEST(RowPages, AnotherTextThanTheNextOfAPageIsAnError) {
  const Stored stored;
  for (const char* page : {"x", "1", "1.", ".61", "1.6", "1.6g", "1.AA", "-"}) {
    const bool is_empty_key = std::string(page) == "1.";
    EXPECT_EQ(read_page(stored, {.store = "rows", .page = page}).ok(), is_empty_key) << page;
  }
}

}  // namespace millrace::engine::row_pages_test
