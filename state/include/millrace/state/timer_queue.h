#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>

#include "millrace/core/result.h"
#include "millrace/core/store.h"

namespace millrace {

/// Timers as rows of a store, which makes them durable, transactional and restored like any row.
///
///     0x01                              → a due row's key: no due row is before it
///     0x02, key, kind (1 byte)          → time (8 bytes, big-endian)
///     0x03, time (8 bytes), key, kind   → nothing
///
/// The rows 0x03, in the order of their keys, are the queue; the rows 0x02 find the due row of a
/// (key, kind), so the changelog has only these (`derived_rows`). Memory holds only a window: all
/// due rows before some key. The queue reads rows behind it in runs when the window is used up, and
/// never from the front, where the back end would have to pass deleted rows.
///
/// Writes belong to the task's unit; after an undo the window must be dropped (`unit_undone`). Not
/// thread-safe.
class TimerQueue {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  /// `store` must outlive this; nobody else writes it.
  explicit TimerQueue(KeyValueStore& store) : store_(store) {}

  /// `kNever` counts as the time before it. `timestamp_ms` here and below is that of the written
  /// rows, not the timer's. REQUIRES: a key that is not null, a time that is not negative.
  void set(Bytes key, uint8_t kind, int64_t time_ms, int64_t timestamp_ms);
  /// Returns whether there was such a timer.
  bool cancel(Bytes key, uint8_t kind, int64_t timestamp_ms);
  std::optional<int64_t> find(Bytes key, uint8_t kind);

  /// A time before which no timer is due; `kNever`: there is no timer. Exact after `load`.
  int64_t next_due_ms() const;
  /// Reads the next run when the window is used up.
  void load();

  struct Taken {
    std::string key;
    uint8_t kind = 0;
    int64_t time_ms = 0;
  };
  /// Removes the earliest timer. REQUIRES: after `load`, `next_due_ms()` is not `kNever`.
  void take(Taken& taken, int64_t timestamp_ms);

  void begin_unit() { has_changed_ = false; }
  /// Drops the window if the unit wrote: its writes are gone from the store.
  void unit_undone();

  /// Checks that this row of a changelog can be one of a queue. Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);
  /// The rows 0x03, which follow from the rows 0x02.
  static const DerivedRows& derived_rows();

  /// The timer of a row 0x02 or 0x03; nullopt: the row, which anybody may have written, is neither.
  static std::optional<Taken> timer_of(Bytes key, Bytes value);
  /// How the keys begin of the rows 0x03, and of the rows 0x02 of keys with a prefix.
  static std::string due_rows();
  static std::string index_rows(Bytes key_prefix);

  /// Key of the row that holds the time of (key, kind), for tests that look it up.
  static std::string index_key(Bytes key, uint8_t kind);

 private:
  /// The number of taken timers after which the queue writes its front to the store.
  static constexpr int kTakenPerMark = 500;
  static constexpr size_t kWindowRead = 500;
  static constexpr size_t kWindowMax = 2'000;

  void open();
  void add_to_window(const std::string& due_key);
  void remove_due(Bytes key, uint8_t kind, int64_t time_ms, int64_t timestamp_ms);
  void write_mark(const std::string& due_key, int64_t timestamp_ms);

  KeyValueStore& store_;
  bool is_open_ = false;
  std::set<std::string, std::less<>> window_;  ///< all due rows before `end_`
  std::string end_;
  bool is_complete_ = false;  ///< there are no rows from `end_` on
  std::string mark_;          ///< as in the store
  int taken_since_mark_ = 0;
  bool has_changed_ = false;  ///< in this unit
  std::string due_key_;       ///< scratch
  std::string index_key_;     ///< scratch
};

}  // namespace millrace
