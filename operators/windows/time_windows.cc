#include <algorithm>
#include <vector>

#include "millrace/operators/detail/windowed.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/windows/window_processor.h"

namespace millrace::operators {
namespace {

/// Tumbling and hopping windows.
class TimeWindowAggregate final : public WindowProcessor {
 public:
  using WindowProcessor::WindowProcessor;

 private:
  void aggregate(const Record& record) override {
    find_windows(record);
    for (const Bytes windowed : keys_) {
      Row old = rows().get(windowed);
      if (old) {
        old_value_ = old.value.view();
        old.value = old_value_;
      }
      replace(record, windowed, old, add_to(old.value, record), record.timestamp_ms);
    }
  }

  /// The record's windows that are open, ascending, in `keys_`.
  void find_windows(const Record& record) {
    const int64_t size_ms = windows().size_ms;
    const int64_t advance_ms = windows().advance_ms;
    keys_.clear();
    size_t used = 0;
    const int64_t before_ms = std::max<int64_t>(record.timestamp_ms - size_ms + advance_ms, 0);
    for (int64_t start_ms = before_ms / advance_ms * advance_ms; start_ms <= record.timestamp_ms;
         start_ms += advance_ms) {
      const int64_t end_ms = start_ms + size_ms;
      if (is_closed(end_ms)) continue;
      if (used == buffers_.size()) buffers_.emplace_back();
      std::string& windowed = buffers_[used++];
      windowed = record.key.view();
      append_window(start_ms, end_ms, windowed);
    }
    for (size_t i = 0; i < used; ++i) keys_.push_back(Bytes(buffers_[i]));
    if (used > 1) rows().prefetch(keys_);
  }

  std::vector<std::string> buffers_;
  std::vector<Bytes> keys_;  ///< views into them
  std::string old_value_;
};

}  // namespace

ProcessorFactory time_window_aggregate(std::string store, WindowSpec windows,
                                       Aggregator aggregator) {
  return [=] { return std::make_unique<TimeWindowAggregate>(store, windows, aggregator); };
}

}  // namespace millrace::operators
