// Joins of two streams against a list that is searched from its beginning for each record, also
// while their rows move between harnesses.
#include <algorithm>
#include <chrono>
#include <random>
#include <tuple>

#include <gtest/gtest.h>

#include "operators/stream_joins/join_order.h"
#include "tests/unit/operators/stream_joins/join_steps.h"

namespace millrace::stream_join_oracle_test {

using namespace std::chrono_literals;
using operators::JoinKind;
using testing::Harness;
using testing::joined;
using testing::JoinStep;
using testing::read_joined;
using testing::records_in;
using testing::steps;

/// Says by definition what a join emits.
class Oracle {
 public:
  Oracle(JoinKind kind, const operators::JoinWindowSpec& windows)
      : kind_(kind), windows_(windows) {}

  /// The results of a record, as a step has them.
  std::string next(const JoinStep& step) {
    time_ms_ = std::max(time_ms_, step.timestamp_ms);
    results_.clear();
    Kept record{step, end_of(step)};
    if (is_closed(record)) {
      ++late_;
    } else {
      join(record);
      all_.push_back(record);
    }
    emit_unjoined();
    return results_;
  }
  int late() const { return late_; }

 private:
  struct Kept {
    JoinStep step;
    int64_t end_ms = 0;
    bool is_out = false;  ///< it joined another, or was emitted
  };

  int64_t end_of(const JoinStep& step) const {
    const int64_t ahead_ms = step.side == "l" ? windows_.after_ms : windows_.before_ms;
    return step.timestamp_ms + std::max<int64_t>(ahead_ms, 0);
  }
  bool is_closed(const Kept& record) const { return record.end_ms + windows_.grace_ms < time_ms_; }

  void join(Kept& record) {
    std::vector<Kept*> others;
    for (Kept& other : all_) {
      if (other.step.side == record.step.side || other.step.key != record.step.key) continue;
      const bool is_left = record.step.side == "l";
      const int64_t right_minus_left_ms =
          (is_left ? 1 : -1) * (other.step.timestamp_ms - record.step.timestamp_ms);
      const bool fits =
          right_minus_left_ms >= -windows_.before_ms && right_minus_left_ms <= windows_.after_ms;
      if (fits && !is_closed(other)) others.push_back(&other);
    }
    std::stable_sort(others.begin(), others.end(), [](const Kept* a, const Kept* b) {
      return a->step.timestamp_ms < b->step.timestamp_ms;
    });
    for (Kept* const other : others) {
      const bool is_left = record.step.side == "l";
      const JoinStep& left = is_left ? record.step : other->step;
      const JoinStep& right = is_left ? other->step : record.step;
      add(left.key, std::to_string(left.value) + "+" + std::to_string(right.value),
          std::max(left.timestamp_ms, right.timestamp_ms));
      record.is_out = other->is_out = true;
    }
  }

  void emit_unjoined() {
    std::vector<Kept*> due;
    for (Kept& record : all_) {
      const bool is_outer =
          kind_ == JoinKind::kOuter || (kind_ == JoinKind::kLeft && record.step.side == "l");
      if (is_outer && !record.is_out && is_closed(record)) due.push_back(&record);
    }
    std::stable_sort(due.begin(), due.end(), [](const Kept* a, const Kept* b) {
      const auto order = [](const Kept& record) {
        return std::tuple(record.end_ms, record.step.timestamp_ms, record.step.side == "l",
                          record.step.key);
      };
      return order(*a) < order(*b);
    });
    for (Kept* const record : due) {
      record->is_out = true;
      const std::string value = std::to_string(record->step.value);
      add(record->step.key, record->step.side == "l" ? value + "+-" : "-+" + value,
          record->step.timestamp_ms);
    }
  }

  void add(const std::string& key, const std::string& value, int64_t timestamp_ms) {
    if (!results_.empty()) results_ += ' ';
    results_ += key + ':' + value + '@' + std::to_string(timestamp_ms);
  }

  JoinKind kind_;
  operators::JoinWindowSpec windows_;
  int64_t time_ms_ = -1;
  int late_ = 0;
  std::vector<Kept> all_;
  std::string results_;
};

/// Times jump back by up to 30 ms, and many are equal.
std::vector<JoinStep> random_steps(unsigned seed) {
  std::mt19937 random(seed);
  const std::string keys[] = {"a", "b"};
  std::vector<JoinStep> all;
  for (int64_t i = 0; i < 300; ++i) {
    const int64_t time_ms = i * 2 - static_cast<int64_t>(random() % 30);
    all.push_back({random() % 2 == 0 ? "l" : "r", keys[random() % 2], i,
                   std::max<int64_t>(0, time_ms / 3 * 3), ""});
  }
  return all;
}

std::vector<JoinWindows> all_windows() {
  return {JoinWindows::of_time_difference(10ms),
          JoinWindows::of_time_difference(0ms).grace(4ms),
          JoinWindows::of_time_difference(12ms).grace(40ms),
          JoinWindows::of_time_difference(0ms).before(3ms).after(15ms).grace(7ms),
          JoinWindows::of_time_difference(0ms).before(20ms).grace(2ms),
          JoinWindows::of_time_difference(12ms).before(-6ms).grace(5ms),
          JoinWindows::of_time_difference(12ms).after(-6ms).grace(5ms)};
}

constexpr JoinKind kKinds[] = {JoinKind::kInner, JoinKind::kLeft, JoinKind::kOuter};

void expect_like_the_oracle(JoinKind kind, const JoinWindows& windows, unsigned seed,
                            size_t records_between_moves) {
  auto harness = std::make_unique<Harness>(joined(kind, windows));
  Oracle oracle(kind, windows.spec());
  int late = 0;
  const std::vector<JoinStep> inputs = random_steps(seed);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i % records_between_moves == records_between_moves - 1) {
      late += harness->dropped("late");
      harness = testing::moved(joined(kind, windows), *harness);
    }
    testing::pipe(*harness, inputs[i]);
    ASSERT_EQ(read_joined(*harness), oracle.next(inputs[i]))
        << "kind " << static_cast<int>(kind) << " seed " << seed << " record " << i;
  }
  EXPECT_EQ(late + harness->dropped("late"), oracle.late());
}

