#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::driver_test {

using testing::DriverOptions;
using testing::TopologyDriver;
using Rows = std::map<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kLeft{"left"};
constexpr Topic<std::string, int64_t> kRight{"right"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

int64_t both(Maybe<int64_t> left, Maybe<int64_t> right) {
  return (left ? *left : 0) * 1000 + (right ? *right : 0);
}

std::string last_digit(int64_t value) {
  return std::to_string(value % 10);
}

Table<std::string, int64_t> sum_by_last_digit(const Table<std::string, int64_t>& table,
                                              ExchangeOptions exchange = {}) {
  return table.group_by(last_digit, std::move(exchange))
      .aggregate(
          "sums-store", 0L, [](int64_t value, int64_t sum) { return sum + value; },
          [](int64_t value, int64_t sum) { return sum - value; });
}

Rows rows_of(const TopologyDriver& driver, std::string_view topic) {
  Rows rows;
  for (const auto& [key, value] : driver.table_bytes(topic)) {
    rows[key] = Serde<int64_t>::view(Bytes(value));
  }
  return rows;
}

/// Changes two tables at random and keeps what they should hold.
class Changes {
 public:
  explicit Changes(TopologyDriver& driver) : driver_(driver) {}

  void pipe(int count, bool has_right) {
    for (int i = 0; i < count; ++i) {
      const bool is_left = !has_right || random_() % 2 == 0;
      Rows& rows = is_left ? left : right;
      const std::string key = "k" + std::to_string(random_() % 40);
      time_ms_ += 1;
      rows.erase(key);
      if (random_() % 4 == 0) {
        driver_.pipe_tombstone(is_left ? kLeft : kRight, key, time_ms_);
      } else {
        rows[key] = static_cast<int64_t>(random_() % 900);
        driver_.pipe(is_left ? kLeft : kRight, key, rows[key], time_ms_);
      }
    }
  }

  Rows left;
  Rows right;

 private:
  TopologyDriver& driver_;
  std::mt19937 random_{5};
  int64_t time_ms_ = 1'000;
};

/// Sums by last digit as the aggregate publishes them: groups that became empty keep a 0.
Rows expected_sums(const Rows& rows, const Rows& published) {
  Rows sums;
  for (const auto& [group, sum] : published) sums[group] = 0;
  for (const auto& [key, value] : rows) sums[last_digit(value)] += value;
  return sums;
}

TEST(OperatorsOnTheEngine, SumATableByGroupsOfOtherPartitions) {
  for (const int32_t group_partitions : {0, 3}) {
    TopologyBuilder builder{"test"};
    sum_by_last_digit(builder.table(kLeft), {.partitions = group_partitions}).to(kSums);
    DriverOptions options;
    options.partitions = 4;
    TopologyDriver driver(std::move(builder).build(), options);
    Changes changes(driver);
    for (int round = 0; round < 6; ++round) {
      changes.pipe(100, false);
      driver.run();
      const Rows published = rows_of(driver, "sums");
      ASSERT_EQ(published, expected_sums(changes.left, published)) << "round " << round;
      if (round == 2) driver.restart();
      if (round == 4) driver.crash_and_restart();
    }
  }
}

TEST(OperatorsOnTheEngine, JoinTablesOverPartitionsAndRestarts) {
  TopologyBuilder builder{"test"};
  const auto joined = builder.table(kLeft).outer_join(builder.table(kRight), both);
  joined.to(kOut);
  sum_by_last_digit(joined).to(kSums);
  DriverOptions options;
  options.partitions = 3;
  TopologyDriver driver(std::move(builder).build(), options);
  Changes changes(driver);
  for (int round = 0; round < 6; ++round) {
    changes.pipe(100, true);
    driver.run();
    Rows expected;
    for (const auto& [key, value] : changes.left) expected[key] += value * 1000;
    for (const auto& [key, value] : changes.right) expected[key] += value;
    ASSERT_EQ(rows_of(driver, "out"), expected) << "round " << round;
    const Rows published = rows_of(driver, "sums");
    ASSERT_EQ(published, expected_sums(expected, published)) << "round " << round;
    if (round % 2 == 1) driver.crash_and_restart();
  }
}

TEST(OperatorsOnTheEngine, JoinATableWithItsOwnAggregateThroughARealExchange) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kLeft);
  const auto counts = rows.group_by([](std::string_view key, int64_t) { return key; }).count("n");
  rows.join(counts, both).to(kOut);
  DriverOptions options;
  options.partitions = 2;
  TopologyDriver driver(std::move(builder).build(), options);
  Changes changes(driver);
  changes.pipe(300, false);
  driver.run();
  Rows expected;
  for (const auto& [key, value] : changes.left) expected[key] = value * 1000 + 1;
  EXPECT_EQ(rows_of(driver, "out"), expected);
}

