#include <chrono>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "operators/windows/own_rows.h"
#include "tests/unit/operators/windows/window_steps.h"

namespace millrace::window_restore_test {

using namespace std::chrono_literals;
using operators::is_own_row;
using operators::rows_by_end;
using testing::Harness;
using testing::kIn;
using testing::kWindowed;

using Define = std::function<void(const Stream<std::string, int64_t>&)>;

const std::vector<Define>& topologies() {
  static const std::vector<Define> all{
      [](const auto& in) {
        in.group_by_key()
            .windowed_by(TimeWindows::of(20ms).advance_by(5ms).grace(7ms))
            .count("rows")
            .to(kWindowed);
      },
      [](const auto& in) {
        in.group_by_key()
            .windowed_by(TimeWindows::of(20ms).grace(7ms).retention(60ms))
            .emit_final()
            .count("rows")
            .to(kWindowed);
      },
      [](const auto& in) {
        in.group_by_key()
            .windowed_by(SlidingWindows::of_time_difference(10ms).grace(5ms))
            .emit_final()
            .count("rows")
            .to(kWindowed);
      },
      [](const auto& in) {
        in.group_by_key()
            .windowed_by(SessionWindows::of_inactivity_gap(6ms).grace(5ms).retention(40ms))
            .count("rows")
            .to(kWindowed);
      },
      [](const auto& in) {
        in.group_by_key()
            .windowed_by(SessionWindows::of_inactivity_gap(6ms).grace(5ms))
            .emit_final()
            .count("rows")
            .to(kWindowed);
      },
  };
  return all;
}

struct Input {
  std::string key;
  int64_t time_ms = 0;
};

std::vector<Input> random_inputs(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Input> inputs;
  for (int64_t i = 0; i < 400; ++i) {
    const std::string key(1 + random() % 3, static_cast<char>(random() % 2));
    inputs.push_back({key, std::max<int64_t>(0, i * 2 - static_cast<int64_t>(random() % 30))});
  }
  return inputs;
}

/// As a restore makes it of the rows that are in the changelog.
std::unique_ptr<Harness> restored(const Define& define, const Harness& before) {
  auto after = std::make_unique<Harness>(testing::topology(define));
  for (const auto& [key, row] : before.store("rows")) {
    if (rows_by_end().is_derived(Bytes(key))) continue;
    after->restore("rows", Bytes(key), Bytes(row.first), row.second);
    rows_by_end().derive(Bytes(key), Bytes(row.first), [&](Bytes derived, Bytes value) {
      after->restore("rows", derived, value, row.second);
    });
  }
  return after;
}

auto counting(const auto& windows) {
  return [=](const Stream<std::string, int64_t>& in) {
    in.group_by_key().windowed_by(windows).count("rows").to(kWindowed);
  };
}

std::vector<std::string> keys_of(const Harness& harness) {
  std::vector<std::string> keys;
  for (const auto& [key, row] : harness.store("rows")) keys.push_back(key);
  return keys;
}

TEST(WindowsThatMove, ContinueFromTheirChangelogAsIfTheyHadStayed) {
  for (size_t kind = 0; kind < topologies().size(); ++kind) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      const Define& define = topologies()[kind];
      const std::vector<Input> inputs = random_inputs(seed);
      Harness stays(testing::topology(define));
      auto moves = std::make_unique<Harness>(testing::topology(define));
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (i % 37 == 0) {
          auto next = restored(define, *moves);
          ASSERT_EQ(keys_of(*next), keys_of(*moves)) << "kind " << kind << " seed " << seed;
          moves = std::move(next);
        }
        stays.pipe(kIn, inputs[i].key, 1, inputs[i].time_ms);
        moves->pipe(kIn, inputs[i].key, 1, inputs[i].time_ms);
        ASSERT_TRUE(moves->read(kWindowed) == stays.read(kWindowed))
            << "kind " << kind << " seed " << seed << " record " << i;
      }
    }
  }
}

