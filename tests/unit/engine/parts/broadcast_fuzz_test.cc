// Any bytes in the topic of a broadcast table, and any cursor in the changelog of a task that reads
// it, are refused, or do no harm.
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "millrace/core/serde.h"
#include "millrace/testing/topology_driver.h"

#include "engine/broadcast/broadcast_copy.h"
#include "engine/task/task_broadcasts.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/mutator.h"

namespace millrace::engine::broadcast_fuzz_test {

using testing::DriverOptions;
using testing::StoredRecord;
using testing::TopologyDriver;
using Rows = std::map<std::string, std::string>;

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr std::array<int64_t, 5> kTimes{0, 1, 1'000, kLargest, -1};
constexpr int32_t kPartitions = 2;

/// Bytes of any length; now and then those of a number.
std::string any_bytes(Mutator& mutator) {
  std::string number;
  Serde<int64_t>::encode(static_cast<int64_t>(mutator.up_to(9)), number);
  if (mutator.up_to(1) == 0) return number;
  std::string bytes(mutator.up_to(40), 'x');
  return mutator.mutate(bytes, number).value_or("");
}

/// Finds by looking at all that was appended to a copy what the copy has to say.
class Model {
 public:
  struct Change {
    int32_t partition = 0;
    int64_t offset = 0;
    std::string key;
    std::optional<std::string> value;
  };

  void add(Change change) { changes_.push_back(std::move(change)); }
  const std::vector<Change>& changes() const { return changes_; }

  Rows rows(std::span<const int64_t> cursor) const {
    Rows found;
    for (const Change& change : changes_) {
      if (change.offset >= cursor[static_cast<size_t>(change.partition)]) continue;
      found.erase(change.key);
      if (change.value) found[change.key] = *change.value;
    }
    return found;
  }
  int64_t next_offset(int32_t partition, int64_t offset) const {
    for (const Change& change : changes_) {
      if (change.partition == partition && change.offset >= offset) return change.offset;
    }
    return -1;
  }
  std::optional<std::string> before(const Change& at) const {
    std::optional<std::string> found;
    for (const Change& change : changes_) {
      const bool is_earlier = change.partition == at.partition && change.offset < at.offset;
      if (is_earlier && change.key == at.key) found = change.value;
    }
    return found;
  }

 private:
  std::vector<Change> changes_;
};

/// A copy beside its model. A row stays in one partition, as a topic's writers keep it.
class CopyOfAnything {
 public:
  explicit CopyOfAnything(uint32_t seed) : mutator_(seed) {
    for (int i = 0; i < 6; ++i) keys_.push_back(any_bytes(mutator_));
  }

  void append() {
    const std::string& key = keys_[mutator_.up_to(keys_.size() - 1)];
    const auto p = static_cast<int32_t>(key.size() % kPartitions);
    int64_t& end = ends_[static_cast<size_t>(p)];
    if (mutator_.up_to(3) == 0) end += static_cast<int64_t>(mutator_.up_to(5));  // a gap
    if (mutator_.up_to(7) == 0) copy_.pass(p, end++);
    std::optional<std::string> value;
    if (mutator_.up_to(4) != 0) value = any_bytes(mutator_);
    copy_.append(p, {.offset = end,
                     .timestamp_ms = kTimes[mutator_.up_to(kTimes.size() - 1)],
                     .key = Bytes(key),
                     .value = value ? Bytes(*value) : Bytes(),
                     .headers = {}});
    model_.add({p, end++, key, value});
    if (mutator_.up_to(5) == 0) copy_.mark_end(p, end);
  }
  void prune() {
    std::vector<int64_t> floors;
    for (int32_t p = 0; p < kPartitions; ++p) floors.push_back(any_offset(p));
    copy_.prune(floors);
  }
  void compare() {
    std::vector<int64_t> cursor;
    for (int32_t p = 0; p < kPartitions; ++p) cursor.push_back(any_offset(p));
    const Rows expected = model_.rows(cursor);
    Rows found;
    copy_.for_each(cursor, [&](Bytes key, Row row) {
      found[key.to_string()] = row.value.to_string();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(row.value.data()) % sizeof(uint64_t), 0U);
      EXPECT_LE(row.timestamp_ms, kEventTimeMaxMs);
    });
    ASSERT_EQ(found, expected);
    for (const std::string& key : keys_) {
      const Row row = copy_.get(Bytes(key), cursor);
      ASSERT_EQ(!row.value.is_null(), expected.contains(key));
      if (row) {
        ASSERT_EQ(row.value.to_string(), expected.at(key));
      }
    }
    for (int32_t p = 0; p < kPartitions; ++p) {
      const int64_t offset = cursor[static_cast<size_t>(p)];
      ASSERT_EQ(copy_.next_offset(p, offset), model_.next_offset(p, offset));
    }
  }
  void compare_changes() {
    for (const Model::Change& change : model_.changes()) {
      if (change.offset < copy_.floor(change.partition)) continue;
      const BroadcastCopy::Change told = copy_.change(change.partition, change.offset, {});
      ASSERT_EQ(told.key.to_string(), change.key);
      ASSERT_EQ(optional(told.row), change.value);
      ASSERT_EQ(optional(told.row_before), model_.before(change));
      // Whatever a cursor says that was met elsewhere: no other row than that is called the old
      // one.
      const auto any = [&] { return static_cast<int64_t>(mutator_.up_to(60)); };
      const BroadcastCopy::Elsewhere elsewhere{.up_to = mutator_.up_to(9) == 0 ? kLargest : any(),
                                               .gap_end = mutator_.up_to(9) == 0 ? kLargest : any(),
                                               .may_be_ahead = mutator_.up_to(1) == 0};
      const auto doubted = copy_.change(change.partition, change.offset, elsewhere);
      ASSERT_EQ(optional(doubted.row_before),
                doubted.is_old_known ? model_.before(change) : std::nullopt);
    }
  }
  size_t up_to(size_t last) { return mutator_.up_to(last); }

 private:
  static std::optional<std::string> optional(const Row& row) {
    return row.value.is_null() ? std::nullopt : std::optional(row.value.to_string());
  }
  int64_t any_offset(int32_t p) {
    const auto from = copy_.floor(p);
    return from + static_cast<int64_t>(mutator_.up_to(static_cast<size_t>(copy_.end(p) - from)));
  }

  Mutator mutator_;
  std::vector<std::string> keys_;
  std::array<int64_t, kPartitions> ends_{};
  BroadcastCopy copy_{kPartitions};
  Model model_;
};

TEST(BroadcastCopyOfAnything, ShowsEveryCursorTheRowsBeforeIt) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    CopyOfAnything copy(seed);
    for (int step = 0; step < 60; ++step) {
      copy.append();
      if (copy.up_to(9) == 0) copy.prune();
      copy.compare();
      if (::testing::Test::HasFatalFailure()) return;
    }
    copy.compare_changes();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

constexpr const char* kTable = "table";
constexpr const char* kCursors = "test-step-cursors-changelog";

/// Says the rows of a table of numbers, of which every one that it meets is one.
Script saying_numbers() {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                std::string all;
                context.broadcast("table").for_each([&](Bytes key, Row row) {
                  EXPECT_EQ(row.value.size(), sizeof(int64_t));
                  all += fmt::format("{}={} ", key.view(), Serde<int64_t>::view(row.value));
                });
                Record said = record;
                said.value = Bytes(all);
                context.forward(said);
              },
          .broadcast = "table",
          .broadcast_value = type_info<int64_t>(),
          .on_change =
              [](ProcessorContext&, const BroadcastChange& change) {
                for (const Bytes value : {change.value, change.old_value}) {
                  EXPECT_TRUE(value.is_null() || value.size() == sizeof(int64_t));
                }
              },
          .on_reset = [](ProcessorContext&, std::string_view) {}};
}

