#include "engine/task/punctuations.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millrace::engine {

int64_t Punctuations::after(int64_t time_ms, int64_t interval_ms) {
  return time_ms > kNever - interval_ms ? kNever : time_ms + interval_ms;
}

ScheduleId Punctuations::add(TimeKind kind, int64_t interval_ms, int64_t elapsed_ms,
                             Callback callback) {
  if (interval_ms <= 0) {
    throw std::invalid_argument("the interval of a punctuation must be positive");
  }
  const int64_t due_ms = kind == TimeKind::kWall ? after(elapsed_ms, interval_ms) : 0;
  const ScheduleId id{++last_id_};
  entries_.emplace(id, Entry{kind, interval_ms, due_ms, std::move(callback)});
  find_next(kind);
  return id;
}

void Punctuations::cancel(ScheduleId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const TimeKind kind = found->second.kind;
  entries_.erase(found);
  find_next(kind);
}

void Punctuations::run_due(TimeKind kind, int64_t now_ms,
                           const std::function<void(const Callback&)>& unit) {
  // A callback may add entries, which are due later, and cancel any.
  std::vector<ScheduleId> due;
  for (const auto& [id, entry] : entries_) {
    if (entry.kind == kind && entry.due_ms <= now_ms) due.push_back(id);
  }
  for (const ScheduleId id : due) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    const int64_t passed = (now_ms - entry.due_ms) / entry.interval_ms;
    entry.due_ms = after(entry.due_ms + passed * entry.interval_ms, entry.interval_ms);
    const Callback callback = entry.callback;
    unit(callback);
  }
  find_next(kind);
}

void Punctuations::find_next(TimeKind kind) {
  int64_t next = kNever;
  for (const auto& [id, entry] : entries_) {
    if (entry.kind == kind) next = std::min(next, entry.due_ms);
  }
  next_due_ms_[index(kind)] = next;
}

}  // namespace millrace::engine
