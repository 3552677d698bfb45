// Joins by a foreign key on the real engine, over partitions, restarts and crashes.
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::foreign_key_driver_test {

using operators::JoinKind;
using testing::DriverOptions;
using testing::TopologyDriver;
using Rows = std::map<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kLeft{"left"};
constexpr Topic<std::string, int64_t> kRight{"right"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

constexpr int64_t kLeftFactor = 1000;
constexpr int64_t kForeignKeys = 7;

/// None for the last remainder.
std::optional<std::string> owner_of(int64_t row) {
  const int64_t remainder = row % kForeignKeys;
  return remainder + 1 == kForeignKeys ? std::nullopt
                                       : std::optional("owner" + std::to_string(remainder));
}

int64_t both(int64_t left, Maybe<int64_t> right) {
  return left * kLeftFactor + (right ? *right : 0);
}

auto join_as(JoinKind kind, const Table<std::string, int64_t>& left,
             const Table<std::string, int64_t>& right) {
  return kind == JoinKind::kInner ? left.join(right, owner_of, both)
                                  : left.left_join(right, owner_of, both);
}

void publish(const Table<std::string, int64_t>& joined) {
  joined.to(kOut);
  joined.group_by([](int64_t) { return "all"; })
      .aggregate(
          "sums", int64_t{0}, [](int64_t row, int64_t sum) { return sum + row; },
          [](int64_t row, int64_t sum) { return sum - row; })
      .to(kSums);
}

Result<Topology> joined_topics(JoinKind kind) {
  TopologyBuilder builder{"test"};
  publish(join_as(kind, builder.table(kLeft), builder.table(kRight)));
  return std::move(builder).build();
}

Rows rows_of(const TopologyDriver& driver, std::string_view topic) {
  Rows rows;
  for (const auto& [key, value] : driver.table_bytes(topic)) {
    rows[key] = Serde<int64_t>::view(Bytes(value));
  }
  return rows;
}

/// Changes both tables at random and compares what comes out with what should.
class World {
 public:
  World(JoinKind kind, TopologyDriver& driver, uint32_t seed)
      : kind_(kind), driver_(driver), random_(seed) {}

  void change(int count) {
    for (int i = 0; i < count; ++i) {
      if (up_to(4) == 0) {
        set(kRight, right_, "owner" + std::to_string(up_to(kForeignKeys - 2)));
      } else {
        set(kLeft, left_, "k" + std::to_string(up_to(30)));
      }
    }
  }

  void expect_joined_rows() {
    Rows expected;
    int64_t sum = 0;
    for (const auto& [key, row] : left_) {
      const auto right = right_.find(owner_of(row).value_or("nobody"));
      if (right == right_.end() && kind_ == JoinKind::kInner) continue;
      expected[key] = row * kLeftFactor + (right == right_.end() ? 0 : right->second);
      sum += expected[key];
    }
    EXPECT_EQ(rows_of(driver_, "out"), expected);
    const Rows sums = rows_of(driver_, "sums");
    EXPECT_EQ(sums.contains("all") ? sums.at("all") : 0, sum);
  }

  size_t up_to(size_t last) { return random_() % (last + 1); }

 private:
  void set(Topic<std::string, int64_t> topic, Rows& rows, const std::string& key) {
    ++time_ms_;
    rows.erase(key);
    if (up_to(4) == 0) return driver_.pipe_tombstone(topic, key, time_ms_);
    rows[key] = static_cast<int64_t>(up_to(900));
    driver_.pipe(topic, key, rows[key], time_ms_);
  }

  JoinKind kind_;
  TopologyDriver& driver_;
  std::mt19937 random_;
  Rows left_;
  Rows right_;
  int64_t time_ms_ = 1'000;
};

DriverOptions partitioned(int32_t left, int32_t right) {
  DriverOptions options;
  options.topic_partitions = {{"left", left}, {"right", right}};
  options.partitions = 2;
  options.engine.log_level = "error";
  return options;
}

TEST(ForeignKeysOnTheEngine, JoinOverPartitionsAndRestarts) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft}) {
    for (const auto& [left, right] : {std::pair(1, 1), std::pair(3, 3), std::pair(4, 3)}) {
      SCOPED_TRACE(::testing::Message() << left << " and " << right << " partitions");
      TopologyDriver driver(joined_topics(kind), partitioned(left, right));
      World world(kind, driver, 11);
      for (int round = 0; round < 6; ++round) {
        world.change(60);
        driver.run();
        world.expect_joined_rows();
        if (round == 2) driver.restart();
        if (round % 3 == 1) driver.crash_and_restart();
      }
    }
  }
}