TEST(OperatorsOnTheEngine, JoinEventsThatAreNotCoPartitionedThroughAnExchange) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRight);
  builder.stream(kLeft)
      .map([](std::string_view key, int64_t value) {
        return std::pair(std::string("k") + last_digit(value), std::string(key));
      })
      .left_join(rows, [](std::string_view, Maybe<int64_t> row) { return row ? *row : -1; })
      .to(kOut);
  DriverOptions options;
  options.topic_partitions = {{"left", 3}, {"right", 5}};
  options.partitions = 2;
  TopologyDriver driver(std::move(builder).build(), options);
  for (int64_t i = 0; i < 8; ++i) driver.pipe(kRight, "k" + std::to_string(i), i * 100, 1);
  driver.run();
  for (int64_t i = 0; i < 50; ++i) driver.pipe(kLeft, "event" + std::to_string(i), i, 2 + i);
  driver.run();
  Rows expected;
  for (int64_t i = 0; i < 10; ++i) expected["k" + std::to_string(i)] = i < 8 ? i * 100 : -1;
  EXPECT_EQ(rows_of(driver, "out"), expected);
  EXPECT_EQ(driver.read(kOut).size(), 50U);
}

/// Says "left" for a visitor of whom nothing was heard for a second.
class Sessions final : public TypedProcessor<std::string, int64_t, std::string, std::string> {
  enum class Due : uint8_t { kLeaves = 1 };
  void on_start() override { timers_.emplace(timers<std::string>("leaving")); }
  void on_record(Maybe<std::string> key, Maybe<int64_t> value, const Record& record) override {
    if (value) {
      timers_->set(*key, Due::kLeaves, record.timestamp_ms + 1'000);
    } else if (timers_->cancel(*key, Due::kLeaves)) {
      emit()(*key, "cancelled");
    }
  }
  void on_due(const Timer& timer) override {
    EXPECT_EQ(timer.timers, "leaving");
    EXPECT_EQ(timer.kind, static_cast<uint8_t>(Due::kLeaves));
    emit()(timer.key_as<std::string>(), "left");
  }
  std::optional<TypedTimers<std::string>> timers_;
};

TEST(Process, SetsTypedTimers) {
  constexpr Topic<std::string, std::string> kSaid{"said"};
  TopologyBuilder builder{"sessions"};
  builder.timers<std::string>("leaving", TimeKind::kStream);
  builder.stream(kLeft)
      .process("sessions", [] { return std::make_unique<Sessions>(); }, {.stores = {"leaving"}})
      .to(kSaid);
  const Result<Topology> topology = std::move(builder).build();
  EXPECT_EQ(topology->find_store("leaving")->key, type_info<std::string>());
  TopologyDriver driver(topology);
  driver.pipe(kLeft, "a", 1, 0);
  driver.pipe(kLeft, "b", 1, 100);
  driver.pipe(kLeft, "a", 1, 500);
  driver.pipe(kLeft, "c", 1, 600);
  driver.pipe_tombstone(kLeft, "c", 700);
  driver.pipe(kLeft, "d", 1, 2'000);
  driver.run();
  std::vector<std::string> said;
  for (const auto& record : driver.read(kSaid)) {
    said.push_back(std::string(record.key()) + " " + std::string(record.value()) + " at " +
                   std::to_string(record.raw.timestamp_ms));
  }
  EXPECT_THAT(said,
              ::testing::ElementsAre("c cancelled at 700", "b left at 1100", "a left at 1500"));
}

constexpr Topic<std::string, std::string> kOrders{"orders"};
constexpr Topic<std::string, int64_t> kPrices{"prices"};
constexpr Topic<std::string, std::string> kPriced{"priced"};

std::vector<std::string> said(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read(kPriced)) values.emplace_back(record.value());
  return values;
}

/// Says an order's price, and every change of a price with the sum of all.
class Pricing final : public TypedProcessor<std::string, std::string, std::string, std::string> {
 public:
  explicit Pricing(BroadcastTable<std::string, int64_t> prices) : prices_(std::move(prices)) {}

