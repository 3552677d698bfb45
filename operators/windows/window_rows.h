#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/window_spec.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {

/// When windows close, and when their rows go. The records of a join have windows, too.
struct WindowLife {
  int64_t close_delay_ms = 0;  ///< closed: end + close_delay_ms < stream time
  int64_t keep_ms = 0;         ///< expired: that long after it closed
  int64_t patience_ms = 0;     ///< expired rows wait so long at most, to go together
  bool emits_final = false;    ///< `close_some` is used, and rows do not go before `end_results`
  int64_t max_ahead_ms = INT64_MAX;  ///< `admit` admits no time that is further ahead

  /// REQUIRES: `windows` has no fault.
  static WindowLife of(const WindowSpec& windows);
};

/// The rows of a task's windows, with the operator's own stream time. All of that is in the store,
/// so it commits or aborts with the windows and survives a restart. Views are those of the store.
class WindowRows {
 public:
  WindowRows(std::string store, WindowLife life, const EndOrder& order = windows_by_end());

  void open(ProcessorContext& context) { store_ = &context.store(name_); }

  /// Stream time in a store of such rows; −1: there is none yet.
  static int64_t time_ms(KeyValueStore& store) { return state_in(store).time_ms; }

  /// Begins a call: reads stream time, and moves it if `timestamp_ms` is later.
  void advance(int64_t timestamp_ms);
  /// The same, but false and no move if the time is too far ahead of stream time.
  bool admit(int64_t timestamp_ms);
  /// How far a time is ahead of stream time.
  int64_t ahead_ms(int64_t timestamp_ms) const { return timestamp_ms - state_.time_ms; }
  /// Windows that end before it are closed. A window that was closed stays so with a longer grace.
  int64_t closes_before_ms() const {
    return std::max(state_.time_ms - life_.close_delay_ms, state_.closed_before_ms);
  }
  /// The rows of windows that end before it count as gone.
  int64_t expires_before_ms() const {
    return state_.time_ms - life_.close_delay_ms - life_.keep_ms;
  }

  /// A number that this call alone has, larger than those of the calls before, for a key that it
  /// adds. Restarts do not begin it again.
  uint64_t sequence() {
    renew_generation();
    return state_.generation;
  }

  Row get(Bytes windowed) { return store_->get(windowed); }
  void prefetch(std::span<const Bytes> windowed) { store_->prefetch(windowed); }
  void put(Bytes windowed, Bytes value, int64_t timestamp_ms, bool is_new);
  /// `value`: the row's, not a view into the store.
  void erase(Bytes windowed, Bytes value);

  using Visit = std::function<void(Bytes windowed, int64_t start_ms, int64_t end_ms, Row row)>;
  /// The windows of a key that start at from_ms <= start <= to_ms, ascending, closed ones too.
  /// `visit` must not use the store.
  void visit(Bytes key, int64_t from_ms, int64_t to_ms, const Visit& visit);

  /// Gives the rows 'e' of windows that have closed, each once, in their order; some hundred a
  /// call. They stay at least until the next `end_results`.
  using Close = std::function<void(Bytes by_end)>;
  void close_some(const Close& close);
  /// The caller is done with all windows that `close_some` gave.
  void end_results();
  /// Removes rows of expired windows, some hundred a call.
  void remove_some();

  /// The row 'e' that comes before all others, of a closed window or not; none: there is no window.
  std::optional<std::string> first();
  /// Of rows that the operator writes for itself.
  int64_t timestamp_ms() const { return std::max<int64_t>(state_.time_ms, 0); }

 private:
  /// No window of some kind ends earlier, if the store has that generation.
  struct Bound {
    int64_t end_ms = INT64_MIN;
    uint64_t generation = 0;
  };
  /// A pass over the windows in the order of their ends.
  struct Pass {
    Mark mark;
    Bound next = {};  ///< of those that are still to be passed
  };
  /// The row of stream time. Each unit that moves time or a mark, or erases a window, writes
  /// another generation, and none twice. So the store does not have that of an undone unit.
  struct State {
    int64_t time_ms = -1;
    int64_t closed_before_ms = 0;  ///< windows that end before it were given by `close_some`
    uint64_t generation = 0;
  };
  void move_to(int64_t timestamp_ms);
  static State state_in(KeyValueStore& store);
  void write_state();
  /// With a change that makes hints wrong when it is taken back.
  void renew_generation() {
    if (!is_renewed_) write_state();
  }
  /// The row 'e' that a mark is at; none: before all.
  std::optional<std::string> mark_at(Mark mark);
  int64_t value_of(const Bound& bound) const {
    return bound.generation == state_.generation ? bound.end_ms : INT64_MIN;
  }
  /// The next windows that end before `before_ms`, their rows 'e' in `due_`; moves the mark behind
  /// them. `last`: the last row that may be passed, null: any. A move of it has to reset the hint.
  void take_due(Pass& pass, int64_t before_ms, const std::string* last);
  void erase_pair(Bytes row, Bytes by_end);

  std::string name_;
  WindowLife life_;
  const EndOrder& order_;
  KeyValueStore* store_ = nullptr;
  State state_;
  uint64_t last_generation_ = 0;  ///< the largest that was seen or written
  bool is_renewed_ = false;       ///< this call wrote a generation
  Pass closing_{Mark::kClosed};
  Pass removing_{Mark::kRemoved};
  Bound first_;                   ///< of all windows
  std::vector<std::string> due_;  ///< rows 'e'
  std::string end_key_;
  std::string scratch_;
};

}  // namespace millrace::operators