TEST(ForeignKeysOnTheEngine, SurviveCrashesBetweenTheStepsOfCommits) {
  constexpr size_t kLastStep = static_cast<size_t>(CommitStep::kDone);
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    const JoinKind kind = seed % 2 == 0 ? JoinKind::kInner : JoinKind::kLeft;
    TopologyDriver driver(joined_topics(kind), partitioned(seed % 3 == 0 ? 3 : 2, 3));
    World world(kind, driver, seed);
    for (int round = 0; round < 8; ++round) {
      world.change(20);
      driver.crash_at(static_cast<CommitStep>(world.up_to(kLastStep)),
                      1 + static_cast<int>(world.up_to(2)));
      if (!driver.try_run().ok()) driver.crash_and_restart();
      world.change(5);
      driver.run();
      world.expect_joined_rows();
    }
  }
}

TEST(ForeignKeysOnTheEngine, JoinTablesThatNoSourceDecides) {
  TopologyBuilder builder{"test"};
  const auto last = [](int64_t, int64_t value) { return value; };
  const auto by_key = [](std::string_view key, int64_t) { return std::string(key); };
  const auto left = builder.stream(kLeft).filter([](int64_t) { return true; }).key_by(by_key);
  const auto right = builder.stream(kRight).filter([](int64_t) { return true; }).key_by(by_key);
  publish(join_as(JoinKind::kLeft, left.group_by_key().reduce("last-left", last),
                  right.group_by_key().reduce("last-right", last)));
  TopologyDriver driver(std::move(builder).build(), partitioned(2, 3));
  driver.pipe(kLeft, "a", 7, 1);
  driver.pipe(kLeft, "b", 8, 2);
  driver.pipe(kRight, "owner0", 5, 3);
  driver.run();
  EXPECT_EQ(rows_of(driver, "out"), (Rows{{"a", 7'005}, {"b", 8'000}}));
}

TEST(ForeignKeysOnTheEngine, AnswerToTheTaskOfAPartOfTheKey) {
  TopologyBuilder builder{"test"};
  const auto before_slash = [](Bytes key) {
    return Bytes(key.view().substr(0, key.view().find('/')));
  };
  ExchangeOptions by_part;
  by_part.name = "by-part";
  by_part.partitions = 5;
  by_part.partition_key = before_slash;
  const auto left = builder.stream(kLeft)
                        .key_by([](std::string_view key, int64_t value) {
                          return std::string(key) + "/" + std::to_string(value);
                        })
                        .exchange(by_part)
                        .to_table("parts");
  left.left_join(builder.table(kRight), owner_of, both).to(kOut);
  TopologyDriver driver(std::move(builder).build(), partitioned(2, 3));
  Rows expected;
  for (int64_t i = 0; i < 30; ++i) {
    const std::string key = "k" + std::to_string(i);
    driver.pipe(kLeft, key, i, 1);
    const bool is_owned = i % kForeignKeys == 2;
    expected[key + "/" + std::to_string(i)] = i * kLeftFactor + (is_owned ? 9 : 0);
  }
  driver.pipe(kRight, "owner2", 9, 1);
  driver.run();
  EXPECT_EQ(rows_of(driver, "out"), expected);
}

}  // namespace millrace::foreign_key_driver_test
