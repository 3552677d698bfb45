#include <algorithm>
#include <chrono>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/operators/suppress/suppress_steps.h"
#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::suppress_windows_test {

using namespace std::chrono_literals;
using testing::Harness;
using testing::kIn;
using testing::kWindowed;
using Key = Windowed<std::string>;

constexpr Topic<Key, int64_t> kFinal{"final"};

auto counted(const auto& windows) {
  return testing::topology([=](const Stream<std::string, int64_t>& in) {
    in.group_by_key()
        .windowed_by(windows)
        .count("rows")
        .suppress("held", Suppressed::until_window_closes())
        .to(kWindowed);
  });
}

TEST(SuppressUntilWindowCloses, EmitsATimeWindowWhenEndAndGraceAreReached) {
  Harness harness(counted(TimeWindows::of(10ms).grace(5ms)));
  steps(harness, {{"a", 1, 3, ""},
                  {"a", 1, 7, ""},
                  {"b", 1, 5, ""},
                  {"b", 1, 14, ""},
                  {"a", 1, 9, ""},
                  {"b", 1, 15, "a[0,10)=3@9 b[0,10)=1@5"},
                  {"a", 1, 9, ""},  // late
                  {"c", 1, 40, "b[10,20)=2@15"}});
}

TEST(SuppressUntilWindowCloses, EmitsASlidingWindowBehindItsEnd) {
  Harness harness(counted(SlidingWindows::of_time_difference(10ms).grace(5ms)));
  steps(harness, {{"a", 1, 20, ""}, {"b", 1, 25, ""}, {"b", 1, 26, "a[10,20)=1@20"}});
}

TEST(SuppressUntilWindowCloses, EmitsASessionOnceAndNoneThatWasMerged) {
  Harness harness(counted(SessionWindows::of_inactivity_gap(10ms)));
  steps(harness, {{"a", 1, 3, ""},
                  {"a", 1, 20, "a[3,3)=1@3"},
                  {"a", 1, 28, ""},
                  {"b", 1, 38, ""},
                  {"b", 1, 39, "a[20,28)=2@28"}});
}

TEST(SuppressUntilWindowCloses, KnowsTheWindowsOfAFilteredMappedAndMaterializedTable) {
  Harness harness(testing::topology([](const auto& in) {
    in.group_by_key()
        .windowed_by(TimeWindows::of(10ms))
        .count("rows")
        .filter([](int64_t count) { return count != 2; })
        .map_values([](int64_t count) { return count * 10; })
        .materialize("tens")
        .suppress("held", Suppressed::until_window_closes())
        .to(kWindowed);
  }));
  steps(harness, {{"a", 1, 3, ""},
                  {"b", 1, 4, ""},
                  {"a", 1, 5, ""},
                  {"c", 1, 10, "b[0,10)=10@4"},
                  {"d", 1, 50, "c[10,20)=10@10"}});
}

TEST(SuppressUntilWindowCloses, NeedsTheTableOfAWindowedAggregate) {
  TopologyBuilder builder{"test"};
  builder.table(Topic<Key, int64_t>{"windows"})
      .suppress("held", Suppressed::until_window_closes())
      .to(kWindowed);
  EXPECT_EQ(std::move(builder).build().message(),
            "topology 'test': the suppressed table 'held' knows no windows: suppress the table of "
            "a windowed aggregate, or one that is filtered, mapped or materialized from it");
}

std::vector<std::string> sorted(const std::vector<testing::Out<Key, int64_t>>& records) {
  std::vector<std::string> texts;
  for (const auto& record : records) {
    texts.push_back(record.key->key + ' ' + std::to_string(record.key->start_ms) + ' ' +
                    std::to_string(record.key->end_ms) + ' ' + std::to_string(*record.value) + ' ' +
                    std::to_string(record.timestamp_ms));
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// Compares with `emit_final`, which sees the same records, also when all moves.
void expect_as_final(const auto& windows) {
  const auto both = [&] {
    return testing::topology([&](const Stream<std::string, int64_t>& in) {
      const auto windowed = in.group_by_key().windowed_by(windows);
      windowed.count("rows").suppress("held", Suppressed::until_window_closes()).to(kWindowed);
      windowed.emit_final().count("finals").to(kFinal);
    });
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    auto harness = std::make_unique<Harness>(both());
    size_t results = 0;
    for (int64_t i = 0; i < 400; ++i) {
      if (i % 61 == 60) harness = moved_with(both(), *harness, {"held", "rows", "finals"});
      const std::string key(1 + random() % 3, static_cast<char>(random() % 2));
      harness->pipe(kIn, key, 1, std::max<int64_t>(0, i * 2 - static_cast<int64_t>(random() % 30)));
      const std::vector<std::string> expected = sorted(harness->read(kFinal));
      ASSERT_EQ(sorted(harness->read(kWindowed)), expected) << "seed " << seed << " record " << i;
      results += expected.size();
    }
    EXPECT_GT(results, 100U);
  }
}

TEST(SuppressUntilWindowCloses, EmitsWhatEmitFinalEmitsAndWhen) {
  expect_as_final(TimeWindows::of(20ms).advance_by(5ms).grace(7ms));
  expect_as_final(SlidingWindows::of_time_difference(10ms).grace(5ms));
  expect_as_final(SessionWindows::of_inactivity_gap(3ms).grace(5ms));
}

}  // namespace millrace::suppress_windows_test
