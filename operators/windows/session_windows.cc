#include <algorithm>
#include <deque>

#include "millrace/operators/detail/windowed.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/windows/window_processor.h"

namespace millrace::operators {
namespace {

class SessionAggregate final : public WindowProcessor {
 public:
  SessionAggregate(std::string store, const WindowSpec& windows, Aggregator aggregator,
                   AggregateFunction merge)
      : WindowProcessor(std::move(store), windows, std::move(aggregator)),
        merge_(std::move(merge)) {}

 private:
  struct Session {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    int64_t timestamp_ms = 0;
    std::string value;
  };

  void aggregate(const Record& record) override {
    find(record);
    int64_t start_ms = record.timestamp_ms;
    int64_t end_ms = record.timestamp_ms;
    for (size_t i = 0; i < found_count_; ++i) {
      start_ms = std::min(start_ms, found_[i].start_ms);
      end_ms = std::max(end_ms, found_[i].end_ms);
    }
    if (is_closed(end_ms)) return;
    const Bytes merged = merge_found(record.key);
    // A session of this very time stays, and only its value changes.
    const bool stays = found_count_ > 0 && start_ms == end_ms;
    if (!stays) retract(record);
    make_key(record.key, start_ms, end_ms);
    const Row old = stays ? Row{Bytes(found_[0].value), found_[0].timestamp_ms} : Row();
    replace(record, windowed_, old, add_to(merged, record), end_ms);
  }

  /// The sessions that the record connects, ascending.
  void find(const Record& record) {
    found_count_ = 0;
    const int64_t gap_ms = windows().size_ms;
    const int64_t from_ms =
        std::max(record.timestamp_ms - gap_ms,
                 windows().emits_final ? rows().closes_before_ms() : rows().expires_before_ms());
    rows().visit(record.key, 0, record.timestamp_ms + gap_ms,
                 [&](Bytes, int64_t start_ms, int64_t end_ms, Row row) {
                   if (end_ms < from_ms) return;
                   if (found_count_ == found_.size()) found_.emplace_back();
                   Session& found = found_[found_count_++];
                   found.start_ms = start_ms;
                   found.end_ms = end_ms;
                   found.timestamp_ms = row.timestamp_ms;
                   found.value = row.value.view();
                 });
  }

  /// The aggregate of all sessions that were found; null: none.
  Bytes merge_found(Bytes key) {
    Bytes merged = initial();
    for (size_t i = 0; i < found_count_; ++i) {
      if (merged.is_null()) {
        merged = Bytes(found_[i].value);
        continue;
      }
      const bool has_value = merge_(key, merged, Bytes(found_[i].value), next_);
      merged_.swap(next_);
      merged = has_value ? Bytes(merged_) : Bytes();
    }
    return merged;
  }

  void retract(const Record& record) {
    for (size_t i = 0; i < found_count_; ++i) {
      const Session& found = found_[i];
      make_key(record.key, found.start_ms, found.end_ms);
      replace(record, windowed_, {Bytes(found.value), found.timestamp_ms}, Bytes(), found.end_ms);
    }
  }

  void make_key(Bytes key, int64_t start_ms, int64_t end_ms) {
    windowed_ = key.view();
    append_window(start_ms, end_ms, windowed_);
  }

  AggregateFunction merge_;
  std::deque<Session> found_;  ///< keeps its memory for the next record
  size_t found_count_ = 0;
  std::string windowed_;
  std::string merged_;
  std::string next_;
};

}  // namespace

ProcessorFactory session_aggregate(std::string store, WindowSpec windows, Aggregator aggregator,
                                   AggregateFunction merge) {
  return [=] { return std::make_unique<SessionAggregate>(store, windows, aggregator, merge); };
}

AggregateFunction merge_counts() {
  return [](Bytes, Bytes first, Bytes second, std::string& out) {
    const auto sum = static_cast<uint64_t>(Serde<int64_t>::view(first)) +
                     static_cast<uint64_t>(Serde<int64_t>::view(second));
    out.clear();
    Serde<int64_t>::encode(static_cast<int64_t>(sum), out);
    return true;
  };
}

}  // namespace millrace::operators
