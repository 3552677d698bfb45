// Any bytes that others may have written to changelogs of timers and cursors, or to the topic of
// dead letters, are refused, or do no harm.
#include <cstring>
#include <vector>

#include <gmock/gmock.h>

#include "millrace/state/timer_queue.h"
#include "millrace/testing/topology_driver.h"

#include "engine/output/dead_letters.h"
#include "engine/task/task_broadcasts.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "small_topologies.h"
#include "tests/unit/mutator.h"

namespace millrace::engine::internal_rows_fuzz_test {

using testing::DriverOptions;
using ::testing::HasSubstr;
using testing::StoredRecord;
using testing::TopologyDriver;

constexpr const char* kTimers = "test-timers-changelog";
constexpr const char* kCursors = "test-step-cursors-changelog";

/// Sets a timer for each record and reads a broadcast table.
Script timed_and_told(TimeKind kind) {
  return {.process =
              [](ProcessorContext& context, const Record& record) {
                context.timers("timers").set(record.key, 1, record.timestamp_ms + 50);
                static_cast<void>(context.broadcast("table").get(record.key));
              },
          .timers = kind,
          .on_timer =
              [](ProcessorContext& context, const Timer& timer) {
                const auto key = timer.key_as<std::string>();
                context.forward({.key = Bytes(key),
                                 .value = timer.key,
                                 .old_value = {},
                                 .timestamp_ms = 1,
                                 .headers = {}});
              },
          .broadcast = "table"};
}

DriverOptions forgiving() {
  DriverOptions options;
  options.engine.on_invalid_record = OnError::kSkip;
  options.engine.on_user_error = OnError::kSkip;
  options.engine.log_level = "error";
  return options;
}

class ForgedRows : public ::testing::TestWithParam<TimeKind> {
 protected:
  void pipe(uint32_t number) {
    const std::string key = std::to_string(number % 7);
    driver_.pipe(kLeft, key, "v", driver_.now_ms() + number % 3);
    driver_.pipe_bytes("table", key, Bytes(key), driver_.now_ms());
    driver_.run();
    driver_.advance_time(40);
    driver_.run();
  }
  StoredRecord forged(const char* changelog) {
    const auto rows = broker_of(driver_).read_committed({changelog, 0});
    const StoredRecord& other = rows[mutator_.up_to(rows.size() - 1)];
    StoredRecord row = rows[mutator_.up_to(rows.size() - 1)];
    row.offset = row.transaction = 0;
    if (mutator_.up_to(1) == 0) row.key = mutator_.mutate(row.key, other.key);
    if (mutator_.up_to(1) == 0) row.value = mutator_.mutate(row.value, other.value);
    return row;
  }

  Mutator mutator_{7};
  TopologyDriver driver_{scripted(timed_and_told(GetParam())), forgiving()};
};

INSTANTIATE_TEST_SUITE_P(Clocks, ForgedRows, ::testing::Values(TimeKind::kStream, TimeKind::kWall));

TEST_P(ForgedRows, OfTimersAndCursorsDoNoHarm) {
  size_t taken = 0;
  size_t refused = 0;
  for (uint32_t round = 0; round < 60; ++round) {
    for (uint32_t i = 0; i < 5; ++i) pipe(round + i);
    for (int i = 0; i < 30; ++i) {
      for (const char* const changelog : {kTimers, kCursors}) {
        const StoredRecord row = forged(changelog);
        const Bytes key = row.key ? Bytes(*row.key) : Bytes();
        const Bytes value = row.value ? Bytes(*row.value) : Bytes();
        const Status status = changelog == kTimers ? TimerQueue::check_row(key, value)
                                                   : TaskBroadcasts::check_row(key, value);
        if (status.ok() && row.key) broker_of(driver_).append({changelog, 0}, row);
        ++(status.ok() ? taken : refused);
      }
    }
    driver_.crash_and_restart();
    ASSERT_TRUE(driver_.try_run().ok());
  }
  EXPECT_GT(taken, 100U);
  EXPECT_GT(refused, 100U);
}

TEST_P(ForgedRows, ThatAreNoneEndTheStartWithTheirPlace) {
  for (const char* const changelog : {kTimers, kCursors}) {
    TopologyDriver driver(scripted(timed_and_told(GetParam())), forgiving());
    driver.run();
    broker_of(driver).append({changelog, 0}, {.key = "\x03"
                                                     "abc",
                                              .value = "",
                                              .headers = {}});
    driver.crash_and_restart();
    const Status status = driver.try_run();
    EXPECT_EQ(status.code(), ErrorCode::kConfig);
    EXPECT_THAT(status.message(), HasSubstr(std::string("changelog ") + changelog + "/0@"));
  }
}

TEST(ForgedDeadLetters, AreLettersOrNot) {
  Mutator mutator(11);
  size_t letters = 0;
  size_t others = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::pair<std::string, Mutator::MaybeBytes>> parts{
        {"trace", "7"},           {"millrace.error", "user_code"}, {"millrace.reason", "no"},
        {"millrace.topic", "in"}, {"millrace.partition", "3"},     {"millrace.offset", "12"},
        {"millrace.task", "0_3"}, {"millrace.key", "00ff"},        {"millrace.cut", "headers"}};
    parts.resize(mutator.up_to(parts.size()));
    std::vector<Header> headers;
    for (auto& [name, value] : parts) {
      if (mutator.up_to(9) == 0) value = mutator.mutate(value, "12");
      headers.push_back({name, value ? Bytes(*value) : Bytes()});
    }
    RecordBatch batch;
    batch.add(1, 1, Bytes("k"), Bytes("v"), headers);
    std::optional<DeadLetter> letter = read_dead_letter(batch.records().front());
    ++(letter ? letters : others);
    if (!letter) continue;
    EXPECT_GE(letter->partition, 0);
    EXPECT_GE(letter->offset, 0);
    static_cast<void>(open_dead_letter(*letter, {}));
  }
  EXPECT_GT(letters, 1'000U);
  EXPECT_GT(others, 1'000U);
}

}  // namespace millrace::engine::internal_rows_fuzz_test
