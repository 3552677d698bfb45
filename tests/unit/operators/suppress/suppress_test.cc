#include <chrono>
#include <map>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "millrace/core/invalid_record.h"

#include "operators/suppress/held_order.h"
#include "tests/unit/operators/suppress/suppress_steps.h"

namespace millrace::suppress_test {

using namespace std::chrono_literals;
using operators::HeldChange;
using operators::HeldChangeBytes;
using testing::Harness;
using testing::held;
using testing::kOut;
using testing::kRows;
using testing::kSums;
using testing::moved_with;

UntilTimeLimit ten(const auto& buffer) {
  return Suppressed::until_time_limit(10ms, buffer);
}

TEST(SuppressUntilTimeLimit, EmitsTheLastChangeOfAKeyAtTheLimitPastTheFirstOne) {
  Harness harness(held(Suppressed::until_time_limit(10ms)));
  table_steps(harness, {{"a", 1, 5, ""},
                        {"a", 2, 9, ""},
                        {"b", 7, 12, ""},
                        {"b", 8, 14, ""},
                        {"c", 1, 14, ""},
                        {"c", 1, 15, "a=2@9"},
                        {"a", 3, 16, ""},
                        {"d", 1, 23, "b=8@14"},
                        {"d", 1, 24, "c=1@15"},
                        {"d", 1, 25, ""},
                        {"d", 1, 26, "a=3@16"}});
}

TEST(SuppressUntilTimeLimit, EmitsInTheOrderOfDueTimesAndKeysAndTakesAChangeOfADueRow) {
  Harness harness(held(Suppressed::until_time_limit(10ms)));
  table_steps(harness, {{"c", 1, 2, ""},
                        {"a", 3, 4, ""},
                        {"b", 2, 2, ""},
                        {"d", 4, 1, ""},
                        {"a", 5, 40, "d=4@1 b=2@2 c=1@2 a=5@40"},
                        {"a", 6, 41, ""}});
}

TEST(SuppressUntilTimeLimit, PassesAChangeThatIsDueWhenItComes) {
  Harness harness(held(Suppressed::until_time_limit(10ms)));
  table_steps(harness, {{"z", 1, 100, ""},
                        {"a", 1, 90, "a=1@90"},
                        {"a", 2, 91, ""},
                        {"a", 3, 20, ""},  // the due time stays that of the first change
                        {"z", 2, 101, "a=3@20"}});
  Harness at_once(held(Suppressed::until_time_limit(0ms)));
  table_steps(at_once, {{"a", 1, 5, "a=1@5"}, {"a", 2, 5, "a=2@5"}});
}

TEST(SuppressUntilTimeLimit, HoldsDeletesBackAndEmitsNothingForARowThatCameAndWent) {
  Harness harness(held(Suppressed::until_time_limit(10ms)));
  table_steps(harness, {{"a", 1, 5, ""},
                        {"a", std::nullopt, 6, ""},
                        {"b", 2, 7, ""},
                        {"z", 0, 20, "b=2@7"},
                        {"b", std::nullopt, 21, ""},
                        {"z", 0, 31, "z=0@31 b=null@21"},
                        {"b", std::nullopt, 32, ""},
                        {"b", 3, 33, ""},
                        {"b", std::nullopt, 34, ""},
                        {"z", 0, 60, ""}});
  std::string rows;
  for (const auto& [key, row] : harness.store("held")) {
    if (!operators::is_own_row(Bytes(key))) rows += key;
  }
  EXPECT_EQ(rows, "z");
}

TEST(SuppressUntilTimeLimit, GivesAsOldTheRowThatCameOutBefore) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    Harness harness(seed % 2 == 0 ? held(ten(BufferConfig::max_records(3)))
                                  : held(Suppressed::until_time_limit(10ms)));
    std::map<std::string, int64_t> out;
    std::map<std::string, int64_t> rows;
    int64_t sum = 0;
    const auto read = [&] {
      for (const auto& change : harness.read(kOut)) {
        if (change.value) {
          out[*change.key] = *change.value;
        } else {
          EXPECT_EQ(out.erase(*change.key), 1U) << "a delete of a row that never came out";
        }
      }
      for (const auto& change : harness.read(kSums)) sum = *change.value;
      int64_t expected = 0;
      for (const auto& [key, value] : out) expected += value;
      EXPECT_EQ(sum, expected) << "seed " << seed;
    };
    for (int64_t i = 0; i < 300; ++i) {
      const std::string key(1 + random() % 2, static_cast<char>(random() % 4));
      const int64_t time_ms = std::max<int64_t>(0, i * 2 - static_cast<int64_t>(random() % 30));
      if (random() % 4 == 0) {
        harness.pipe(kRows, key, std::nullopt, time_ms);
        rows.erase(key);
      } else {
        rows[key] = static_cast<int64_t>(random() % 100);
        harness.pipe(kRows, key, rows[key], time_ms);
      }
      read();
    }
    rows["z"] = 0;
    harness.pipe(kRows, "z", 0, 1'000);
    harness.pipe(kRows, "z", 0, 2'000);
    read();
    EXPECT_EQ(out, rows) << "seed " << seed;
  }
}

TEST(SuppressUntilTimeLimit, ContinuesFromItsChangelogAsIfItHadStayed) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    const auto define = [&] {
      return held(ten(seed % 2 == 0 ? BufferConfig::max_records(4) : BufferConfig::max_bytes(90)));
    };
    Harness stays(define());
    auto moves = std::make_unique<Harness>(define());
    for (int64_t i = 0; i < 400; ++i) {
      if (i % 37 == 0) moves = moved_with(define(), *moves, {"held", "rows-table", "sums"});
      const std::string key(1 + random() % 2, static_cast<char>(random() % 3));
      const auto value = static_cast<int64_t>(random() % 9);
      const int64_t time_ms = std::max<int64_t>(0, i * 2 - static_cast<int64_t>(random() % 30));
      stays.pipe(kRows, key, value, time_ms);
      moves->pipe(kRows, key, value, time_ms);
      ASSERT_EQ(read_out(*moves), read_out(stays)) << "seed " << seed << " record " << i;
    }
  }
}