/// The table after all that is in its topic.
std::string rows_in(const testing::MemoryBroker& broker) {
  Rows rows;
  for (int32_t p = 0; p < kPartitions; ++p) {
    for (const StoredRecord& record : broker.read_committed({kTable, p})) {
      if (!record.key) continue;
      if (record.value && record.value->size() != sizeof(int64_t)) continue;
      rows.erase(*record.key);
      if (record.value) rows[*record.key] = *record.value;
    }
  }
  std::string all;
  for (const auto& [key, value] : rows) {
    all += fmt::format("{}={} ", key, Serde<int64_t>::view(Bytes(value)));
  }
  return all;
}

class ForgedTable : public ::testing::Test {
 protected:
  static DriverOptions options() {
    DriverOptions options;
    options.topic_partitions = {{kTable, kPartitions}};
    options.engine.on_invalid_record = OnError::kSkip;
    options.engine.log_level = "error";
    return options;
  }
  /// Bytes that are no row have keys of their own: a compaction leaves them in place of a row that
  /// some readers had before.
  void write_any_row() {
    const bool is_row = mutator_.up_to(1) == 0;
    StoredRecord row{.timestamp_ms = kTimes[mutator_.up_to(kTimes.size() - 1)],
                     .key = (is_row ? "k" : "x") + std::to_string(mutator_.up_to(9)),
                     .value = any_bytes(mutator_),
                     .headers = {}};
    const auto p = static_cast<int32_t>(row.key->back() % kPartitions);
    if (is_row != (row.value->size() == sizeof(int64_t))) row.value->resize(is_row ? 8 : 9, 'x');
    if (mutator_.up_to(9) == 0) row.key.reset();
    if (mutator_.up_to(5) == 0) row.value.reset();
    broker_of(driver_).append({kTable, p}, row);
  }
  /// Numbers of a cursor, of this version, the earlier one, or none.
  std::string any_cursor() {
    std::string value;
    for (size_t i = mutator_.up_to(5); i > 0; --i) {
      const std::array<int64_t, 6> numbers{0,
                                           -1,
                                           kLargest,
                                           static_cast<int64_t>(mutator_.up_to(200)),
                                           driver_.now_ms(),
                                           std::numeric_limits<int64_t>::min()};
      Serde<int64_t>::encode(numbers[mutator_.up_to(numbers.size() - 1)], value);
    }
    if (mutator_.up_to(3) == 0) return mutator_.mutate(value, "x").value_or("");
    return value;
  }
  StoredRecord any_cursor_row() {
    std::string key = kTable;
    key.push_back('\0');
    Serde<int32_t>::encode(static_cast<int32_t>(mutator_.up_to(kPartitions)), key);
    StoredRecord row{.key = key, .value = any_cursor(), .headers = {}};
    if (mutator_.up_to(9) == 0) row.key = mutator_.mutate(row.key, "\0abcd").value_or("");
    if (mutator_.up_to(19) == 0) row.value.reset();
    return row;
  }
  void forge_cursors() {
    for (int i = 0; i < 20; ++i) {
      const StoredRecord row = any_cursor_row();
      const Bytes value = row.value ? Bytes(*row.value) : Bytes();
      const bool is_taken = TaskBroadcasts::check_row(Bytes(*row.key), value).ok();
      ++(is_taken ? taken_ : refused_);
      if (!is_taken) continue;
      EXPECT_TRUE(value.is_null() || value.size() == 16 || value.size() == 24);
      broker_of(driver_).append({kCursors, 0}, row);
    }
  }

