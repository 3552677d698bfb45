#include "millrace/state/timer_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

namespace millrace {
namespace {

constexpr char kMark = '\x01';
constexpr char kIndex = '\x02';
constexpr char kDue = '\x03';
constexpr char kAfterDue = '\x04';

constexpr size_t kTimeBytes = sizeof(int64_t);
constexpr size_t kDueKeyOffset = 1 + kTimeBytes;

Bytes one(const char& prefix) {
  return {&prefix, 1};
}

// Times are not negative, so their bytes sort as they do.
void make_due_key(Bytes key, uint8_t kind, int64_t time_ms, std::string& out) {
  out.assign(1, kDue);
  Serde<int64_t>::encode(time_ms, out);
  out += key.view();
  out.push_back(static_cast<char>(kind));
}

void make_index_key(Bytes key, uint8_t kind, std::string& out) {
  out.assign(1, kIndex);
  out += key.view();
  out.push_back(static_cast<char>(kind));
}

/// Zero for a key that only begins like one of a due row.
int64_t time_of(Bytes due_key) {
  if (due_key.size() < kDueKeyOffset) return 0;
  return Serde<int64_t>::view(Bytes(due_key.data() + 1, kTimeBytes));
}

bool is_time(int64_t time_ms) {
  return time_ms >= 0 && time_ms < TimerQueue::kNever;
}

bool is_due_key(Bytes key) {
  return key.size() > kDueKeyOffset && key.view().front() == kDue && is_time(time_of(key));
}

}  // namespace

Status TimerQueue::check_row(Bytes key, Bytes value) {
  bool is_row = false;
  switch (key.empty() ? '\0' : key.view().front()) {
    case kMark:  // an empty queue has the first possible one
      is_row = key.size() == sizeof kMark &&
               (value.is_null() || value == one(kDue) || is_due_key(value));
      break;
    case kIndex:
      is_row =
          key.size() > sizeof kIndex &&
          (value.is_null() || (value.size() == kTimeBytes && is_time(Serde<int64_t>::view(value))));
      break;
    case kDue:
      is_row = is_due_key(key) && value.empty();
      break;
    default:
      break;
  }
  if (is_row) return {};
  return Error{ErrorCode::kInvalidRecord, "neither a timer nor the mark of a queue of timers"};
}

const DerivedRows& TimerQueue::derived_rows() {
  static const DerivedRows rows{
      .is_derived = [](Bytes key) { return !key.empty() && key.view().front() == kDue; },
      .derive =
          [](Bytes key, Bytes value, const DerivedRows::Add& add) {
            const std::optional<Taken> timer = timer_of(key, value);
            if (!timer) return;
            std::string due_key;
            make_due_key(Bytes(timer->key), timer->kind, timer->time_ms, due_key);
            add(Bytes(due_key), Bytes(""));
          }};
  return rows;
}

std::optional<TimerQueue::Taken> TimerQueue::timer_of(Bytes key, Bytes value) {
  if (value.is_null() || key == one(kMark) || !check_row(key, value).ok()) return std::nullopt;
  const std::string_view row = key.view();
  const bool is_due = row.front() == kDue;
  const size_t begin = is_due ? kDueKeyOffset : sizeof kIndex;
  return Taken{.key = std::string(row.substr(begin, row.size() - begin - 1)),
               .kind = static_cast<uint8_t>(row.back()),
               .time_ms = is_due ? time_of(key) : Serde<int64_t>::view(value)};
}

std::string TimerQueue::due_rows() {
  return std::string(1, kDue);
}

std::string TimerQueue::index_rows(Bytes key_prefix) {
  return std::string(1, kIndex) += key_prefix.view();
}

std::string TimerQueue::index_key(Bytes key, uint8_t kind) {
  std::string made;
  make_index_key(key, kind, made);
  return made;
}

void TimerQueue::open() {
  if (std::exchange(is_open_, true)) return;
  const Row row = store_.get(one(kMark));
  mark_ = row ? row.value.to_string() : std::string(1, kDue);
  end_ = mark_;
}

void TimerQueue::unit_undone() {
  if (!has_changed_) return;
  window_.clear();
  is_open_ = false;
  is_complete_ = false;
}

void TimerQueue::set(Bytes key, uint8_t kind, int64_t time_ms, int64_t timestamp_ms) {
  MILLRACE_ASSERT(!key.is_null(), "a timer needs a key");
  MILLRACE_ASSERT(time_ms >= 0, "a timer needs a time that is not negative");
  time_ms = std::min(time_ms, kNever - 1);
  open();
  if (const std::optional<int64_t> before = find(key, kind)) {
    if (*before == time_ms) return;
    remove_due(key, kind, *before, timestamp_ms);
  }
  has_changed_ = true;
  std::string time;
  Serde<int64_t>::encode(time_ms, time);
  make_index_key(key, kind, index_key_);
  store_.put(index_key_, time, timestamp_ms);
  make_due_key(key, kind, time_ms, due_key_);
  store_.put(due_key_, Bytes(""), timestamp_ms);
  if (due_key_ < mark_) write_mark(due_key_, timestamp_ms);
  add_to_window(due_key_);
}

bool TimerQueue::cancel(Bytes key, uint8_t kind, int64_t timestamp_ms) {
  open();
  const std::optional<int64_t> time_ms = find(key, kind);
  if (!time_ms) return false;
  has_changed_ = true;
  remove_due(key, kind, *time_ms, timestamp_ms);
  make_index_key(key, kind, index_key_);
  store_.erase(index_key_, timestamp_ms);
  return true;
}

std::optional<int64_t> TimerQueue::find(Bytes key, uint8_t kind) {
  make_index_key(key, kind, index_key_);
  const Row row = store_.get(index_key_);
  if (!row) return std::nullopt;
  return Serde<int64_t>::view(row.value);
}

void TimerQueue::remove_due(Bytes key, uint8_t kind, int64_t time_ms, int64_t timestamp_ms) {
  make_due_key(key, kind, time_ms, due_key_);
  store_.erase(due_key_, timestamp_ms);
  window_.erase(due_key_);
}

void TimerQueue::add_to_window(const std::string& due_key) {
  if (!is_complete_ && due_key >= end_) return;
  window_.insert(due_key);
  if (window_.size() <= kWindowMax) return;
  const auto last = std::prev(window_.end());
  end_ = *last;
  is_complete_ = false;
  window_.erase(last);
}

int64_t TimerQueue::next_due_ms() const {
  if (!is_open_) return 0;
  if (!window_.empty()) return time_of(*window_.begin());
  return is_complete_ ? kNever : time_of(end_);
}

void TimerQueue::load() {
  open();
  if (!window_.empty() || is_complete_) return;
  const auto rows = store_.range(end_, one(kAfterDue));
  for (; rows->valid() && window_.size() < kWindowRead; rows->next()) {
    window_.insert(window_.end(), rows->key().to_string());
  }
  is_complete_ = !rows->valid();
  if (!is_complete_) end_ = rows->key().to_string();
}

void TimerQueue::take(Taken& taken, int64_t timestamp_ms) {
  MILLRACE_ASSERT(!window_.empty(), "no timer is loaded");
  has_changed_ = true;
  const auto first = window_.extract(window_.begin());
  const std::string& due_key = first.value();
  taken.time_ms = time_of(due_key);
  taken.key.assign(due_key, kDueKeyOffset, due_key.size() - kDueKeyOffset - 1);
  taken.kind = static_cast<uint8_t>(due_key.back());
  store_.erase(due_key, timestamp_ms);
  make_index_key(taken.key, taken.kind, index_key_);
  store_.erase(index_key_, timestamp_ms);
  if (++taken_since_mark_ >= kTakenPerMark) write_mark(due_key, timestamp_ms);
}

void TimerQueue::write_mark(const std::string& due_key, int64_t timestamp_ms) {
  taken_since_mark_ = 0;
  mark_ = due_key;
  store_.put(one(kMark), mark_, timestamp_ms);
}

}  // namespace millrace