TEST(SuppressUntilTimeLimit, EmitsSomeHundredAtOnceAndTheOthersSoon) {
  Harness harness(held(Suppressed::until_time_limit(10ms)));
  for (int64_t i = 0; i < 1'200; ++i) harness.pipe(kRows, "k" + std::to_string(i), 1, 5);
  harness.pipe(kRows, "z", 1, 50);
  EXPECT_EQ(harness.read(kOut).size(), 500U);
  harness.punctuate(TimeKind::kWall, 100);
  EXPECT_EQ(harness.read(kOut).size(), 500U);
  harness.punctuate(TimeKind::kWall, 200);
  EXPECT_EQ(harness.read(kOut).size(), 200U);
}

TEST(SuppressBuffer, EmitsTheFirstEarlyWhenItIsFull) {
  Harness records(held(ten(BufferConfig::max_records(2))));
  table_steps(records, {{"a", 1, 3, ""},
                        {"b", 1, 2, ""},
                        {"b", 3, 4, ""},
                        {"c", 1, 4, "b=3@4"},
                        {"b", 4, 5, "a=1@3"},
                        {"d", 1, 1, "d=1@1"},
                        {"z", 0, 30, "c=1@4 b=4@5"}});
  Harness none(held(ten(BufferConfig::max_records(0))));
  table_steps(none, {{"a", 1, 3, "a=1@3"}, {"a", 2, 4, "a=2@4"}});
  // A key of a letter, a due time, a header and one row: 25 bytes.
  Harness bytes(held(ten(BufferConfig::max_bytes(50))));
  table_steps(bytes,
              {{"a", 1, 3, ""}, {"b", 1, 4, ""}, {"c", 1, 5, "a=1@3"}, {"a", 2, 6, "b=1@4 c=1@5"}});
}

TEST(SuppressBuffer, FailsTheRecordThatDoesNotFit) {
  Harness harness(held(ten(BufferConfig::max_records(2).shut_down_when_full())));
  table_steps(harness, {{"a", 1, 1, ""}, {"b", 1, 2, ""}, {"b", 2, 3, ""}, {"c", 1, 11, "a=1@1"}});
  EXPECT_THROW(harness.pipe(kRows, "d", 1, 11), std::runtime_error);
  Harness two(held(ten(BufferConfig::unbounded().with_max_records(9).with_max_bytes(30))));
  table_steps(two, {{"a", 1, 1, ""}});
  EXPECT_THROW(two.pipe(kRows, "b", 1, 2), std::runtime_error);
}

TEST(SuppressedTable, JoinsWithTheRowsThatCameOut) {
  TopologyBuilder builder{"test"};
  constexpr Topic<std::string, int64_t> kOthers{"others"};
  const auto sum = [](int64_t left, int64_t right) { return left + right; };
  builder.table(kRows)
      .suppress("held", Suppressed::until_time_limit(10ms))
      .join(builder.table(kOthers), sum)
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kRows, "a", 1, 5);
  harness.pipe(kOthers, "a", 10, 6);
  EXPECT_EQ(read_out(harness), "") << "the row had not come out";
  harness.pipe(kRows, "z", 0, 15);
  EXPECT_EQ(read_out(harness), "a=11@6");
  harness.pipe(kRows, "a", 2, 16);
  harness.pipe(kOthers, "a", 20, 17);
  EXPECT_EQ(read_out(harness), "a=21@17");
  harness.pipe(kRows, "z", 0, 26);
  EXPECT_EQ(read_out(harness), "a=22@17");
}

