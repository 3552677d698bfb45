// An index equals its store at every commit, on every path that brings rows there.
#include <random>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_fixture.h"

namespace millrace::index_test {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int kKeys = 90;

/// The words of a value.
void add_words(Bytes, Bytes value, IndexValues& values) {
  std::string_view rest = value.view();
  while (!rest.empty()) {
    const size_t space = std::min(rest.find(' '), rest.size());
    if (space > 0) values.add(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
}

/// Its length, from −20 on; values of even length have none.
void add_length(Bytes, Bytes value, IndexValues& values) {
  EXPECT_EQ(reinterpret_cast<uintptr_t>(value.data()) % 8, 0U);
  if (value.size() % 2 == 1) values.add(static_cast<int64_t>(value.size()) - 20);
}

const IndexSpec kWords{"words", IndexType::kText, &add_words};
const IndexSpec kLength{"length", IndexType::kInteger, &add_length};

std::vector<StoreSpec> specs(std::vector<IndexSpec> indexes = {kWords, kLength}) {
  StoreSpec rows = spec("rows");
  rows.indexes = std::move(indexes);
  return {rows, spec("other")};
}

Content expected(const Content& rows, const IndexSpec& index) {
  Content entries;
  for (const auto& [key, row] : rows) {
    const std::vector<char> aligned(row.first.begin(), row.first.end());
    IndexValues values;
    if (index.name == "words") add_words(Bytes(key), Bytes(row.first), values);
    if (index.name == "length" && row.first.size() % 2 == 1) {
      values.add(static_cast<int64_t>(row.first.size()) - 20);
    }
    for (const std::string& value : values.sorted()) entries[value + key] = row;
  }
  return entries;
}

void expect_index(const TaskState& state, const IndexSpec& index) {
  const std::string name = index_store_name("rows", index.name);
  EXPECT_EQ(committed(state, name), expected(committed(state, "rows"), index)) << name;
}

void expect_indexes(const TaskState& state) {
  expect_index(state, kWords);
  expect_index(state, kLength);
}

class Changes {
 public:
  explicit Changes(uint64_t seed) : random_(seed) {}

  size_t pick(size_t n) { return random_() % n; }
  std::string key() { return std::string("k\0", 2) + std::to_string(pick(kKeys)); }
  std::string value() {
    static const std::string kWordList[] = {"red",    "green", std::string("nul\0in", 6),
                                            "redder", "",      std::string(3000, 'l')};
    std::string text;
    for (size_t n = pick(4); n > 0; --n) text += kWordList[pick(std::size(kWordList))] + " ";
    return text;
  }
  void change(KeyValueStore& store) {
    if (pick(4) == 0) {
      store.erase(key(), 1);
    } else {
      store.put(key(), value(), static_cast<int64_t>(pick(1000)));
    }
  }
  void unit(TaskState& state) {
    state.begin_unit();
    for (size_t n = pick(9); n > 0; --n) change(state.store("rows"));
    if (pick(5) == 0) {
      state.undo_unit();
    } else {
      state.end_unit();
    }
  }

 private:
  std::mt19937_64 random_;
};

class IndexTest : public ::testing::TestWithParam<bool> {
 protected:
  TaskStateOptions options() const {
    return GetParam() ? disk_options(directory_.path()) : TaskStateOptions();
  }
  TempDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(BackEnds, IndexTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Disk" : "Memory"; });

TEST_P(IndexTest, EqualsItsStoreAtEveryCommit) {
  Changes changes(7);
  auto state = open_or_die(options(), specs());
  for (int64_t step = 1; step <= 150; ++step) {
    for (size_t n = changes.pick(6); n > 0; --n) changes.unit(*state);
    if (changes.pick(6) == 0) {
      state->discard();
    } else {
      commit(*state, step);
    }
    expect_indexes(*state);
    if (GetParam() && changes.pick(10) == 0) {
      EXPECT_TRUE(state->close().ok());
      state = open_or_die(options(), specs());
      expect_indexes(*state);
    }
  }
}

TEST_P(IndexTest, IsReadByValueInBothDirections) {
  auto state = open_or_die(options(), specs());
  for (const auto& [key, value] : {std::pair("a", "xyz blue"), std::pair("b", "blue."),
                                   std::pair("c", "blue"), std::pair("d", "bluest")}) {
    state->store("rows").put(key, value, 5);
  }
  commit(*state, 1);
  const auto scan = [&](const std::string& name, std::string from, std::string to, bool down,
                        size_t rows_max) {
    std::vector<std::string> found;
    const RowRange range{Bytes(from), Bytes(to), down, rows_max};
    EXPECT_TRUE(state->reader("rows/" + name)
                    ->scan(range,
                           [&](Bytes entry, Row row) {
                             const auto type =
                                 name == "words" ? IndexType::kText : IndexType::kInteger;
                             found.push_back(read_index_entry(type, entry)->row_key.to_string() +
                                             "=" + row.value.to_string());
                             return true;
                           })
                    .ok());
    return found;
  };
  std::string blue;
  append_indexed("blue", blue);
  std::string after = blue;
  ++after.back();
  EXPECT_THAT(scan("words", blue, after, false, 9), ElementsAre("a=xyz blue", "c=blue"));
  EXPECT_THAT(scan("words", blue, after, true, 1), ElementsAre("c=blue"));
  std::string prefix;
  append_indexed_prefix("blue", prefix);
  EXPECT_THAT(scan("words", prefix, prefix + "\xff", false, 9),
              ElementsAre("a=xyz blue", "c=blue", "b=blue.", "d=bluest"));
  std::string low;
  append_indexed(int64_t{-16}, low);
  std::string high;
  append_indexed(int64_t{0}, high);
  EXPECT_THAT(scan("length", low, high, false, 9), ElementsAre("b=blue."));

  const auto reader = state->reader("rows/words");
  const auto row = reader->get(blue + "c");
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->value, "blue");
  EXPECT_EQ(reader->get(blue + "b").status().code(), ErrorCode::kNotFound);
}

TEST_P(IndexTest, LeavesOutRowsForWhichItsFunctionThrows) {
  const IndexSpec picky{"picky", IndexType::kText, [](Bytes, Bytes value, IndexValues& values) {
                          values.add("before");
                          if (value.view() == "bad") throw std::invalid_argument("bad");
                        }};
  auto state = open_or_die(options(), specs({picky}));
  state->store("rows").put("a", "bad", 1);
  state->store("rows").put("b", "good", 1);
  commit(*state, 1);
  EXPECT_EQ(committed(*state, "rows/picky").size(), 1U);
  state->store("rows").put("a", "good", 1);
  state->store("rows").put("b", "bad", 1);
  commit(*state, 2);
  const Content found = committed(*state, "rows/picky");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->second.first, "good");
}

/// Feeds `count` records with offsets from `from` on.
void restore(TaskState& state, Changes& changes, int64_t from, int64_t count) {
  std::vector<std::pair<std::string, std::string>> bytes;
  for (int64_t i = 0; i < count; ++i) bytes.emplace_back(changes.key(), changes.value());
  std::vector<ChangelogRecord> records;
  for (const auto& [key, value] : bytes) {
    records.push_back({key, changes.pick(4) == 0 ? Bytes() : Bytes(value), from});
  }
  ASSERT_TRUE(state.restore("rows", records, from + count).ok());
}

TEST_P(IndexTest, IsRestoredWithItsStoreOnEveryPath) {
  Changes changes(8);
  TaskStateOptions small_runs = options();
  small_runs.restore_run_bytes = 1 << 10;  // several files
  auto state = open_or_die(small_runs, specs());
  int64_t offset = 0;
  const auto feed = [&](int64_t count) {
    restore(*state, changes, offset, count);
    offset += count;
  };
  for (int i = 0; i < 30; ++i) feed(40);
  ASSERT_TRUE(state->finish_restore().ok());
  expect_indexes(*state);
  for (int i = 0; i < 10; ++i) {  // as a standby
    feed(40);
    expect_indexes(*state);
  }
  for (int i = 0; i < 10; ++i) {
    changes.unit(*state);
    commit(*state, ++offset);
    expect_indexes(*state);
  }
  if (!GetParam()) return;
  ASSERT_TRUE(state->close().ok());
  state = open_or_die(options(), specs());
  for (int i = 0; i < 30; ++i) feed(40);  // behind what is there
  ASSERT_TRUE(state->finish_restore().ok());
  expect_indexes(*state);
}

class AddedIndexTest : public ::testing::Test {
 protected:
  static constexpr int kRows = 2'000;

  AddedIndexTest() {
    auto state = open_or_die(options(), specs({}));
    for (int i = 0; i < kRows; ++i) state->store("rows").put(key_of(i), "row " + key_of(i), 1);
    commit(*state, 1);
    EXPECT_TRUE(state->close().ok());
  }
  TaskStateOptions options() const { return disk_options(directory_.path()); }
  std::unique_ptr<TaskState> open_with_indexes() const {
    auto state = open_or_die(options(), specs());
    EXPECT_TRUE(state->finish_restore().ok());
    return state;
  }
  static std::string key_of(int i) { return std::to_string(100'000 + i); }
  static Status look(const TaskState& state) {
    return state.reader("rows/words")->scan({}, [](Bytes, Row) { return true; });
  }
  static bool build(TaskState& state) {
    const Result<bool> built = state.build_indexes();
    EXPECT_TRUE(built.ok()) << built.status().message();
    return built.ok() && *built;
  }
  TempDirectory directory_;
};

TEST_F(AddedIndexTest, IsBuiltPieceByPieceAndTellsHowFar) {
  auto state = open_with_indexes();
  Status status = look(*state);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kNotReady);
  EXPECT_THAT(status.message(), HasSubstr("index 'rows/words' is being built: 0 rows"));
  ASSERT_TRUE(build(*state));
  EXPECT_THAT(look(*state).message(), HasSubstr("512 rows"));
  int pieces = 1;
  while (build(*state)) ++pieces;
  EXPECT_EQ(pieces, 8);
  expect_indexes(*state);
}

TEST_F(AddedIndexTest, TakesInChangesWhileItIsBuilt) {
  auto state = open_with_indexes();
  Changes changes(9);
  for (int64_t offset = 2; build(*state); ++offset) {
    for (int n = 0; n < 60; ++n) {
      KeyValueStore& rows = state->store("rows");
      const std::string key = key_of(static_cast<int>(changes.pick(kRows + 50)));
      if (changes.pick(3) == 0) {
        rows.erase(key, 1);
      } else {
        rows.put(key, changes.value(), 2);
      }
    }
    commit(*state, offset);
  }
  expect_indexes(*state);
}

TEST_F(AddedIndexTest, GoesOnBuildingAfterACrash) {
  const fs::path crashed = directory_.path() / "crashed";
  {
    auto state = open_with_indexes();
    ASSERT_TRUE(build(*state));
    ASSERT_TRUE(state->close().ok());
  }
  auto state = open_with_indexes();
  EXPECT_THAT(look(*state).message(), HasSubstr("512 rows"));
  ASSERT_TRUE(build(*state));
  copy_as_a_crash(directory_.path(), crashed);
  TaskStateOptions after = options();
  after.directory = crashed;
  auto reopened = open_or_die(after, specs());
  ASSERT_TRUE(reopened->finish_restore().ok());
  while (build(*reopened)) continue;
  expect_indexes(*reopened);
}

TEST_F(AddedIndexTest, StartsOverAfterAVersionWithoutIt) {
  {
    auto state = open_with_indexes();
    while (build(*state)) continue;
    ASSERT_TRUE(state->close().ok());
  }
  {
    auto state = open_or_die(options(), specs({kLength}));
    state->store("rows").put(key_of(3), "changed meanwhile", 1);
    commit(*state, 2);
    expect_index(*state, kLength);
    ASSERT_TRUE(state->close().ok());
  }
  auto state = open_with_indexes();
  EXPECT_EQ(look(*state).code(), ErrorCode::kNotReady);
  while (build(*state)) continue;
  expect_indexes(*state);
}

TEST_F(AddedIndexTest, StartsOverWhenItsTypeHasChanged) {
  const IndexSpec texts{"words", IndexType::kText, &add_words};
  const IndexSpec numbers{"words", IndexType::kInteger, &add_length};
  for (const IndexSpec& index : {texts, numbers, texts}) {
    auto state = open_or_die(options(), specs({index}));
    ASSERT_TRUE(state->finish_restore().ok());
    EXPECT_EQ(look(*state).code(), ErrorCode::kNotReady);
    while (build(*state)) continue;
    const auto wanted =
        expected(committed(*state, "rows"), index.type == IndexType::kText ? kWords : kLength);
    EXPECT_EQ(committed(*state, "rows/words"), wanted);
    ASSERT_TRUE(state->close().ok());
  }
}

/// Its function is not pure, or was changed without another name: entries without rows remain.
TEST_F(AddedIndexTest, CountsRowsAndNotEntriesThatHaveNone) {
  const auto index_by = [](std::string begin) {
    return IndexSpec{"words", IndexType::kText,
                     [begin = std::move(begin)](Bytes key, Bytes, IndexValues& values) {
                       values.add(begin + key.to_string());
                     }};
  };
  {
    auto state = open_or_die(options(), specs({index_by("a")}));
    ASSERT_TRUE(state->finish_restore().ok());
    while (build(*state)) continue;
    ASSERT_TRUE(state->close().ok());
  }
  auto state = open_or_die(options(), specs({index_by("b")}));
  for (int i = 0; i < kRows; i += 2) state->store("rows").erase(key_of(i), 2);
  commit(*state, 2);
  size_t rows = 0;
  const RowRange range{.from = {}, .to = {}, .is_descending = false, .rows_max = 700};
  ASSERT_TRUE(state->reader("rows/words")
                  ->scan(range,
                         [&](Bytes, Row) {
                           ++rows;
                           return true;
                         })
                  .ok());
  EXPECT_EQ(rows, 700U);
}

TEST(IndexEntryTest, OrdersValuesAndReadsThemBack) {
  const auto text = [](std::string_view value) {
    std::string bytes;
    append_indexed(value, bytes);
    return bytes;
  };
  const auto number = [](int64_t value) {
    std::string bytes;
    append_indexed(value, bytes);
    return bytes;
  };
  EXPECT_LT(text(""), text(std::string_view("\0", 1)));
  EXPECT_LT(text("a"), text(std::string_view("a\0b", 3)));
  EXPECT_LT(text(std::string_view("a\0b", 3)), text("a\x01"));
  EXPECT_LT(text("a") + "zzz", text("aa"));
  EXPECT_LT(number(INT64_MIN), number(-1));
  EXPECT_LT(number(-1), number(0));
  EXPECT_LT(number(0), number(INT64_MAX));
  const std::string with_nul("x\0y", 3);
  const std::string with_key = text(with_nul) + "key";
  const auto entry = read_index_entry(IndexType::kText, Bytes(with_key));
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->text, with_nul);
  EXPECT_EQ(entry->row_key.view(), "key");
  const std::string bytes = number(-42) + "key";
  EXPECT_EQ(read_index_entry(IndexType::kInteger, Bytes(bytes))->number, -42);
  EXPECT_EQ(text(std::string(5'000, 'a')), text(std::string(kIndexTextBytesMax, 'a')));
  for (const std::string_view broken : {"abc", "abc\0", "", "ab\0x"}) {
    EXPECT_FALSE(read_index_entry(IndexType::kText, Bytes(broken)).has_value());
  }
  EXPECT_FALSE(read_index_entry(IndexType::kInteger, Bytes("1234567")).has_value());
}

}  // namespace millrace::index_test