 private:
  void on_record(Maybe<std::string> key, Maybe<std::string> product, const Record&) override {
    const Maybe<int64_t> price = rows_of(prices_).get(*product);
    emit()(*key, price ? std::to_string(*price) : "no price");
  }
  void on_table_change(const BroadcastChange& change) override {
    int64_t sum = 0;
    rows_of(prices_).for_each([&](std::string_view, int64_t price) { sum += price; });
    emit()(change.key_as<std::string>(), "sum " + std::to_string(sum));
  }
  BroadcastTable<std::string, int64_t> prices_;
};

TEST(BroadcastTables, AreReadByAProcessorThatTheirChangesCall) {
  TopologyBuilder builder{"pricing"};
  const auto prices = builder.broadcast_table(kPrices);
  builder.stream(kOrders)
      .process("pricing", [prices] { return std::make_unique<Pricing>(prices); },
               {.broadcasts = {prices.name()}})
      .to(kPriced);
  TopologyDriver driver(std::move(builder).build());
  driver.pipe(kPrices, "pen", 3, 10);
  driver.pipe(kOrders, "o1", "pen", 20);
  driver.run();
  driver.pipe(kPrices, "ink", 4, 30);
  driver.pipe(kOrders, "o2", "ink", 40);
  driver.pipe(kOrders, "o3", "paper", 40);
  driver.run();
  EXPECT_THAT(said(driver), ::testing::ElementsAre("sum 3", "3", "sum 7", "4", "no price"));
}

TEST(BroadcastTables, AreJoinedByAKeyOfTheRecordsChoice) {
  TopologyBuilder builder{"pricing"};
  const auto prices = builder.broadcast_table(kPrices);
  const auto orders = builder.stream(kOrders);
  const auto product_of = [](std::string_view product) { return std::string(product); };
  orders
      .join(prices, product_of,
            [](std::string_view product, int64_t price) {
              return std::string(product) + " at " + std::to_string(price);
            },
            {.name = "priced"})
      .to(kPriced);
  orders
      .left_join(prices, product_of,
                 [](std::string_view product, Maybe<int64_t> price) {
                   return std::string(product) + (price ? " is sold" : " is not sold");
                 },
                 {.name = "sold"})
      .to(kPriced);
  DriverOptions options;
  options.topic_partitions = {{"orders", 3}, {"prices", 2}, {"priced", 1}};
  TopologyDriver driver(std::move(builder).build(), options);
  driver.pipe(kPrices, "pen", 3, 10);
  driver.pipe(kPrices, "ink", 4, 10);
  driver.pipe(kOrders, "o1", "pen", 20);
  driver.pipe(kOrders, "o2", "ink", 20);
  driver.pipe(kOrders, "o3", "paper", 20);
  driver.run();
  EXPECT_THAT(said(driver), ::testing::UnorderedElementsAre("pen at 3", "pen is sold", "ink at 4",
                                                            "ink is sold", "paper is not sold"));
}

TEST(BroadcastTables, NeedAReaderWithAName) {
  TopologyBuilder builder{"pricing"};
  const auto prices = builder.broadcast_table(kPrices);
  builder.stream(kOrders)
      .join(
          prices, [](std::string_view product) { return std::string(product); },
          [](std::string_view, int64_t price) { return std::to_string(price); }, {})
      .to(kPriced);
  const Result<Topology> topology = std::move(builder).build();
  ASSERT_FALSE(topology.ok());
  EXPECT_THAT(topology.message(), ::testing::HasSubstr("needs a name"));
}

TEST(Driver, ReadsTheRowsOfStoresTyped) {
  TopologyBuilder builder{"test"};
  builder.table(kLeft).to(kOut);
  DriverOptions options;
  options.partitions = 3;
  TopologyDriver driver(std::move(builder).build(), options);
  for (int64_t i = 0; i < 20; ++i) driver.pipe(kLeft, "k" + std::to_string(i), i, 1);
  driver.run();
  EXPECT_EQ((*driver.row<std::string, int64_t>("left-table", "k7")), 7);
  EXPECT_FALSE((driver.row<std::string, int64_t>("left-table", "k20")));
  Rows rows;
  for (const auto& [key, value] : driver.rows<std::string, int64_t>("left-table")) {
    rows[key] = *value;
  }
  EXPECT_EQ(rows, rows_of(driver, "out"));
  EXPECT_EQ(rows.size(), 20U);
}

TEST(DriverDeathTest, NamesAStoreThatIsReadWithOtherTypesOrDoesNotExist) {
  TopologyBuilder builder{"test"};
  builder.table(kLeft).to(kOut);
  TopologyDriver driver(std::move(builder).build());
  EXPECT_DEATH((driver.row<std::string, std::string>("left-table", "k")),
               "store 'left-table' has rows string -> int64, asked for string -> string");
  EXPECT_DEATH((driver.rows<std::string, int64_t>("left")), "store 'left' does not exist");
}

/// The (stdout, stderr) that a run of a small topology writes at this level of the log.
std::pair<std::string, std::string> logged(const std::string& level) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  {
    TopologyBuilder builder{"test"};
    builder.table(kLeft).to(kOut);
    DriverOptions options;
    options.engine.log_level = level;
    TopologyDriver driver(std::move(builder).build(), options);
    driver.pipe(kLeft, "k", 1, 1);
    driver.run();
  }
  std::string out = ::testing::internal::GetCapturedStdout();
  return {std::move(out), ::testing::internal::GetCapturedStderr()};
}

TEST(Driver, LogsToStderrAtItsLevel) {
  const auto [out, err] = logged("info");
  EXPECT_EQ(out, "");
  EXPECT_THAT(err, ::testing::HasSubstr("task running"));
  EXPECT_EQ(logged("error"), (std::pair<std::string, std::string>()));
}

}  // namespace millrace::driver_test
