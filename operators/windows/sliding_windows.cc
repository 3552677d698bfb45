#include <algorithm>
#include <deque>
#include <optional>

#include "millrace/operators/detail/windowed.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/windows/window_processor.h"

namespace millrace::operators {
namespace {

/// Each record has a window that ends with it, and one that begins right behind it if a later
/// record is in that. So of all windows that a record is in, those exist that differ in content.
class SlidingWindowAggregate final : public WindowProcessor {
 public:
  using WindowProcessor::WindowProcessor;

 private:
  /// A window as it was before the record.
  struct Found {
    int64_t start_ms = 0;
    int64_t timestamp_ms = 0;  ///< of its latest record
    std::string value;
  };

  void aggregate(const Record& record) override {
    const int64_t time_ms = record.timestamp_ms;
    if (is_closed(time_ms + windows().size_ms)) return;
    // One more, for the window that begins right behind the record.
    find(record.key, std::max<int64_t>(time_ms - 2 * windows().size_ms, 0), time_ms + 1);
    if (time_ms < windows().size_ms) {
      add_early(record);
    } else {
      add(record);
    }
  }

  void find(Bytes key, int64_t from_ms, int64_t to_ms) {
    found_count_ = 0;
    rows().visit(key, from_ms, to_ms, [&](Bytes, int64_t start_ms, int64_t end_ms, Row row) {
      if (end_ms < rows().expires_before_ms()) return;
      if (end_ms - start_ms != windows().size_ms) return;  // of a program with another difference
      if (found_count_ == found_.size()) found_.emplace_back();
      Found& found = found_[found_count_++];
      found.start_ms = start_ms;
      found.timestamp_ms = row.timestamp_ms;
      found.value = row.value.view();
    });
  }

  bool exists(int64_t start_ms) const {
    const auto end = found_.begin() + static_cast<std::ptrdiff_t>(found_count_);
    return std::any_of(found_.begin(), end,
                       [&](const Found& found) { return found.start_ms == start_ms; });
  }

  void add(const Record& record) {
    const int64_t time_ms = record.timestamp_ms;
    const Found* before = nullptr;  // the last window that ends before the record
    const Found* around = nullptr;  // the last one that ends behind it
    bool has_own = false;           // there is the window that ends with the record
    std::optional<int64_t> previous_ms;
    for (size_t i = found_count_; i-- > 0;) {
      const Found& found = found_[i];
      const int64_t end_ms = found.start_ms + windows().size_ms;
      if (found.start_ms > time_ms) continue;
      if (end_ms < time_ms) {
        before = &found;
        previous_ms = found.timestamp_ms;
        break;
      }
      update(record, found);
      if (end_ms > time_ms) {
        if (around == nullptr) around = &found;
        continue;
      }
      if (found.timestamp_ms >= time_ms) return;  // another record of that time made all windows
      has_own = true;
      previous_ms = found.timestamp_ms;
    }
    if (previous_ms && !exists(*previous_ms + 1) &&
        *previous_ms + 1 + windows().size_ms >= time_ms) {
      create(record, *previous_ms + 1, Bytes());
    }
    if (!has_own) {
      const int64_t start_ms = time_ms - windows().size_ms;
      const bool shares = before != nullptr && *previous_ms >= start_ms;
      create(record, start_ms, shares ? Bytes(before->value) : Bytes());
    }
    if (around != nullptr) copy_behind(record, *around);
  }

  /// A record from before the first whole window since 1970.
  void add_early(const Record& record) {
    const int64_t time_ms = record.timestamp_ms;
    const Found* first = nullptr;  // the window that begins at 0
    const Found* around = nullptr;
    std::optional<int64_t> previous_ms;
    for (size_t i = 0; i < found_count_; ++i) {
      const Found& found = found_[i];
      if (found.start_ms == 0) {
        first = &found;
        if (found.timestamp_ms < time_ms) previous_ms = found.timestamp_ms;
      } else if (found.start_ms <= time_ms) {
        around = &found;
        update(record, found);
      }
    }
    if (around == nullptr) around = first;
    if (around != nullptr) copy_behind(record, *around);
    if (previous_ms && !exists(*previous_ms + 1)) create(record, *previous_ms + 1, Bytes());
    if (first != nullptr) {
      update(record, *first);
    } else {
      create(record, 0, Bytes());
    }
  }

  void make_key(Bytes key, int64_t start_ms) {
    windowed_ = key.view();
    append_window(start_ms, start_ms + windows().size_ms, windowed_);
  }

  bool takes_records(int64_t start_ms) {
    return start_ms + windows().size_ms >= rows().closes_before_ms();
  }

  void update(const Record& record, const Found& found) {
    if (!takes_records(found.start_ms)) return;
    make_key(record.key, found.start_ms);
    const Row old{Bytes(found.value), found.timestamp_ms};
    replace(record, windowed_, old, add_to(old.value, record), record.timestamp_ms);
  }

  /// A window with the record, and with all that is in `shared`.
  void create(const Record& record, int64_t start_ms, Bytes shared) {
    if (!takes_records(start_ms)) return;
    make_key(record.key, start_ms);
    replace(record, windowed_, Row(), add_to(shared, record), record.timestamp_ms);
  }

  /// Makes the window that begins right behind the record, if there are later ones, `around`.
  void copy_behind(const Record& record, const Found& around) {
    if (around.timestamp_ms <= record.timestamp_ms || exists(record.timestamp_ms + 1)) return;
    make_key(record.key, record.timestamp_ms + 1);
    replace(record, windowed_, Row(), Bytes(around.value), around.timestamp_ms);
  }

  std::deque<Found> found_;  ///< ascending; keeps its memory for the next record
  size_t found_count_ = 0;
  std::string windowed_;
};

}  // namespace

ProcessorFactory sliding_window_aggregate(std::string store, WindowSpec windows,
                                          Aggregator aggregator) {
  return [=] { return std::make_unique<SlidingWindowAggregate>(store, windows, aggregator); };
}

}  // namespace millrace::operators
