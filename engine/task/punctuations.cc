#include "engine/task/punctuations.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace millrace::engine {

int64_t Punctuations::after(int64_t time_ms, int64_t interval_ms) {
  return time_ms > kNever - interval_ms ? kNever : time_ms + interval_ms;
}

void Punctuations::add(TimeKind kind, int64_t interval_ms, int64_t elapsed_ms, Callback callback) {
  if (interval_ms <= 0) {
    throw std::invalid_argument("the interval of a punctuation must be positive");
  }
  const int64_t due_ms = kind == TimeKind::kWall ? after(elapsed_ms, interval_ms) : 0;
  entries_.push_back({kind, interval_ms, due_ms, std::move(callback)});
  find_next(kind);
}

void Punctuations::run_due(TimeKind kind, int64_t now_ms,
                           const std::function<void(const Callback&)>& unit) {
  // By index: a callback may schedule more, which moves the entries. Those are due later.
  const size_t count = entries_.size();
  for (size_t i = 0; i < count; ++i) {
    if (entries_[i].kind != kind || entries_[i].due_ms > now_ms) continue;
    const int64_t interval_ms = entries_[i].interval_ms;
    const int64_t passed = (now_ms - entries_[i].due_ms) / interval_ms;
    entries_[i].due_ms = after(entries_[i].due_ms + passed * interval_ms, interval_ms);
    const Callback callback = entries_[i].callback;
    unit(callback);
  }
  find_next(kind);
}

void Punctuations::find_next(TimeKind kind) {
  int64_t next = kNever;
  for (const Entry& entry : entries_) {
    if (entry.kind == kind) next = std::min(next, entry.due_ms);
  }
  next_due_ms_[index(kind)] = next;
}

}  // namespace millrace::engine
