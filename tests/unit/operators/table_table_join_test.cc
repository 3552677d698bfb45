#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace millrace::table_table_join_test {

using operators::JoinKind;
using ::testing::ElementsAre;
using testing::ExchangeMode;
using testing::Harness;
using ::testing::IsEmpty;
using Number = testing::Out<std::string, int64_t>;
using Rows = std::map<std::string, int64_t>;

constexpr Topic<std::string, int64_t> kLeft{"left"};
constexpr Topic<std::string, int64_t> kRight{"right"};
constexpr Topic<std::string, int64_t> kOut{"out"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

/// A value that tells both sides, or which is missing.
int64_t both(Maybe<int64_t> left, Maybe<int64_t> right) {
  return (left ? *left : 0) * 1000 + (right ? *right : 0);
}

auto join_as(JoinKind kind, const Table<std::string, int64_t>& left,
             const Table<std::string, int64_t>& right) {
  switch (kind) {
    case JoinKind::kInner:
      return left.join(right, both);
    case JoinKind::kLeft:
      return left.left_join(right, both);
    case JoinKind::kOuter:
      return left.outer_join(right, both);
  }
  return left;
}

Rows model_join(JoinKind kind, const Rows& left, const Rows& right) {
  Rows result;
  Rows all = left;
  all.insert(right.begin(), right.end());
  for (const auto& [key, ignored] : all) {
    const auto l = left.find(key);
    const auto r = right.find(key);
    if (l == left.end() && kind != JoinKind::kOuter) continue;
    if (r == right.end() && kind == JoinKind::kInner) continue;
    result[key] = (l == left.end() ? 0 : l->second) * 1000 + (r == right.end() ? 0 : r->second);
  }
  return result;
}

/// Sums a table's rows by way of its changes, so that a wrong old value shows for ever.
void sum_into(const Table<std::string, int64_t>& table) {
  table.group_by([](int64_t) { return "all"; })
      .aggregate(
          "sums", 0L, [](int64_t value, int64_t sum) { return sum + value; },
          [](int64_t value, int64_t sum) { return sum - value; })
      .to(kSums);
}

/// Pipes random changes and checks rows and sum against `model(left, right)` after each.
template <class Model>
void check_against_model(Result<Topology> topology, ExchangeMode mode, bool has_right,
                         Model model) {
  Harness harness(std::move(topology), mode);
  std::mt19937 random(3);
  Rows left;
  Rows right;
  Rows published;
  int64_t sum = 0;
  for (int i = 0; i < 2000; ++i) {
    const bool is_left = !has_right || random() % 2 == 0;
    Rows& rows = is_left ? left : right;
    const std::string key = std::to_string(random() % 6);
    std::optional<int64_t> value;
    if (random() % 3 != 0) value = 1 + static_cast<int64_t>(random() % 900);
    rows.erase(key);
    if (value) rows[key] = *value;
    harness.pipe(is_left ? kLeft : kRight, key, value, i);
    for (const Number& out : harness.read(kOut)) {
      published.erase(*out.key);
      if (out.value) published[*out.key] = *out.value;
    }
    for (const Number& out : harness.read(kSums)) sum = *out.value;
    const Rows expected = model(left, right);
    int64_t expected_sum = 0;
    for (const auto& [row, number] : expected) expected_sum += number;
    ASSERT_EQ(published, expected) << "after change " << i;
    ASSERT_EQ(sum, expected_sum) << "after change " << i;
  }
}

TEST(TableTableJoin, JoinsAsAModelDoesAfterEveryChange) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft, JoinKind::kOuter}) {
    for (const ExchangeMode mode : {ExchangeMode::kLocal, ExchangeMode::kDelayed}) {
      TopologyBuilder builder{"test"};
      const auto joined = join_as(kind, builder.table(kLeft), builder.table(kRight));
      joined.to(kOut);
      sum_into(joined);
      check_against_model(
          std::move(builder).build(), mode, true,
          [&](const Rows& left, const Rows& right) { return model_join(kind, left, right); });
    }
  }
}

