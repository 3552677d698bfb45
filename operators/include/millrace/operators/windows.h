#pragma once

#include <chrono>
#include <string_view>

#include "millrace/operators/detail/window_spec.h"

namespace millrace {

/// The header in which a record of a late output says by how many ms it was too late, or how many
/// it was ahead of stream time, in decimal digits.
inline constexpr std::string_view kLateHeader = "millrace.late.ms";
inline constexpr std::string_view kAheadHeader = "millrace.ahead.ms";

/// Windows of a fixed size: `of(5min)` follow each other, `of(5min).advance_by(1min)` overlap, so
/// that a record is in five. Windows begin at multiples of the advance since 1970; a window has the
/// records with start <= time < end. Sizes are at least 1 ms; the advance is at most the size.
///
/// A window closes when stream time, the largest event time that the operator has seen of any key,
/// reaches its end and the grace. A record leaves out its windows that are closed; one that lost a
/// window counts as late. Without a call there is no grace.
class TimeWindows {
 public:
  static TimeWindows of(std::chrono::milliseconds size) {
    return TimeWindows({.kind = operators::WindowKind::kTime,
                        .size_ms = size.count(),
                        .advance_ms = size.count()});
  }
  TimeWindows advance_by(std::chrono::milliseconds advance) const {
    TimeWindows changed = *this;
    changed.spec_.advance_ms = advance.count();
    return changed;
  }
  TimeWindows grace(std::chrono::milliseconds grace) const {
    TimeWindows changed = *this;
    changed.spec_.grace_ms = grace.count();
    return changed;
  }
  /// How long, from a window's start, its row can be read. At least, and without a call, size and
  /// grace. Rows may stay up to an eighth longer.
  TimeWindows retention(std::chrono::milliseconds retention) const {
    TimeWindows changed = *this;
    changed.spec_.retention_ms = retention.count();
    return changed;
  }
  /// Leaves out records that are more than this ahead of stream time, so that one with a wrong time
  /// does not close everybody's windows: dropped, counted "too_far_ahead", and moving no time. The
  /// first record of a task sets its stream time whatever it is. At least 1 ms; without a call
  /// there is no bound.
  ///
  /// Choose more than the longest silence of the topic. After a longer one every record is too far
  /// ahead, and stays so until a program with a larger bound or none takes over.
  TimeWindows max_ahead(std::chrono::milliseconds ahead) const {
    TimeWindows changed = *this;
    changed.spec_.max_ahead_ms = ahead.count();
    return changed;
  }
  const operators::WindowSpec& spec() const { return spec_; }

 private:
  explicit TimeWindows(operators::WindowSpec spec) : spec_(spec) {}
  operators::WindowSpec spec_;
};

/// A window for each set of records of a key that are at most the time difference apart: each
/// record has a window that ends with it, and one that begins right behind it when a later record
/// is in that. Start and end, the difference apart, are both part of a window. Records from before
/// the difference since 1970 share the window that begins there.
///
/// A window closes when stream time passes its end and the grace. A record of which all windows are
/// closed counts as late.
class SlidingWindows {
 public:
  static SlidingWindows of_time_difference(std::chrono::milliseconds difference) {
    return SlidingWindows({.kind = operators::WindowKind::kSliding, .size_ms = difference.count()});
  }
  SlidingWindows grace(std::chrono::milliseconds grace) const {
    SlidingWindows changed = *this;
    changed.spec_.grace_ms = grace.count();
    return changed;
  }
  /// As for `TimeWindows`, at least twice the difference and the grace.
  SlidingWindows retention(std::chrono::milliseconds retention) const {
    SlidingWindows changed = *this;
    changed.spec_.retention_ms = retention.count();
    return changed;
  }
  /// As for `TimeWindows`.
  SlidingWindows max_ahead(std::chrono::milliseconds ahead) const {
    SlidingWindows changed = *this;
    changed.spec_.max_ahead_ms = ahead.count();
    return changed;
  }
  const operators::WindowSpec& spec() const { return spec_; }

 private:
  explicit SlidingWindows(operators::WindowSpec spec) : spec_(spec) {}
  operators::WindowSpec spec_;
};

/// Sessions of a key: records of which each is at most the gap behind the one before. Start and end
/// are the times of the first and the last one. A record may connect two sessions to one.
///
/// A session closes when stream time passes its end, the gap and the grace. A record whose session,
/// merged with those it connects, is closed counts as late.
class SessionWindows {
 public:
  static SessionWindows of_inactivity_gap(std::chrono::milliseconds gap) {
    return SessionWindows({.kind = operators::WindowKind::kSession, .size_ms = gap.count()});
  }
  SessionWindows grace(std::chrono::milliseconds grace) const {
    SessionWindows changed = *this;
    changed.spec_.grace_ms = grace.count();
    return changed;
  }
  /// As for `TimeWindows`, but from a session's end; at least the gap and the grace.
  SessionWindows retention(std::chrono::milliseconds retention) const {
    SessionWindows changed = *this;
    changed.spec_.retention_ms = retention.count();
    return changed;
  }
  /// As for `TimeWindows`.
  SessionWindows max_ahead(std::chrono::milliseconds ahead) const {
    SessionWindows changed = *this;
    changed.spec_.max_ahead_ms = ahead.count();
    return changed;
  }
  const operators::WindowSpec& spec() const { return spec_; }

 private:
  explicit SessionWindows(operators::WindowSpec spec) : spec_(spec) {}
  operators::WindowSpec spec_;
};

/// Which records of two streams join: those of one key with left time − before <= right time <=
/// left time + after. `of_time_difference(10s)` makes both 10 s; `before` and `after` then change
/// one of them. One may be negative, so that a right record comes some time after the left one, as
/// long as their sum is not.
///
/// So a left record waits for right ones until its time and `after`, a right one until its time and
/// `before`, or until its own time if that is later. That is the end of its window, which closes
/// when stream time, the largest event time of both sides and of any key, passes the end and the
/// grace. Without a call there is no grace.
class JoinWindows {
 public:
  static JoinWindows of_time_difference(std::chrono::milliseconds difference) {
    return JoinWindows({.before_ms = difference.count(), .after_ms = difference.count()});
  }
  JoinWindows before(std::chrono::milliseconds difference) const {
    JoinWindows changed = *this;
    changed.spec_.before_ms = difference.count();
    return changed;
  }
  JoinWindows after(std::chrono::milliseconds difference) const {
    JoinWindows changed = *this;
    changed.spec_.after_ms = difference.count();
    return changed;
  }
  JoinWindows grace(std::chrono::milliseconds grace) const {
    JoinWindows changed = *this;
    changed.spec_.grace_ms = grace.count();
    return changed;
  }
  /// As for `TimeWindows`.
  JoinWindows max_ahead(std::chrono::milliseconds ahead) const {
    JoinWindows changed = *this;
    changed.spec_.max_ahead_ms = ahead.count();
    return changed;
  }
  const operators::JoinWindowSpec& spec() const { return spec_; }

 private:
  explicit JoinWindows(operators::JoinWindowSpec spec) : spec_(spec) {}
  operators::JoinWindowSpec spec_;
};

}  // namespace millrace
