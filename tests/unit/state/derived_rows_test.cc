// The changelog has no derived rows, and a restore makes them, on every path that brings rows
// there.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/state/timer_queue.h"

#include "state_fixture.h"

namespace millrace::derived_rows_test {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr int kKeys = 60;

/// A row "k…" has the words of its value below it: "w", word, space, key → the word's length.
void derive_words(Bytes key, Bytes value, const DerivedRows::Add& add) {
  EXPECT_EQ(reinterpret_cast<uintptr_t>(value.data()) % 8, 0U);
  std::string_view rest = value.view();
  while (!rest.empty()) {
    const size_t space = std::min(rest.find(' '), rest.size());
    const std::string word(rest.substr(0, space));
    add(Bytes("w" + word + " " + key.to_string()), Bytes(std::to_string(word.size())));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
}

bool is_word(Bytes key) {
  return key.view().starts_with('w');
}

std::vector<StoreSpec> specs() {
  StoreSpec rows = spec("rows");
  rows.derived_rows = DerivedRows{.is_derived = &is_word, .derive = &derive_words};
  return {rows, spec("other")};
}

using Log = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Commits what is dirty; adds what the changelog gets to `log`.
void commit_to(Log& log, TaskState& state) {
  state.freeze();
  state.for_each_frozen("rows", [&](const ChangelogRecord& record) {
    EXPECT_FALSE(is_word(record.key)) << record.key.to_string();
    log.emplace_back(record.key.to_string(), record.value.is_null()
                                                 ? std::nullopt
                                                 : std::optional(record.value.to_string()));
  });
  ASSERT_TRUE(state.apply_frozen(positions_at(static_cast<int64_t>(log.size()))).ok());
}

void restore(TaskState& state, const Log& log, size_t from, size_t to) {
  std::vector<ChangelogRecord> records;
  for (size_t i = from; i < to; ++i) {
    const auto& [key, value] = log[i];
    records.push_back({Bytes(key), value ? Bytes(*value) : Bytes(), 7});
  }
  ASSERT_TRUE(state.restore("rows", records, static_cast<int64_t>(to)).ok());
}

/// Writes rows and what follows from them, as a processor does.
class Writer {
 public:
  explicit Writer(uint64_t seed) : random_(seed) {}

  size_t pick(size_t n) { return random_() % n; }
  void unit(TaskState& state) {
    state.begin_unit();
    for (size_t n = pick(9); n > 0; --n) change(state.store("rows"));
    if (pick(5) == 0) {
      state.undo_unit();
    } else {
      state.end_unit();
    }
  }
  void change(KeyValueStore& store) {
    const std::string key = "k" + std::to_string(pick(kKeys));
    const Row before = store.get(Bytes(key));
    if (before) {
      const std::string value = before.value.to_string();
      std::vector<std::string> gone;
      derive(key, value, [&](Bytes derived, Bytes) { gone.push_back(derived.to_string()); });
      for (const std::string& derived : gone) store.erase(Bytes(derived), 7);
    }
    if (pick(4) == 0) return store.erase(Bytes(key), 7);
    std::string value;
    static const std::string kWords[] = {"red", "green", "", std::string(2000, 'l')};
    for (size_t n = pick(4); n > 0; --n) value += kWords[pick(std::size(kWords))] + " ";
    store.put(Bytes(key), Bytes(value), 7);
    derive(key, value, [&](Bytes derived, Bytes its) { store.put(derived, its, 7); });
  }

 private:
  static void derive(const std::string& key, const std::string& value,
                     const DerivedRows::Add& add) {
    std::vector<uint64_t> words(value.size() / sizeof(uint64_t) + 1);
    std::copy(value.begin(), value.end(), reinterpret_cast<char*>(words.data()));
    derive_words(Bytes(key), Bytes(reinterpret_cast<const char*>(words.data()), value.size()), add);
  }

  std::mt19937_64 random_;
};

class DerivedRowsTest : public ::testing::TestWithParam<bool> {
 protected:
  TaskStateOptions options(const TempDirectory& directory) const {
    return GetParam() ? disk_options(directory.path()) : TaskStateOptions();
  }
  TempDirectory directory_;
  TempDirectory other_;
};

INSTANTIATE_TEST_SUITE_P(BackEnds, DerivedRowsTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Disk" : "Memory"; });

TEST_P(DerivedRowsTest, AreMadeAgainByARestoreAndByAStandby) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    TempDirectory owners;
    TempDirectory followers;
    Writer writer(seed);
    Log log;
    size_t restored = 0;
    const auto owner = open_or_die(options(owners), specs());
    const auto follower = open_or_die(options(followers), specs());
    for (int step = 0; step < 40; ++step) {
      for (size_t n = writer.pick(6); n > 0; --n) writer.unit(*owner);
      commit_to(log, *owner);
      if (writer.pick(3) != 0) continue;
      restore(*follower, log, restored, log.size());
      restored = log.size();
      if (writer.pick(2) == 0) {
        ASSERT_TRUE(follower->finish_restore().ok());
        ASSERT_EQ(committed(*follower, "rows"), committed(*owner, "rows")) << "seed " << seed;
        ASSERT_EQ(content_of(follower->store("rows")), content_of(owner->store("rows")));
      }
    }
    restore(*follower, log, restored, log.size());
    ASSERT_TRUE(follower->finish_restore().ok());
    ASSERT_EQ(committed(*follower, "rows"), committed(*owner, "rows")) << "seed " << seed;
  }
}

TEST_P(DerivedRowsTest, OfAnEarlierVersionInAChangelogAreLeftOut) {
  const auto state = open_or_die(options(directory_), specs());
  const Log log{{"wstale k1", "5"}, {"k1", "red "}, {"wred k1", "9"}};
  restore(*state, log, 0, log.size());
  ASSERT_TRUE(state->finish_restore().ok());
  EXPECT_THAT(committed(*state, "rows"),
              ElementsAre(Pair("k1", Pair("red ", 7)), Pair("wred k1", Pair("3", 7))));
  EXPECT_EQ(state->positions().changelog_end.at("rows"), 3);
}

TEST_P(DerivedRowsTest, ThatAreNoneOfTheirStoreAreLeftOut) {
  StoreSpec rows = spec("rows");
  rows.derived_rows = DerivedRows{
      .is_derived = &is_word,
      .derive = [](Bytes, Bytes value, const DerivedRows::Add& add) { add(value, Bytes("")); }};
  const auto state = open_or_die(options(directory_), {rows});
  restore(*state, {{"k1", "k2"}, {"k3", "w"}}, 0, 2);
  ASSERT_TRUE(state->finish_restore().ok());
  EXPECT_THAT(
      committed(*state, "rows"),
      ElementsAre(Pair("k1", Pair("k2", 7)), Pair("k3", Pair("w", 7)), Pair("w", Pair("", 7))));
}

TEST_P(DerivedRowsTest, AreCompleteAfterACrashBetweenTwoRunsOfARestore) {
  if (!GetParam()) GTEST_SKIP() << "memory has no crash";
  Writer writer(3);
  Log log;
  const auto owner = open_or_die(TaskStateOptions(), specs());
  for (int step = 0; step < 200; ++step) {
    writer.unit(*owner);
    commit_to(log, *owner);
  }
  TaskStateOptions restoring = options(directory_);
  restoring.restore_run_bytes = 20'000;
  const auto state = open_or_die(restoring, specs());
  for (size_t i = 0; i < log.size(); ++i) restore(*state, log, i, i + 1);
  copy_as_a_crash(directory_.path(), other_.path());
  const auto after = open_or_die(options(other_), specs());
  const auto end = after->positions().changelog_end.find("rows");
  ASSERT_NE(end, after->positions().changelog_end.end()) << "no run was written";
  const auto begin = static_cast<size_t>(end->second);
  restore(*after, log, begin, log.size());
  ASSERT_TRUE(after->finish_restore().ok());
  EXPECT_EQ(committed(*after, "rows"), committed(*owner, "rows"));
}

TEST_P(DerivedRowsTest, OfATimerFireAfterARestore) {
  StoreSpec timers = spec("rows");
  timers.timers = TimeKind::kWall;
  std::vector<std::pair<std::string, std::string>> log;
  {
    const auto state = open_or_die(TaskStateOptions(), {timers});
    TimerQueue queue(state->store("rows"));
    queue.set(Bytes("a"), 1, 20, 7);
    queue.set(Bytes("a"), 1, 30, 7);
    queue.set(Bytes("b"), 2, 10, 7);
    queue.set(Bytes("c"), 3, 5, 7);
    queue.cancel(Bytes("c"), 3, 7);
    state->freeze();
    state->for_each_frozen("rows", [&](const ChangelogRecord& record) {
      if (!record.value.is_null()) {
        log.emplace_back(record.key.to_string(), record.value.to_string());
      }
    });
  }
  EXPECT_EQ(log.size(), 2U) << "one record a timer";
  const auto state = open_or_die(options(directory_), {timers});
  std::vector<ChangelogRecord> records;
  for (const auto& [key, value] : log) records.push_back({Bytes(key), Bytes(value), 7});
  ASSERT_TRUE(state->restore("rows", records, 2).ok());
  ASSERT_TRUE(state->finish_restore().ok());
  TimerQueue queue(state->store("rows"));
  std::vector<std::pair<std::string, int64_t>> fired;
  for (queue.load(); queue.next_due_ms() != TimerQueue::kNever; queue.load()) {
    TimerQueue::Taken taken;
    queue.take(taken, 7);
    fired.emplace_back(taken.key, taken.time_ms);
  }
  EXPECT_THAT(fired, ElementsAre(Pair("b", 10), Pair("a", 30)));
}

}  // namespace millrace::derived_rows_test
