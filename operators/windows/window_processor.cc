#include "operators/windows/window_processor.h"

#include <algorithm>
#include <utility>

#include "millrace/core/invalid_record.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

/// How often windows are looked after that wait to be closed when no record comes.
constexpr int64_t kCloseIntervalMs = 100;

}  // namespace

WindowProcessor::WindowProcessor(std::string store, const WindowSpec& windows,
                                 Aggregator aggregator)
    : windows_(windows),
      aggregator_(std::move(aggregator)),
      rows_(std::move(store), WindowLife::of(windows)),
      outputs_(windows.has_late_output) {
  make_mark_key(Mark::kForwarded, forwarded_key_);
}

void WindowProcessor::init(ProcessorContext& context) {
  Processor::init(context);
  rows_.open(context);
  outputs_.open(context);
  if (!windows_.emits_final) return;
  // One record may close more windows than one unit should.
  context.schedule(TimeKind::kWall, kCloseIntervalMs, [this](int64_t) {
    rows_.advance(-1);
    close_windows(0);
    rows_.remove_some();
  });
}

void WindowProcessor::process(const Record& record) {
  if (drop_any_null(record, context())) return;
  if (record.timestamp_ms < 0 || record.timestamp_ms > kEventTimeMaxMs) {
    throw InvalidRecord("no window has the record's time, which lies before 1970 or too far ahead");
  }
  if (!rows_.admit(record.timestamp_ms)) {
    outputs_.put_too_far_ahead(record, rows_.ahead_ms(record.timestamp_ms));
    return;
  }
  late_ms_ = 0;
  aggregate(record);
  if (late_ms_ > 0) outputs_.put_late(record, late_ms_);
  if (windows_.emits_final) close_windows(record.timestamp_ms);
  rows_.remove_some();
}

bool WindowProcessor::is_closed(int64_t end_ms) {
  if (end_ms >= rows_.closes_before_ms()) return false;
  late_ms_ = std::max(late_ms_, rows_.closes_before_ms() - end_ms);
  return true;
}

Bytes WindowProcessor::add_to(Bytes old, const Record& record) {
  if (old.is_null()) old = initial();
  return aggregator_.call(record.key, record.value, old, added_) ? Bytes(added_) : Bytes();
}

void WindowProcessor::replace(const Record& record, Bytes windowed, const Row& old, Bytes value,
                              int64_t timestamp_ms) {
  if (!old && value.is_null()) return;
  if (old) timestamp_ms = std::max(timestamp_ms, old.timestamp_ms);
  timestamp_ms = std::min(timestamp_ms, kEventTimeMaxMs);
  if (value.is_null()) {
    rows_.erase(windowed, old.value);
  } else {
    rows_.put(windowed, value, timestamp_ms, !old);
  }
  if (windows_.emits_final) return;
  Record out = record;
  out.key = windowed;
  out.value = value;
  out.old_value = old.value;
  out.timestamp_ms = timestamp_ms;
  outputs_.forward(out);
}

void WindowProcessor::close_windows(int64_t timestamp_ms) {
  bool has_closed = false;
  rows_.close_some([&](Bytes by_end) {
    context().defer(by_end, timestamp_ms);
    has_closed = true;
  });
  // The last of the calls, by its key.
  if (has_closed) context().defer(Bytes(forwarded_key_), timestamp_ms);
}

void WindowProcessor::on_deferred(const DeferredCall& call) {
  rows_.advance(-1);
  if (call.key == Bytes(forwarded_key_)) {
    rows_.end_results();
    return;
  }
  if (!read_end_key(call.key, final_key_)) return;
  const Row row = rows_.get(final_key_);
  if (!row) return;
  final_value_ = row.value.view();
  Record out;
  out.key = final_key_;
  out.value = final_value_;
  out.timestamp_ms = row.timestamp_ms;
  outputs_.forward(out);
}

}  // namespace millrace::operators