TEST(SuppressedTable, IsReadByAnyKeyAlsoOneOfItsOwnRows) {
  TopologyBuilder builder{"test"};
  constexpr Topic<std::string, int64_t> kOthers{"others"};
  const auto held = builder.table(kRows).suppress("held", Suppressed::until_time_limit(10ms));
  builder.stream(kOthers)
      .join(held, [](int64_t left, int64_t right) { return left + right; })
      .to(kOut);
  Harness harness(std::move(builder).build());
  harness.pipe(kRows, "a", 1, 300);
  harness.pipe(kRows, "b", 2, 311);  // emits the first, so all marks are there
  for (const operators::Mark mark : {operators::Mark::kTime, operators::Mark::kClosed,
                                     operators::Mark::kRemoved, operators::Mark::kHeld}) {
    std::string own;
    operators::make_mark_key(mark, own);
    harness.pipe(kOthers, own, 10, 312);
  }
  EXPECT_EQ(read_out(harness), "");
  harness.pipe(kOthers, "a", 10, 312);
  EXPECT_EQ(read_out(harness), "a=11@312");
}

TEST(SuppressedTable, CanBeMaterializedAndSuppressedAgain) {
  TopologyBuilder builder{"test"};
  builder.table(kRows)
      .suppress("first", Suppressed::until_time_limit(10ms))
      .materialize("kept")
      .suppress("second", Suppressed::until_time_limit(10ms))
      .to(kOut);
  Harness harness(std::move(builder).build());
  table_steps(harness,
              {{"a", 1, 5, ""}, {"a", 2, 15, ""}, {"z", 0, 25, ""}, {"z", 0, 50, "a=2@15"}});
}

TEST(SuppressedTable, RefusesTimesAndKeysThatItCannotKeep) {
  TopologyBuilder builder{"test"};
  builder.stream(kRows)
      .process<std::string, int64_t>(
          "when",
          [](std::string_view key, int64_t value, Emit<std::string, int64_t>& emit) {
            emit(key, value, value);
          },
          {.keeps_key = true})
      .to_table("kept")
      .suppress("held", Suppressed::until_time_limit(10ms))
      .to(kOut);
  Harness harness(std::move(builder).build());
  EXPECT_THROW(harness.pipe(kRows, "a", -1, 0), InvalidRecord);
  EXPECT_THROW(harness.pipe(kRows, "a", kEventTimeMaxMs + 1, 0), InvalidRecord);
  std::string own;
  operators::make_mark_key(operators::Mark::kTime, own);
  EXPECT_THROW(harness.pipe(kRows, own, 5, 0), InvalidRecord);
}

TEST(SuppressedTable, NamesFaultsOfItsDefinition) {
  const auto message = [](const UntilTimeLimit& until) { return held(until).message(); };
  EXPECT_EQ(message(Suppressed::until_time_limit(-1ms)),
            "topology 'test': the suppressed table 'held' has a negative time limit: -1 ms");
  EXPECT_EQ(message(ten(BufferConfig::max_records(-1).with_max_bytes(5))),
            "topology 'test': the suppressed table 'held' has a negative bound: -1 records, 5 "
            "bytes");
  EXPECT_EQ(message(Suppressed::until_time_limit(std::chrono::milliseconds(INT64_MAX))),
            "topology 'test': the suppressed table 'held' has too long a limit: 18 million years "
            "is the most");
}

TEST(HeldChanges, AreCheckedWhenTheyComeFromAChangelog) {
  using Row = Serde<HeldChange<int64_t>>;
  const std::string one = Harness::encoded<int64_t>(1);
  std::string bytes;
  Row::encode({15, Bytes(), Bytes(one)}, bytes);
  EXPECT_TRUE(Row::validate(Bytes(bytes)).ok());
  std::string json;
  ASSERT_TRUE(Row::write_json(Bytes(bytes), json).ok());
  EXPECT_EQ(json, R"({"due_ms":15,"emitted":null,"value":1})");
  const HeldChangeBytes change = Row::view(Bytes(bytes));
  EXPECT_EQ(change.due_ms, 15);
  EXPECT_TRUE(change.emitted.is_null());
  EXPECT_EQ(change.value, Bytes(one));
  EXPECT_FALSE(Row::validate(Bytes(bytes.substr(0, 7))).ok());
  EXPECT_FALSE(Row::validate(Bytes(bytes.substr(0, 12))).ok());
  EXPECT_FALSE(Row::validate(Bytes(bytes + "x")).ok()) << "no int64";
  bytes[0] = '\x7f';
  EXPECT_FALSE(Row::validate(Bytes(bytes)).ok()) << "a time to which none can be added";
  bytes[0] = '\xff';
  EXPECT_FALSE(Row::validate(Bytes(bytes)).ok()) << "a time before 1970";
}

}  // namespace millrace::suppress_test
