#include "engine/task/punctuations.h"

#include <algorithm>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::engine {

void Punctuations::add(TimeKind kind, int64_t interval_ms, int64_t now_ms, Callback callback) {
  MILLRACE_ASSERT(interval_ms > 0, "the interval of a punctuation must be positive");
  const int64_t due_ms =
      kind == TimeKind::kWall ? now_ms + interval_ms : (now_ms / interval_ms + 1) * interval_ms;
  entries_.push_back({kind, interval_ms, due_ms, std::move(callback)});
  find_next(kind);
}

void Punctuations::run_due(TimeKind kind, int64_t now_ms,
                           const std::function<void(const Callback&)>& unit) {
  // By index: a callback may schedule more, which moves the entries.
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].kind != kind || entries_[i].due_ms > now_ms) continue;
    const int64_t interval_ms = entries_[i].interval_ms;
    const int64_t passed = (now_ms - entries_[i].due_ms) / interval_ms;
    entries_[i].due_ms += (passed + 1) * interval_ms;
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
