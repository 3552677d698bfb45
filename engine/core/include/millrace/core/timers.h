#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/invalid_record.h"
#include "millrace/core/serde.h"

namespace millrace {

/// Which clock drives a punctuation or a store of timers.
enum class TimeKind : unsigned char {
  kStream,  ///< the largest event time the task has processed
  kWall,    ///< the machine's: the time of day for timers, steady for punctuations
};

/// A timer that is due.
struct Timer {
  std::string_view timers;  ///< name of the store
  Bytes key;                ///< 8-byte aligned
  uint8_t kind = 0;
  int64_t time_ms = 0;  ///< the time it was set for

  /// Throws `InvalidRecord` when the key is no `K`: somebody else wrote the timer's row.
  template <class K>
  ViewOf<K> key_as() const {
    if (const Status valid = validate_as<K>(key); !valid.ok()) {
      throw InvalidRecord("the key of a timer: " + valid.message());
    }
    return view_of<K>(key);
  }
};

/// A task's timers of one store, on one clock: durable, and in one transaction with everything else
/// that a processor does. They are rows of an ordinary store, so their number costs disk, not
/// memory.
///
/// A (key, kind) has at most one timer. Due timers fire before the task takes the next record,
/// earliest first; timers of the same time fire in the order of the bytes of key and kind. That
/// holds after downtime too. Each firing is a unit of its own. A timer for a past time fires at
/// once.
///
/// The clock, `kStream`: the event time of the record to be taken next, or the largest so far. It
/// continues after a restart. `kWall`: the machine's clock. But until the task has read its inputs
/// to the ends they had when it started, the clock is not later than the event time of the record
/// to be taken next: so after downtime and in a replay timers do not overtake the records from
/// before they were due.
///
/// Not thread-safe: belongs to one task.
class Timers {
 public:
  virtual ~Timers() = default;
  /// Replaces the timer of (key, kind) if there is one. `time_ms`: since 1970-01-01 UTC; the
  /// largest int64 counts as the time before it. Throws `std::invalid_argument` for a null key or a
  /// negative time.
  virtual void set(Bytes key, uint8_t kind, int64_t time_ms) = 0;
  /// Returns whether there was such a timer.
  virtual bool cancel(Bytes key, uint8_t kind) = 0;
  /// The time at which the timer of (key, kind) is due; nullopt: there is none.
  virtual std::optional<int64_t> find(Bytes key, uint8_t kind) = 0;
  /// The time of the clock that drives them; −1: it has not begun.
  virtual int64_t now_ms() const = 0;
};

}  // namespace millrace