TEST(StreamJoinOfRandomRecords, EmitsAsDefined) {
  for (const JoinKind kind : kKinds) {
    for (const JoinWindows& windows : all_windows()) {
      for (unsigned seed = 1; seed <= 10; ++seed) {
        expect_like_the_oracle(kind, windows, seed, SIZE_MAX);
      }
    }
  }
}

TEST(StreamJoinThatMoves, ContinuesFromItsChangelogAsIfItHadStayed) {
  for (const JoinKind kind : kKinds) {
    for (const JoinWindows& windows : all_windows()) {
      for (unsigned seed = 1; seed <= 3; ++seed) expect_like_the_oracle(kind, windows, seed, 29);
    }
  }
}

TEST(StreamJoinOfAnotherProgram, EmitsNoRecordAgainWithALongerGrace) {
  const JoinWindows before = JoinWindows::of_time_difference(10ms);
  Harness harness(joined(JoinKind::kLeft, before));
  steps(harness, {{"l", "a", 1, 100, ""}, {"l", "b", 2, 111, "a:1+-@100"}});
  const auto after = testing::moved(joined(JoinKind::kLeft, before.grace(50ms)), harness);
  steps(*after, {{"r", "a", 11, 100, ""},  // late, as before
                 {"l", "c", 3, 300, "b:2+-@111"}});
  EXPECT_EQ(after->dropped("late"), 1);
}

TEST(StreamJoinOfAnotherProgram, KeepsTheEndsThatRecordsHad) {
  Harness harness(joined(JoinKind::kOuter, JoinWindows::of_time_difference(10ms)));
  steps(harness, {{"l", "a", 1, 100, ""}});
  const JoinWindows longer = JoinWindows::of_time_difference(50ms);
  const auto after = testing::moved(joined(JoinKind::kOuter, longer), harness);
  steps(*after, {{"l", "b", 2, 111, "a:1+-@100"}});
  EXPECT_EQ(records_in(*after, "join"), "a<100 b<111");
}

TEST(StreamJoinRows, AreOfOneSideAndFoundByTheirEnds) {
  using operators::JoinSide;
  for (const std::string& key : {std::string(), std::string("\xff\xff\0", 3), std::string("a")}) {
    std::string row_key;
    operators::encode_stream_join_key({Bytes(key), JoinSide::kRight, 5, 15, 7}, row_key);
    EXPECT_FALSE(operators::is_own_row(Bytes(row_key)));
    std::string by_end;
    EXPECT_EQ(operators::joined_by_end().make_key(Bytes(row_key), Bytes(), by_end), 15);
    EXPECT_TRUE(operators::is_own_row(Bytes(by_end)));
    EXPECT_FALSE(operators::is_stream_join_key(Bytes(by_end)));
    std::string found;
    EXPECT_EQ(operators::joined_by_end().read_key(Bytes(by_end), found), 15);
    EXPECT_EQ(found, row_key);
    using Key = Serde<operators::StreamJoinKey<std::string>>;
    EXPECT_EQ(Key::partition_key(Bytes(row_key)).view(), key);
    std::string row;
    operators::encode_stream_join_row({JoinSide::kRight, true, Bytes("x")}, row);
    EXPECT_TRUE(operators::check_join_row(Bytes(row_key), Bytes(row)).ok());
    EXPECT_TRUE(operators::check_join_row(Bytes(row_key), Bytes()).ok());
    operators::encode_stream_join_row({JoinSide::kLeft, true, Bytes("x")}, row);
    EXPECT_FALSE(operators::check_join_row(Bytes(row_key), Bytes(row)).ok());
  }
}

TEST(StreamJoinRows, RefuseOtherBytes) {
  using Row = Serde<operators::StreamJoinRow<int64_t, std::string>>;
  using operators::JoinSide;
  std::string row;
  operators::encode_stream_join_row({JoinSide::kRight, false, Bytes("x")}, row);
  EXPECT_TRUE(Row::validate(Bytes(row)).ok());
  row[1] = 4;
  EXPECT_FALSE(Row::validate(Bytes(row)).ok()) << "an unknown bit";
  row[1] = 0;
  EXPECT_FALSE(Row::validate(Bytes(row)).ok()) << "a left value of one byte";
  EXPECT_FALSE(Row::validate(Bytes("short")).ok());
  using Key = Serde<operators::StreamJoinKey<std::string>>;
  std::string key;
  operators::encode_stream_join_key({Bytes("a"), JoinSide::kLeft, 5, 15, 7}, key);
  EXPECT_TRUE(Key::validate(Bytes(key)).ok());
  std::string json;
  ASSERT_TRUE(Key::write_json(Bytes(key), json).ok());
  EXPECT_EQ(json, R"({"key":"a","side":"left","time_ms":5,"end_ms":15,"sequence":7})");
  key[1] = 3;
  EXPECT_FALSE(Key::validate(Bytes(key)).ok()) << "no side";
  EXPECT_FALSE(Key::validate(Bytes("short")).ok());
}

}  // namespace millrace::stream_join_oracle_test
