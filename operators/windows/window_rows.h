#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/window_spec.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {

/// When windows close, and when their rows go.
struct WindowLife {
  int64_t close_delay_ms = 0;  ///< closed: end + close_delay_ms < stream time
  int64_t keep_ms = 0;         ///< expired: that long after it closed
  int64_t patience_ms = 0;     ///< expired rows wait so long at most, to go together
  bool emits_final = false;    ///< `close_some` is used, and rows do not go before it gave them

  /// REQUIRES: `windows` has no fault.
  static WindowLife of(const WindowSpec& windows);
};

/// The rows of a task's windows, with the operator's own stream time. All of that is in the store,
/// so it commits or aborts with the windows and survives a restart. Views are those of the store.
class WindowRows {
 public:
  WindowRows(std::string store, WindowLife life);

  void open(ProcessorContext& context) { store_ = &context.store(name_); }

  /// Begins a unit: reads stream time, and moves it if `timestamp_ms` is later.
  void advance(int64_t timestamp_ms);
  int64_t time_ms() const { return time_ms_; }
  /// Windows that end before it are closed.
  int64_t closes_before_ms() const { return time_ms_ - life_.close_delay_ms; }
  /// The rows of windows that end before it count as gone.
  int64_t expires_before_ms() const { return closes_before_ms() - life_.keep_ms; }

  Row get(Bytes windowed) { return store_->get(windowed); }
  void prefetch(std::span<const Bytes> windowed) { store_->prefetch(windowed); }
  void put(Bytes windowed, Bytes value, int64_t timestamp_ms, bool is_new);
  void erase(Bytes windowed);

  using Visit = std::function<void(Bytes windowed, int64_t start_ms, int64_t end_ms, Row row)>;
  /// The windows of a key that start at from_ms <= start <= to_ms, ascending, closed ones too.
  /// `visit` must not use the store.
  void visit(Bytes key, int64_t from_ms, int64_t to_ms, const Visit& visit);

  /// Gives windows that have closed, each once, in the order of their ends, then of starts and
  /// keys; some hundred a call. `row` dies at the next use of the store.
  using Close = std::function<void(Bytes windowed, Row row)>;
  void close_some(const Close& close);
  /// Removes rows of expired windows, some hundred a call.
  void remove_some();

 private:
  /// A pass over the windows in the order of their ends.
  struct Pass {
    Mark mark;
    /// No window that is still to be passed ends earlier. A hint, which an undone unit must not
    /// make wrong: so it counts windows that the unit removes.
    int64_t next_end_ms = INT64_MIN;
  };
  /// The next windows that end before `before_ms`, in `due_`; moves the mark behind them.
  void take_due(Pass& pass, int64_t before_ms);
  int64_t timestamp_ms() const { return std::max<int64_t>(time_ms_, 0); }

  std::string name_;
  WindowLife life_;
  KeyValueStore* store_ = nullptr;
  int64_t time_ms_ = -1;
  int64_t removed_end_ms_ = INT64_MAX;  ///< the earliest end of a window that the unit removed
  Pass closing_{Mark::kClosed};
  Pass removing_{Mark::kRemoved};
  std::vector<std::string> due_;  ///< keys with windows
  std::string time_key_;
  std::string end_key_;
  std::string scratch_;
};

}  // namespace millrace::operators
