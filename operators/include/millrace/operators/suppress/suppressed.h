#pragma once

#include <chrono>
#include <cstdint>

#include "millrace/operators/suppress/suppress_spec.h"

namespace millrace {

/// How many changes a suppressed table may hold back, of each task, and the way out of a full
/// buffer; `BufferConfig` makes them. Of two bounds each counts. Bytes are those of keys and rows,
/// without what the store needs.
///
/// The bounds of one that is not strict are kept by early results, so only a strict one can promise
/// that each window is emitted once.
template <bool IsStrict>
class BufferBounds {
 public:
  explicit BufferBounds(operators::BufferSpec spec) : spec_(spec) {}

  BufferBounds with_max_records(int64_t records) const {
    BufferBounds changed = *this;
    changed.spec_.records_max = records;
    return changed;
  }
  BufferBounds with_max_bytes(int64_t bytes) const {
    BufferBounds changed = *this;
    changed.spec_.bytes_max = bytes;
    return changed;
  }
  /// Emits changes before they are due, the first one first, until the others fit.
  BufferBounds<false> emit_early_when_full() const { return BufferBounds<false>(with(true)); }
  /// Fails the record whose change does not fit, as user code that throws: by default the
  /// application ends. Changes that are due make room first.
  BufferBounds<true> shut_down_when_full() const { return BufferBounds<true>(with(false)); }

  const operators::BufferSpec& spec() const { return spec_; }

 private:
  operators::BufferSpec with(bool emits_early) const {
    operators::BufferSpec changed = spec_;
    changed.emits_early = emits_early;
    return changed;
  }
  operators::BufferSpec spec_;
};

using StrictBufferConfig = BufferBounds<true>;
using EagerBufferConfig = BufferBounds<false>;

struct BufferConfig {
  /// Holds back all that it must. The buffer is a store of the task, so what the task's memory has
  /// no room for spills to the state on disk.
  static StrictBufferConfig unbounded() { return StrictBufferConfig({}); }
  /// Emits early when full.
  static EagerBufferConfig max_records(int64_t records) {
    return EagerBufferConfig({.records_max = records, .emits_early = true});
  }
  /// Emits early when full.
  static EagerBufferConfig max_bytes(int64_t bytes) {
    return EagerBufferConfig({.bytes_max = bytes, .emits_early = true});
  }
};

/// See `Suppressed`.
class UntilWindowCloses {
 public:
  explicit UntilWindowCloses(operators::SuppressSpec spec) : spec_(spec) {}
  const operators::SuppressSpec& spec() const { return spec_; }

 private:
  operators::SuppressSpec spec_;
};
class UntilTimeLimit {
 public:
  explicit UntilTimeLimit(operators::SuppressSpec spec) : spec_(spec) {}
  const operators::SuppressSpec& spec() const { return spec_; }

 private:
  operators::SuppressSpec spec_;
};

/// For how long `Table::suppress` holds back the changes of a key.
struct Suppressed {
  /// Until the window of the key closes, as `TimeWindows`, `SlidingWindows` and `SessionWindows`
  /// say, by the stream time of the suppressed table. So each window is emitted once, with its
  /// final row.
  static UntilWindowCloses until_window_closes(
      const StrictBufferConfig& buffer = BufferConfig::unbounded()) {
    return UntilWindowCloses({.until_window_closes = true, .buffer = buffer.spec()});
  }
  /// Until stream time is the limit past the timestamp of the first change that was held back. The
  /// limit is at least 0 ms.
  template <bool IsStrict = true>
  static UntilTimeLimit until_time_limit(
      std::chrono::milliseconds limit,
      const BufferBounds<IsStrict>& buffer = BufferConfig::unbounded()) {
    return UntilTimeLimit({.limit_ms = limit.count(), .buffer = buffer.spec()});
  }
};

}  // namespace millrace