  Mutator mutator_{17};
  TopologyDriver driver_{scripted(saying_numbers()), options()};
  size_t taken_ = 0;
  size_t refused_ = 0;
};

TEST_F(ForgedTable, AndForgedCursorsDoNoHarm) {
  driver_.run();
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    for (size_t i = mutator_.up_to(12); i > 0; --i) write_any_row();
    if (mutator_.up_to(2) == 0) broker_of(driver_).compact(kTable, driver_.now_ms());
    if (mutator_.up_to(2) == 0) forge_cursors();
    if (mutator_.up_to(1) == 0) driver_.crash_and_restart();
    driver_.advance_time(static_cast<int64_t>(mutator_.up_to(3'600'000)));
    const Status status = driver_.try_run();
    ASSERT_TRUE(status.ok()) << status.message();
    driver_.pipe(kLeft, "k", "v", driver_.now_ms());
    ASSERT_TRUE(driver_.try_run().ok());
    const auto said = driver_.read(kOut);
    ASSERT_EQ(said.size(), 1U);
    ASSERT_EQ(std::string(said.front().value()), rows_in(broker_of(driver_)));
  }
  EXPECT_GT(taken_, 200U);
  EXPECT_GT(refused_, 200U);
}

}  // namespace millrace::engine::broadcast_fuzz_test
