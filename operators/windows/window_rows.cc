#include "operators/windows/window_rows.h"

#include <utility>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

/// Most windows that a unit closes, and most that it removes.
constexpr size_t kDueMax = 500;
/// The part of the retention that expired rows may wait to go together.
constexpr int64_t kPatienceParts = 8;

}  // namespace

WindowLife WindowLife::of(const WindowSpec& windows) {
  WindowLife life{.emits_final = windows.emits_final};
  int64_t shortest_ms = windows.size_ms + windows.grace_ms;
  switch (windows.kind) {
    case WindowKind::kTime:
      life.close_delay_ms = windows.grace_ms - 1;
      break;
    case WindowKind::kSliding:
      life.close_delay_ms = windows.grace_ms;
      break;
    case WindowKind::kSession:
      life.close_delay_ms = shortest_ms;
      break;
  }
  const int64_t retention_ms = windows.retention_ms.value_or(windows.retention_min_ms());
  life.keep_ms = retention_ms - shortest_ms;
  life.patience_ms = retention_ms / kPatienceParts;
  return life;
}

WindowRows::WindowRows(std::string store, WindowLife life) : name_(std::move(store)), life_(life) {
  make_mark_key(Mark::kTime, time_key_);
}

void WindowRows::advance(int64_t timestamp_ms) {
  removed_end_ms_ = INT64_MAX;
  const Row row = store_->get(time_key_);
  time_ms_ = -1;
  if (row && row.value.size() == sizeof time_ms_) {
    time_ms_ = std::clamp<int64_t>(Serde<int64_t>::view(row.value), -1, kEventTimeMaxMs);
  }
  if (timestamp_ms <= time_ms_) return;
  time_ms_ = timestamp_ms;
  scratch_.clear();
  Serde<int64_t>::encode(time_ms_, scratch_);
  store_->put(time_key_, scratch_, time_ms_);
}

void WindowRows::put(Bytes windowed, Bytes value, int64_t timestamp_ms, bool is_new) {
  store_->put(windowed, value, timestamp_ms);
  if (!is_new) return;
  make_end_key(windowed, end_key_);
  store_->put(end_key_, Bytes(""), timestamp_ms);
  const int64_t end_ms = decode_windowed(windowed).end_ms;
  closing_.next_end_ms = std::min(closing_.next_end_ms, end_ms);
  removing_.next_end_ms = std::min(removing_.next_end_ms, end_ms);
}

void WindowRows::erase(Bytes windowed) {
  store_->erase(windowed, timestamp_ms());
  make_end_key(windowed, end_key_);
  store_->erase(end_key_, timestamp_ms());
  removed_end_ms_ = std::min(removed_end_ms_, decode_windowed(windowed).end_ms);
}

void WindowRows::visit(Bytes key, int64_t from_ms, int64_t to_ms, const Visit& visit) {
  // A scan of a whole group: the store holds groups in memory.
  scratch_ = key.view();
  scratch_.push_back('\0');
  for (const auto rows = store_->prefix(scratch_); rows->valid(); rows->next()) {
    const Bytes windowed = rows->key();
    // Windows of a key that continues with a NUL may lie between.
    if (key_of_windowed(windowed) != key || !is_windowed(windowed)) continue;
    const WindowedBytes parts = decode_windowed(windowed);
    if (parts.start_ms > to_ms) break;
    if (parts.start_ms >= from_ms) visit(windowed, parts.start_ms, parts.end_ms, rows->row());
  }
}

void WindowRows::take_due(Pass& pass, int64_t before_ms) {
  due_.clear();
  if (before_ms <= pass.next_end_ms) return;
  std::string mark_key;
  make_mark_key(pass.mark, mark_key);
  std::string from;
  make_end_bound(0, from);
  std::string to = from;
  make_end_bound(INT64_MAX, to);
  if (const Row mark = store_->get(mark_key); mark && read_end_key(mark.value, scratch_)) {
    from = mark.value.view();
    from.push_back('\0');
  }
  int64_t next_end_ms = INT64_MAX;
  std::string last;
  for (const auto rows = store_->range(from, to); rows->valid(); rows->next()) {
    const std::optional<int64_t> end_ms = read_end_key(rows->key(), scratch_);
    if (!end_ms) continue;
    if (*end_ms >= before_ms || due_.size() == kDueMax) {
      next_end_ms = *end_ms;
      break;
    }
    due_.push_back(scratch_);
    last = rows->key().view();
  }
  if (due_.empty()) {
    pass.next_end_ms = std::min(next_end_ms, removed_end_ms_);
  } else {
    store_->put(mark_key, last, timestamp_ms());
  }
}

void WindowRows::close_some(const Close& close) {
  take_due(closing_, closes_before_ms());
  for (const std::string& windowed : due_) {
    const Row row = store_->get(windowed);
    if (!row) continue;
    close(windowed, row);
    if (life_.keep_ms == 0) erase(windowed);
  }
}

void WindowRows::remove_some() {
  const bool waits = life_.keep_ms == 0 || closing_.next_end_ms < closes_before_ms();
  if (life_.emits_final && waits) return;
  if (expires_before_ms() - life_.patience_ms <= removing_.next_end_ms) return;
  take_due(removing_, expires_before_ms());
  for (const std::string& windowed : due_) erase(windowed);
}

}  // namespace millrace::operators
