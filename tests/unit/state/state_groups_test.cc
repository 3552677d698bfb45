// Scans where keys have NULs, beside a plain map: whatever the bounds, what filters say about
// groups leaves no row out.
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "state/rows/key_group.h"
#include "state_fixture.h"

namespace millrace::state_groups_test {

using std::string_literals::operator""s;

constexpr int kReopenings = 6;
constexpr int kWritesEach = 400;
constexpr int kScans = 4000;

class GroupsTest : public ::testing::Test {
 protected:
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  /// Short, of few bytes: many share their beginnings, and NULs stand anywhere.
  std::string text() {
    static constexpr std::string_view kLetters("\0\0\1ab\xff", 6);
    std::string out;
    for (size_t n = pick(6); n > 0; --n) out += kLetters[pick(kLetters.size())];
    return out;
  }
  void write(TaskState& state) {
    KeyValueStore& store = state.store("rows");
    for (int i = 0; i < kWritesEach; ++i) {
      const std::string key = text();
      state.begin_unit();
      if (pick(3) == 0) {
        store.erase(key, 1);
        rows_.erase(key);
      } else {
        store.put(key, key, 1);
        rows_.insert(key);
      }
      state.end_unit();
    }
    state.freeze();
    TaskPositions positions;
    positions.changelog_end["rows"] = ++commits_;
    positions.committed_at_ms = 1;
    ASSERT_TRUE(state.apply_frozen(positions).ok());
  }
  static std::vector<std::string> keys_of(std::unique_ptr<StoreIterator> it) {
    std::vector<std::string> keys;
    for (; it->valid(); it->next()) keys.push_back(it->key().to_string());
    return keys;
  }
  std::vector<std::string> expected(const std::string& from, const std::string& to) const {
    return {rows_.lower_bound(from), to > from ? rows_.lower_bound(to) : rows_.lower_bound(from)};
  }

  TempDirectory directory_;
  std::mt19937 random_{1};
  std::set<std::string> rows_;
  int64_t commits_ = 0;
};

TEST_F(GroupsTest, ScansOverFilesAndMemtablesFindEveryRow) {
  const TaskStateOptions options = disk_options(directory_.path());
  // Each closing leaves a file.
  for (int i = 0; i < kReopenings; ++i) {
    const auto state = open_or_die(options, {spec("rows")});
    write(*state);
    ASSERT_TRUE(state->close().ok());
  }
  auto state = open_or_die(options, {spec("rows")});
  write(*state);
  KeyValueStore& store = state->store("rows");
  size_t in_one_group = 0;
  for (int i = 0; i < kScans; ++i) {
    const std::string from = text();
    const std::string to = text();
    in_one_group += is_in_one_group(Bytes(from), Bytes(to)) ? 1 : 0;
    ASSERT_EQ(keys_of(store.range(from, to)), expected(from, to)) << i;
    std::vector<std::string> with_prefix;
    for (const std::string& key : rows_) {
      if (key.starts_with(from)) with_prefix.push_back(key);
    }
    ASSERT_EQ(keys_of(store.prefix(from)), with_prefix) << i;
  }
  EXPECT_GT(in_one_group, 20U);
}

TEST(Groups, RangeIsInOneGroupIfAllKeysInItAre) {
  const auto in_one = [](const std::string& from, const std::string& to) {
    return is_in_one_group(Bytes(from), Bytes(to));
  };
  EXPECT_TRUE(in_one("ab\0"s, "ab\1"s));
  EXPECT_TRUE(in_one("ab\0cd\0"s, "ab\0cd\1"s));
  EXPECT_TRUE(in_one("ab\0c"s, "ab\0d"s));
  EXPECT_TRUE(in_one("\0"s, "\1"s));
  EXPECT_FALSE(in_one("ab\0"s, "ab\1\0"s)) << "ab\\1 is in between";
  EXPECT_FALSE(in_one("ab\0"s, "ab\2"s));
  EXPECT_FALSE(in_one("ab\0"s, "ac\0"s));
  EXPECT_FALSE(in_one("ab\0"s, "b"s));
  EXPECT_FALSE(in_one("ab"s, "ac"s)) << "no group";
  EXPECT_FALSE(is_in_one_group(Bytes("ab\0"s), Bytes()));
  EXPECT_FALSE(is_in_one_group(Bytes(), Bytes("ab\1"s)));
}

}  // namespace millrace::state_groups_test
