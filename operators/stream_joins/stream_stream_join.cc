#include <algorithm>
#include <utility>

#include "millrace/core/invalid_record.h"
#include "millrace/operators/detail/stream_joins.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/null_rules.h"
#include "operators/stream_joins/join_order.h"
#include "operators/windows/window_rows.h"

namespace millrace::operators {
namespace {

/// How often records are looked after whose windows wait to be closed when no record comes.
constexpr int64_t kUnjoinedIntervalMs = 100;
/// The part of the time that a row lives for which it may wait to go with others.
constexpr int64_t kJoinPatienceParts = 8;

JoinSide other_side(JoinSide side) {
  return side == JoinSide::kLeft ? JoinSide::kRight : JoinSide::kLeft;
}

/// Whether a join emits a record of the side that joined nothing.
bool emits_unjoined(JoinKind kind, JoinSide side) {
  return kind == JoinKind::kOuter || (kind == JoinKind::kLeft && side == JoinSide::kLeft);
}

WindowLife life_of(const StreamJoin& join) {
  const JoinWindowSpec& windows = join.windows;
  return {
      .close_delay_ms = windows.grace_ms,
      .keep_ms = 0,
      .patience_ms = (windows.before_ms + windows.after_ms + windows.grace_ms) / kJoinPatienceParts,
      .emits_final = join.kind != JoinKind::kInner,
      .max_ahead_ms = windows.max_ahead_ms.value_or(INT64_MAX)};
}

class StreamStreamJoin final : public Processor {
 public:
  StreamStreamJoin(std::string store, StreamJoin join, std::vector<JoinSide> sides)
      : name_(std::move(store)),
        join_(std::move(join)),
        sides_(std::move(sides)),
        rows_(name_, life_of(join_), joined_by_end()) {
    make_mark_key(Mark::kForwarded, forwarded_key_);
  }

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_.open(context);
    store_ = &context.store(name_);
    if (join_.kind == JoinKind::kInner) return;
    // One record may close more windows than one unit should.
    context.schedule(TimeKind::kWall, kUnjoinedIntervalMs, [this](int64_t) {
      rows_.advance(-1);
      close_windows(0);
      rows_.remove_some();
    });
  }

  void process(const Record& record) override {
    const JoinSide side = sides_[context().parent()];
    const bool takes_null_key = emits_unjoined(join_.kind, side) && join_.joiner_takes_null_key;
    if (drop_untaken_null(takes_null_key, false, record, context())) return;
    if (record.timestamp_ms < 0 || record.timestamp_ms > kEventTimeMaxMs) {
      throw InvalidRecord("the record's time lies before 1970 or too far ahead for a join");
    }
    if (record.key.is_null()) {
      forward(record, side, record.value, Bytes());
      return;
    }
    if (!rows_.admit(record.timestamp_ms)) {
      context().count_dropped("too_far_ahead");
      return;
    }
    const int64_t end_ms = end_of(side, record.timestamp_ms);
    if (const int64_t late_ms = rows_.closes_before_ms() - end_ms; late_ms > 0) {
      context().count_late(late_ms);
    } else {
      join(record, side, end_ms);
    }
    if (join_.kind != JoinKind::kInner) close_windows(record.timestamp_ms);
    rows_.remove_some();
  }

  /// Forwards a record that joined nothing. In a call of its own: the code behind may fail.
  void on_deferred(const DeferredCall& call) override {
    rows_.advance(-1);
    if (call.key == Bytes(forwarded_key_)) {
      rows_.end_results();
      return;
    }
    if (!joined_by_end().read_key(call.key, row_key_)) return;
    const Row row = rows_.get(row_key_);
    if (!row) return;
    row_ = row.value.view();
    const StreamJoinKeyBytes key = decode_stream_join_key(row_key_);
    const StreamJoinRowBytes parts = decode_stream_join_row(row_);
    if (!parts.is_unjoined) return;
    Record out;
    out.key = key.key;
    out.timestamp_ms = key.time_ms;
    forward(out, parts.side, parts.value, Bytes());
  }

 private:
  /// A row of the other side, in its own buffers.
  struct Found {
    std::string key;
    std::string row;
    int64_t time_ms = 0;
  };

