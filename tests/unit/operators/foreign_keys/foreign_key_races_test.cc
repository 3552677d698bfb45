// Joins by a foreign key whose messages overtake each other in every way that tasks allow.
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operators/harness.h"

namespace millrace::foreign_key_races_test {

using operators::JoinKind;
using ::testing::ElementsAre;
using testing::ExchangeMode;
using testing::Harness;
using ::testing::IsEmpty;
using Number = testing::Out<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kLeft{"left"};  // the last digit is the foreign key; 0: none
constexpr Topic<int64_t, int64_t> kRight{"right"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

constexpr int64_t kLeftFactor = 1000;

std::optional<int64_t> last_digit(int64_t row) {
  return row % 10 == 0 ? std::nullopt : std::optional(row % 10);
}

int64_t both(int64_t left, Maybe<int64_t> right) {
  return left * kLeftFactor + (right ? *right : 0);
}

/// The joined rows, and their sum by way of the table's changes: a change whose old row was not the
/// one emitted before leaves it wrong for ever.
Result<Topology> joined(JoinKind kind) {
  TopologyBuilder builder{"test"};
  const auto left = builder.table(kLeft);
  const auto right = builder.table(kRight);
  const auto rows = kind == JoinKind::kInner ? left.join(right, last_digit, both)
                                             : left.left_join(right, last_digit, both);
  rows.to(kOut);
  rows.group_by([](int64_t) { return "all"; })
      .aggregate(
          "sums", int64_t{0}, [](int64_t row, int64_t sum) { return sum + row; },
          [](int64_t row, int64_t sum) { return sum - row; })
      .to(kSums);
  return std::move(builder).build();
}

/// Changes both tables at random, delivers messages at random, and keeps what is right.
class Race {
 public:
  Race(JoinKind kind, int32_t tasks, uint32_t seed)
      : kind_(kind), random_(seed), harness_(joined(kind), ExchangeMode::kBetweenTasks, tasks) {}

  void run(int changes) {
    for (int i = 0; i < changes; ++i) {
      if (up_to(2) == 0) {
        change_right();
      } else {
        change_left();
      }
      check_outputs();
      for (size_t count = up_to(4); count > 0; --count) {
        harness_.deliver_one(random_());
        check_outputs();
      }
    }
    while (harness_.deliver_one(random_())) check_outputs();
    check_outputs();
  }

  void expect_the_joined_rows() {
    std::map<std::string, int64_t> expected;
    int64_t sum = 0;
    size_t subscriptions = 0;
    for (const auto& [key, row] : left_) {
      if (last_digit(row)) ++subscriptions;
      const auto right = right_.find(row % 10);
      if (right == right_.end() && kind_ == JoinKind::kInner) continue;
      expected[key] = row * kLeftFactor + (right == right_.end() ? 0 : right->second);
      sum += expected[key];
    }
    EXPECT_EQ(published_, expected);
    EXPECT_EQ(sum_, sum);
    EXPECT_EQ(harness_.store("left-table-join-right-table-subscriptions").size(), subscriptions);
  }

 private:
  size_t up_to(size_t last) { return random_() % (last + 1); }

  void change_left() {
    const std::string key = "k" + std::to_string(up_to(3));
    left_.erase(key);
    // Few values, so that a row often returns to one it had.
    const auto row = static_cast<int64_t>(10 + 10 * up_to(1) + up_to(3));
    if (up_to(3) != 0) left_[key] = row;
    harness_.pipe(kLeft, key, left_.contains(key) ? std::optional(row) : std::nullopt, ++time_ms_);
  }

  void change_right() {
    const auto key = static_cast<int64_t>(1 + up_to(2));
    right_.erase(key);
    if (up_to(2) != 0) {
      right_[key] = ++right_row_;
      had_[key].insert(right_row_);
      harness_.pipe(kRight, key, right_row_, ++time_ms_);
    } else {
      harness_.pipe(kRight, key, std::nullopt, ++time_ms_);
    }
  }

  /// Every row is joined of the left row as it is and a right row as it was some time, or none.
  void check_outputs() {
    for (const Number& out : harness_.read(kOut)) {
      published_.erase(*out.key);
      if (!out.value) continue;
      published_[*out.key] = *out.value;
      const auto left = left_.find(*out.key);
      ASSERT_NE(left, left_.end());
      EXPECT_EQ(*out.value / kLeftFactor, left->second);
      const int64_t right = *out.value % kLeftFactor;
      EXPECT_TRUE(right == 0 || had_[left->second % 10].contains(right));
    }
    for (const Number& out : harness_.read(kSums)) sum_ = *out.value;
  }

  JoinKind kind_;
  std::mt19937 random_;
  Harness harness_;
  int64_t time_ms_ = 0;
  int64_t right_row_ = 0;
  std::map<std::string, int64_t> left_;
  std::map<int64_t, int64_t> right_;
  std::map<int64_t, std::set<int64_t>> had_;
  std::map<std::string, int64_t> published_;
  int64_t sum_ = 0;
};

TEST(ForeignKeyRaces, EndWithTheJoinedRowsInEveryInterleaving) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft}) {
    for (const int32_t tasks : {1, 2, 3, 50}) {
      for (uint32_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE(::testing::Message() << "left join: " << (kind == JoinKind::kLeft)
                                          << ", tasks: " << tasks << ", seed: " << seed);
        Race race(kind, tasks, seed);
        for (int round = 0; round < 8; ++round) {
          race.run(1 + round * 3);
          race.expect_the_joined_rows();
          if (HasFailure()) return;
        }
      }
    }
  }
}

/// As many tasks as keep the keys apart that the tests below use.
constexpr int32_t kTasks = 50;

TEST(ForeignKeyRaces, AnAnswerToAnOlderRowIsDropped) {
  Harness harness(joined(JoinKind::kInner), ExchangeMode::kBetweenTasks, kTasks);
  harness.pipe(kRight, 1, 501);
  harness.pipe(kRight, 2, 502);
  harness.pipe(kLeft, "k", 11);
  ASSERT_TRUE(harness.deliver_one(0));  // the subscription; its answer is on its way
  harness.pipe(kLeft, "k", 12);
  while (harness.deliver_one(0)) continue;
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"k", 12'502}));
}

TEST(ForeignKeyRaces, ARowThatReturnsTakesTheNewestAnswerLast) {
  Harness harness(joined(JoinKind::kInner), ExchangeMode::kBetweenTasks, kTasks);
  harness.pipe(kRight, 1, 501);
  harness.pipe(kLeft, "k", 11);
  ASSERT_TRUE(harness.deliver_one(0));  // the subscription; its answer is on its way
  harness.pipe(kLeft, "k", std::nullopt);
  harness.pipe(kLeft, "k", 11);
  ASSERT_TRUE(harness.deliver_one(0));  // the end of the subscription
  harness.pipe(kRight, 1, std::nullopt);
  while (harness.deliver_one(0)) continue;
  std::map<std::string, int64_t> rows;
  for (const Number& out : harness.read(kOut)) {
    rows.erase(*out.key);
    if (out.value) rows[*out.key] = *out.value;
  }
  EXPECT_THAT(rows, IsEmpty());
}

}  // namespace millrace::foreign_key_races_test