TEST(WindowsOfAnotherProgram, StayClosedWithALongerGrace) {
  const auto final_by = [](const TimeWindows& windows) -> Define {
    return [=](const auto& in) {
      in.group_by_key().windowed_by(windows).emit_final().count("rows").to(kWindowed);
    };
  };
  Harness before(testing::topology(final_by(TimeWindows::of(10ms))));
  steps(before, {{"a", 1, 95, ""}, {"b", 1, 105, "a[90,100)=1@95"}});
  const auto after = restored(final_by(TimeWindows::of(10ms).grace(50ms)), before);
  steps(*after, {{"a", 1, 75, ""}, {"a", 1, 101, ""}});
  EXPECT_EQ(after->dropped("late"), 1);
  steps(*after, {{"c", 1, 500, "a[100,110)=1@101 b[100,110)=1@105"}, {"c", 1, 501, ""}});
  EXPECT_EQ(windows_in(*after, "rows"), "c[500,510)");
}

TEST(WindowsOfAnotherProgram, GoThoughTheirNeighboursWentBefore) {
  Harness before(testing::topology(counting(TimeWindows::of(10ms))));
  steps(before, {{"a", 1, 5, "a[0,10)=1@5"}, {"a", 1, 500, "a[500,510)=1@500"}});
  EXPECT_EQ(windows_in(before, "rows"), "a[500,510)");
  const auto after = restored(counting(TimeWindows::of(10ms).grace(1s)), before);
  steps(*after, {{"a", 1, 5, "a[0,10)=1@5"}, {"a", 1, 9'000, "a[9000,9010)=1@9000"}});
  EXPECT_EQ(windows_in(*after, "rows"), "a[9000,9010)");
}

TEST(WindowsOfAnotherProgram, AreNoneOfAnotherTimeDifference) {
  Harness before(testing::topology(counting(SlidingWindows::of_time_difference(10ms))));
  steps(before, {{"a", 1, 100, "a[90,100)=1@100"}});
  const auto after = restored(counting(SlidingWindows::of_time_difference(20ms)), before);
  steps(*after, {{"a", 1, 105, "a[85,105)=1@105"}});
  EXPECT_EQ(windows_in(*after, "rows"), "a[85,105) a[90,100)");
  steps(*after, {{"a", 1, 1'000, "a[980,1000)=1@1000"}});
  EXPECT_EQ(windows_in(*after, "rows"), "a[980,1000)");
}

TEST(ForgedWindows, EndWhereTimesCanBeAdded) {
  using Key = Windowed<std::string>;
  EXPECT_FALSE(Serde<Key>::validate(Bytes(Harness::encoded<Key>({"a", 5, INT64_MAX}))).ok());
  Harness harness(testing::topology(counting(SessionWindows::of_inactivity_gap(10ms))));
  harness.restore("rows", Bytes(Harness::encoded<Key>({"a", kEventTimeMaxMs, kEventTimeMaxMs + 9})),
                  Bytes(Harness::encoded<int64_t>(1)), 0);
  harness.pipe(kIn, "a", 1, kEventTimeMaxMs);
  const auto results = harness.read(kWindowed);
  ASSERT_EQ(results.size(), 2U);
  for (const auto& result : results) EXPECT_EQ(result.timestamp_ms, kEventTimeMaxMs);
}

TEST(OwnRows, AreNoWindowsAndFindTheirsByEnd) {
  for (const std::string& key : {std::string(), std::string("\xff\xff\x00", 3), std::string("a")}) {
    const std::string windowed = Harness::encoded<Windowed<std::string>>({key, 5, 15});
    EXPECT_FALSE(is_own_row(Bytes(windowed)));
    std::string by_end;
    operators::make_end_key(Bytes(windowed), by_end);
    EXPECT_TRUE(is_own_row(Bytes(by_end)));
    EXPECT_FALSE(Serde<Windowed<std::string>>::is_row(Bytes(by_end)));
    std::string found;
    EXPECT_EQ(operators::read_end_key(Bytes(by_end), found), 15);
    EXPECT_EQ(found, windowed);
  }
}

}  // namespace millrace::window_restore_test
