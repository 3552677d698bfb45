#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/state/task_state.h"

#include "state_fixture.h"

namespace millrace::outbox_test {

using ::testing::IsEmpty;

/// A null value, as text: "deleted".
using Sent = std::map<std::string, RowText>;

Sent frozen_of(const TaskState& state, std::string_view store) {
  Sent sent;
  state.for_each_frozen(store, [&](const ChangelogRecord& row) {
    const std::string value = row.value.is_null() ? "deleted" : row.value.to_string();
    EXPECT_TRUE(sent.emplace(row.key.to_string(), RowText(value, row.timestamp_ms)).second);
  });
  return sent;
}

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() : state_(open_or_die(disk_options(directory_.path()), {spec("rows")})) {
    state_->add_outbox("outbox of a sink");
  }
  KeyValueStore& outbox() { return state_->store("outbox of a sink"); }
  Sent frozen() { return frozen_of(*state_, "outbox of a sink"); }

  TempDirectory directory_;
  std::unique_ptr<TaskState> state_;
};

TEST_F(OutboxTest, HoldsTheLatestRowOfAKeyUntilTheCommit) {
  std::mt19937 random(3);
  Sent dirty;
  for (int unit = 0; unit < 5'000; ++unit) {
    Sent after = dirty;
    state_->begin_unit();
    for (unsigned i = 0; i <= random() % 4; ++i) {
      const std::string key = std::to_string(random() % 700);
      const std::string value(random() % 60, static_cast<char>('a' + random() % 26));
      if (random() % 8 == 0) {
        outbox().erase(Bytes(key), unit);
        after[key] = {"deleted", unit};
      } else {
        outbox().put(Bytes(key), Bytes(value), unit);
        after[key] = {value, unit};
      }
    }
    if (random() % 3 == 0) {
      state_->undo_unit();
    } else {
      state_->end_unit();
      dirty = std::move(after);
    }
    if (unit % 1'000 != 999) continue;
    state_->freeze();
    ASSERT_EQ(frozen(), dirty);
    state_->begin_unit();
    outbox().put("0", "of the next generation", unit);
    state_->end_unit();
    dirty = {{"0", {"of the next generation", unit}}};
    ASSERT_TRUE(state_->apply_frozen(positions_at(unit)));
  }
  state_->freeze();
  EXPECT_EQ(frozen(), dirty);
  ASSERT_TRUE(state_->apply_frozen(positions_at(5'000)));
  EXPECT_EQ(state_->dirty_bytes(), 0U);
  EXPECT_THAT(content_of(outbox()), IsEmpty());
  EXPECT_FALSE(outbox().get("0"));
}

TEST_F(OutboxTest, IsEmptyAfterADiscardAndInAnotherRun) {
  outbox().put("frozen", "v", 1);
  state_->freeze();
  outbox().put("dirty", "v", 1);
  state_->discard();
  EXPECT_EQ(state_->dirty_bytes(), 0U);
  outbox().put("dirty", "v", 1);
  ASSERT_TRUE(state_->close());
  state_.reset();
  state_ = open_or_die(disk_options(directory_.path()), {spec("rows")});
  state_->add_outbox("outbox of a sink");
  state_->freeze();
  EXPECT_THAT(frozen(), IsEmpty());
}

TEST_F(OutboxTest, RefusesARowAboveItsLimitAndSaysSoUntilTheNextUnit) {
  KeyValueStore& rows = state_->store("rows");
  state_->limit_rows("rows", {.bytes_max = 10});
  state_->begin_unit();
  rows.put("key", "1234567", 1);
  EXPECT_FALSE(state_->refused_row());
  rows.put("key", "12345678", 2);
  rows.put("key", "123456789", 3);
  rows.erase("a longer key", 4);
  outbox().put("key", "no limit here", 5);
  ASSERT_TRUE(state_->refused_row());
  EXPECT_EQ(state_->refused_row()->store, "rows");
  EXPECT_EQ(state_->refused_row()->bytes, 11U);
  EXPECT_EQ(lookup(rows, "key"), RowText("1234567", 1));
  state_->undo_unit();
  state_->begin_unit();
  EXPECT_FALSE(state_->refused_row());
  state_->end_unit();
  state_->freeze();
  EXPECT_THAT(frozen_of(*state_, "rows"), IsEmpty());
  EXPECT_THAT(frozen(), IsEmpty());
}

/// A restore gives it that one, too.
TEST_F(OutboxTest, ARowOfATimeThatNoInputHasGetsTheNearestOne) {
  KeyValueStore& rows = state_->store("rows");
  state_->begin_unit();
  rows.put("key", "v", std::numeric_limits<int64_t>::max());
  rows.put("early", "v", -1);
  state_->end_unit();
  EXPECT_EQ(lookup(rows, "key"), RowText("v", kEventTimeMaxMs));
  EXPECT_EQ(lookup(rows, "early"), RowText("v", 0));
}

TEST_F(OutboxTest, RefusesRowsAndDeletionsWhoseTimeIsOutOfBounds) {
  KeyValueStore& rows = state_->store("rows");
  state_->limit_rows("rows", {.earliest_ms = 10, .latest_ms = 20});
  const auto refused_ms = [&](const std::function<void()>& change) -> std::optional<int64_t> {
    state_->begin_unit();
    change();
    std::optional<int64_t> time_ms;
    if (state_->refused_row()) time_ms = state_->refused_row()->timestamp_ms;
    state_->undo_unit();
    return time_ms;
  };
  EXPECT_EQ(refused_ms([&] { rows.put("key", "v", 9); }), 9);
  EXPECT_EQ(refused_ms([&] { rows.put("key", "v", 10); }), std::nullopt);
  EXPECT_EQ(refused_ms([&] { rows.erase("key", 20); }), std::nullopt);
  EXPECT_EQ(refused_ms([&] { rows.erase("key", 21); }), 21);
  state_->limit_rows("rows", {.earliest_ms = 11, .latest_ms = 21});
  EXPECT_EQ(refused_ms([&] { rows.erase("key", 21); }), std::nullopt);
}

}  // namespace millrace::outbox_test