  /// How far behind a record of the side those of the other one may be, and how far ahead.
  int64_t reach_back_ms(JoinSide side) const {
    return side == JoinSide::kLeft ? join_.windows.before_ms : join_.windows.after_ms;
  }
  int64_t reach_ahead_ms(JoinSide side) const { return reach_back_ms(other_side(side)); }
  int64_t end_of(JoinSide side, int64_t time_ms) const {
    return time_ms + std::max<int64_t>(reach_ahead_ms(side), 0);
  }

  void join(const Record& record, JoinSide side, int64_t end_ms) {
    find(record, side);
    const bool is_unjoined = found_count_ == 0 && emits_unjoined(join_.kind, side);
    encode_stream_join_key({record.key, side, record.timestamp_ms, end_ms, rows_.sequence()},
                           row_key_);
    encode_stream_join_row({side, is_unjoined, record.value}, row_);
    rows_.put(row_key_, row_, record.timestamp_ms, true);
    for (size_t i = 0; i < found_count_; ++i) {
      const Found& found = found_[i];
      const StreamJoinRowBytes other = decode_stream_join_row(found.row);
      if (other.is_unjoined) {
        encode_stream_join_row({other.side, false, other.value}, row_);
        rows_.put(found.key, row_, found.time_ms, false);
      }
      Record out = record;
      out.timestamp_ms = std::max(record.timestamp_ms, found.time_ms);
      forward(out, side, record.value, other.value);
    }
  }

  /// The rows that the record joins: of the other side, with open windows, in the order of times.
  void find(const Record& record, JoinSide side) {
    found_count_ = 0;
    const int64_t from_ms = record.timestamp_ms - reach_back_ms(side);
    const int64_t to_ms = record.timestamp_ms + reach_ahead_ms(side);
    encode_stream_join_group(record.key, other_side(side), group_);
    // A scan of a whole group: the store holds groups in memory.
    for (const auto rows = store_->prefix(group_); rows->valid(); rows->next()) {
      const Bytes row_key = rows->key();
      // Rows of a key that continues with a side and a NUL may lie between.
      if (row_key.size() != group_.size() + kNumbersBytes || !is_stream_join_key(row_key)) continue;
      const StreamJoinKeyBytes parts = decode_stream_join_key(row_key);
      if (parts.time_ms > to_ms) break;
      if (parts.time_ms < from_ms || parts.end_ms < rows_.closes_before_ms()) continue;
      if (found_count_ == found_.size()) found_.emplace_back();
      Found& found = found_[found_count_++];
      found.key = row_key.view();
      found.row = rows->row().value.view();
      found.time_ms = parts.time_ms;
    }
  }

  /// `out` with the joined value. `own` is of the side, `other` null where there is none.
  void forward(Record out, JoinSide side, Bytes own, Bytes other) {
    const bool is_left = side == JoinSide::kLeft;
    const bool has_value =
        join_.joiner(out.key, is_left ? own : other, is_left ? other : own, value_);
    out.value = has_value ? Bytes(value_) : Bytes();
    out.old_value = Bytes();
    context().forward(out);
  }

  void close_windows(int64_t timestamp_ms) {
    bool has_closed = false;
    rows_.close_some([&](Bytes by_end) {
      has_closed = true;
      if (!joined_by_end().read_key(by_end, row_key_)) return;
      const Row row = rows_.get(row_key_);
      if (row && decode_stream_join_row(row.value).is_unjoined) {
        context().defer(by_end, timestamp_ms);
      }
    });
    // The last of the calls, by its key.
    if (has_closed) context().defer(Bytes(forwarded_key_), timestamp_ms);
  }

  /// Behind the group in a row's key: time, end and sequence.
  static constexpr size_t kNumbersBytes = 3 * sizeof(int64_t);

  const std::string name_;
  StreamJoin join_;
  const std::vector<JoinSide> sides_;
  WindowRows rows_;
  KeyValueStore* store_ = nullptr;  ///< of `rows_`
  std::vector<Found> found_;        ///< kept for their buffers
  size_t found_count_ = 0;
  std::string group_;
  std::string row_key_;
  std::string row_;
  std::string value_;
  std::string forwarded_key_;  ///< of the mark
};

}  // namespace

ProcessorFactory stream_stream_join(std::string store, StreamJoin join,
                                    std::vector<JoinSide> sides) {
  return [=] { return std::make_unique<StreamStreamJoin>(store, join, sides); };
}

}  // namespace millrace::operators
