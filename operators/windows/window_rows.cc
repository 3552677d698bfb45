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
constexpr size_t kStateBytes = 3 * sizeof(int64_t);

const std::string& time_key() {
  static const std::string key = [] {
    std::string mark;
    make_mark_key(Mark::kTime, mark);
    return mark;
  }();
  return key;
}

}  // namespace

WindowLife WindowLife::of(const WindowSpec& windows) {
  WindowLife life{.emits_final = windows.emits_final,
                  .max_ahead_ms = windows.max_ahead_ms.value_or(INT64_MAX)};
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

WindowRows::WindowRows(std::string store, WindowLife life, const EndOrder& order)
    : name_(std::move(store)), life_(life), order_(order) {}

void WindowRows::advance(int64_t timestamp_ms) {
  is_renewed_ = false;
  state_ = state_in(*store_);
  last_generation_ = std::max(last_generation_, state_.generation);
  move_to(timestamp_ms);
}

bool WindowRows::admit(int64_t timestamp_ms) {
  advance(-1);
  if (state_.time_ms >= 0 && timestamp_ms - state_.time_ms > life_.max_ahead_ms) return false;
  move_to(timestamp_ms);
  return true;
}

void WindowRows::move_to(int64_t timestamp_ms) {
  if (timestamp_ms <= state_.time_ms) return;
  state_.time_ms = timestamp_ms;
  write_state();
}

WindowRows::State WindowRows::state_in(KeyValueStore& store) {
  State state;
  const Row row = store.get(time_key());
  if (row && row.value.size() == kStateBytes) {
    const auto number_at = [&](size_t i) {
      return Serde<int64_t>::view(Bytes(row.value.data() + i * sizeof(int64_t), sizeof(int64_t)));
    };
    state.time_ms = std::clamp<int64_t>(number_at(0), -1, kEventTimeMaxMs);
    state.closed_before_ms = std::clamp<int64_t>(number_at(1), 0, kWindowEndMaxMs + 1);
    // Anybody may have written it; as a sequence it must not become negative.
    state.generation = static_cast<uint64_t>(std::clamp<int64_t>(number_at(2), 0, INT64_MAX / 2));
  }
  return state;
}

void WindowRows::write_state() {
  const uint64_t before = std::exchange(state_.generation, ++last_generation_);
  for (Bound* const bound : {&closing_.next, &removing_.next, &first_}) {
    if (bound->generation == before) bound->generation = state_.generation;
  }
  is_renewed_ = true;
  scratch_.clear();
  Serde<int64_t>::encode(state_.time_ms, scratch_);
  Serde<int64_t>::encode(state_.closed_before_ms, scratch_);
  Serde<int64_t>::encode(static_cast<int64_t>(state_.generation), scratch_);
  store_->put(time_key(), scratch_, timestamp_ms());
}

void WindowRows::put(Bytes windowed, Bytes value, int64_t timestamp_ms, bool is_new) {
  store_->put(windowed, value, timestamp_ms);
  if (!is_new) return;
  const int64_t end_ms = order_.make_key(windowed, value, end_key_);
  store_->put(end_key_, Bytes(""), timestamp_ms);
  for (Bound* const bound : {&closing_.next, &removing_.next, &first_}) {
    bound->end_ms = std::min(bound->end_ms, end_ms);
  }
  // A shorter grace or retention may have removed its neighbours.
  const std::optional<std::string> removed = mark_at(Mark::kRemoved);
  if (!removed || *removed < end_key_) return;
  make_mark_key(Mark::kRemoved, scratch_);
  store_->erase(scratch_, this->timestamp_ms());
}

void WindowRows::erase(Bytes windowed, Bytes value) {
  order_.make_key(windowed, value, end_key_);
  erase_pair(windowed, Bytes(end_key_));
}

void WindowRows::erase_pair(Bytes row, Bytes by_end) {
  renew_generation();
  store_->erase(row, timestamp_ms());
  store_->erase(by_end, timestamp_ms());
}

std::optional<std::string> WindowRows::first() {
  std::string from;
  make_end_bound(std::max<int64_t>(value_of(first_), 0), from);
  std::string to;
  make_end_bound(INT64_MAX, to);
  for (const auto rows = store_->range(from, to); rows->valid(); rows->next()) {
    const std::optional<int64_t> end_ms = order_.read_key(rows->key(), scratch_);
    if (!end_ms) continue;
    first_ = {*end_ms, state_.generation};
    return std::string(rows->key().view());
  }
  return std::nullopt;
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

std::optional<std::string> WindowRows::mark_at(Mark mark) {
  std::string key;
  make_mark_key(mark, key);
  const Row row = store_->get(key);
  if (!row || !order_.read_key(row.value, scratch_)) return std::nullopt;
  return std::string(row.value.view());
}

void WindowRows::take_due(Pass& pass, int64_t before_ms, const std::string* last) {
  due_.clear();
  std::string from;
  make_end_bound(0, from);
  std::string to;
  make_end_bound(INT64_MAX, to);
  if (std::optional<std::string> mark = mark_at(pass.mark)) {
    from = std::move(*mark);
    from.push_back('\0');
  }
  int64_t next_end_ms = INT64_MAX;
  for (const auto rows = store_->range(from, to); rows->valid(); rows->next()) {
    const std::optional<int64_t> end_ms = order_.read_key(rows->key(), scratch_);
    if (!end_ms) continue;
    if (last != nullptr && rows->key().view() > *last) break;
    if (*end_ms >= before_ms || due_.size() == kDueMax) {
      next_end_ms = *end_ms;
      break;
    }
    due_.emplace_back(rows->key().view());
  }
  if (due_.empty()) {
    pass.next = {next_end_ms, state_.generation};
    return;
  }
  renew_generation();
  std::string mark_key;
  make_mark_key(pass.mark, mark_key);
  store_->put(mark_key, due_.back(), timestamp_ms());
}

void WindowRows::close_some(const Close& close) {
  if (closes_before_ms() <= value_of(closing_.next)) return;
  take_due(closing_, closes_before_ms(), nullptr);
  if (due_.empty()) return;
  const int64_t last_end_ms = order_.read_key(due_.back(), scratch_).value_or(0);
  state_.closed_before_ms = std::max(state_.closed_before_ms, last_end_ms + 1);
  write_state();
  for (const std::string& by_end : due_) close(by_end);
}

void WindowRows::end_results() {
  const std::optional<std::string> closed = mark_at(Mark::kClosed);
  if (!closed) return;
  removing_.next = {};
  make_mark_key(Mark::kForwarded, scratch_);
  store_->put(scratch_, *closed, timestamp_ms());
}

void WindowRows::remove_some() {
  if (expires_before_ms() - life_.patience_ms <= value_of(removing_.next)) return;
  std::optional<std::string> last;
  if (life_.emits_final && !(last = mark_at(Mark::kForwarded))) return;
  take_due(removing_, expires_before_ms(), last ? &*last : nullptr);
  std::string windowed;
  for (const std::string& by_end : due_) {
    if (order_.read_key(by_end, windowed)) erase_pair(windowed, by_end);
  }
}

}  // namespace millrace::operators