TEST(TableTableJoin, JoinsATableWithWhatWasMadeOfIt) {
  const auto is_even = [](int64_t value) { return value % 2 == 0; };
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft, JoinKind::kOuter}) {
    for (const bool swapped : {false, true}) {
      TopologyBuilder builder{"test"};
      const auto all = builder.table(kLeft);
      const auto even = all.filter(is_even);
      const auto joined = swapped ? join_as(kind, even, all) : join_as(kind, all, even);
      joined.to(kOut);
      sum_into(joined);
      check_against_model(
          std::move(builder).build(), ExchangeMode::kLocal, false,
          [&](const Rows& rows, const Rows&) {
            Rows some = rows;
            std::erase_if(some, [&](const auto& row) { return !is_even(row.second); });
            return swapped ? model_join(kind, some, rows) : model_join(kind, rows, some);
          });
    }
  }
}

TEST(TableTableJoin, JoinsATableWithItsOwnAggregate) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kLeft);
  const auto counts = rows.group_by([](std::string_view key, int64_t) { return key; }).count("n");
  const auto joined = rows.join(counts, both);
  joined.to(kOut);
  sum_into(joined);
  check_against_model(std::move(builder).build(), ExchangeMode::kLocal, false,
                      [](const Rows& left, const Rows&) {
                        Rows result;
                        for (const auto& [key, value] : left) result[key] = value * 1000 + 1;
                        return result;
                      });
}

TEST(TableTableJoin, JoinsJoinedTablesWithoutStoresOfTheirOwn) {
  constexpr Topic<std::string, int64_t> kThird{"third"};
  TopologyBuilder builder{"test"};
  const auto first = builder.table(kLeft).join(builder.table(kRight), both);
  first.outer_join(builder.table(kThird), both).to(kOut);
  auto topology = std::move(builder).build();
  EXPECT_EQ(topology->stores().size(), 3U);
  Harness harness(std::move(topology));
  harness.pipe(kLeft, "a", 1, 9);
  harness.pipe(kRight, "a", 2, 1);
  harness.pipe(kThird, "a", 3, 2);
  EXPECT_THAT(harness.read(kOut),
              ElementsAre(Number{"a", 1'002'000, 9}, Number{"a", 1'002'003, 9}));
}

TEST(TableTableJoin, HasTheLargerTimestampOfBothSides) {
  TopologyBuilder builder{"test"};
  builder.table(kLeft).join(builder.table(kRight), both).to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kLeft, "a", 1, 10);
  harness.pipe(kRight, "a", 2, 5);
  harness.pipe(kRight, "a", 3, 20);
  harness.pipe(kLeft, "a", std::nullopt, 12);
  EXPECT_THAT(harness.read(kOut), ElementsAre(Number{"a", 1002, 10}, Number{"a", 1003, 20},
                                              Number{"a", std::nullopt, 20}));
}

TEST(TableTableJoin, IsSilentAboutADeleteOfSomethingNeverJoined) {
  for (const JoinKind kind : {JoinKind::kInner, JoinKind::kLeft, JoinKind::kOuter}) {
    TopologyBuilder builder{"test"};
    join_as(kind, builder.table(kLeft), builder.table(kRight)).to(kOut);
    Harness harness(std::move(builder).build());
    harness.pipe(kLeft, "a", std::nullopt);
    harness.pipe(kRight, "a", std::nullopt);
    EXPECT_THAT(harness.read(kOut), IsEmpty());
    if (kind == JoinKind::kOuter) continue;
    harness.pipe(kRight, "b", 1);
    harness.pipe(kRight, "b", std::nullopt);
    EXPECT_THAT(harness.read(kOut), IsEmpty());
  }
}

}  // namespace millrace::table_table_join_test
