#pragma once

#include <string>

#include "millrace/operators/detail/aggregates.h"

#include "operators/windows/window_outputs.h"
#include "operators/windows/window_rows.h"

namespace millrace::operators {

/// The common part of windowed aggregates: stream time, late records, and how results go out.
class WindowProcessor : public Processor {
 public:
  WindowProcessor(std::string store, const WindowSpec& windows, Aggregator aggregator);

  void init(ProcessorContext& context) final;
  void process(const Record& record) final;
  /// Forwards the result of a closed window. In a call of its own: the code behind may fail.
  void on_deferred(const DeferredCall& call) final;

 protected:
  /// A record with a key and a value; `rows()` knows its time.
  virtual void aggregate(const Record& record) = 0;

  const WindowSpec& windows() const { return windows_; }
  WindowRows& rows() { return rows_; }

  /// Whether a window that ends then takes no records any more; if so, the record counts as late.
  bool is_closed(int64_t end_ms);
  /// The value of a window without records; null: none.
  Bytes initial() const { return aggregator_.initial ? Bytes(*aggregator_.initial) : Bytes(); }
  /// Aggregates the record onto `old`, the window's value so far, null: none. Null: it has none
  /// now. The result lives until the next call.
  Bytes add_to(Bytes old, const Record& record);
  /// Makes `value` that of a window, `old` before, and forwards the change. A row has the larger
  /// timestamp of its own and `timestamp_ms`. Both values are copies, not views into the store.
  void replace(const Record& record, Bytes windowed, const Row& old, Bytes value,
               int64_t timestamp_ms);

 private:
  void close_windows(int64_t timestamp_ms);

  const WindowSpec windows_;
  Aggregator aggregator_;
  WindowRows rows_;
  WindowOutputs outputs_;
  int64_t late_ms_ = 0;  ///< of the present record; 0: it is not late
  std::string added_;
  std::string final_key_;
  std::string final_value_;
  std::string forwarded_key_;  ///< of the mark
};

}  // namespace millrace::operators
