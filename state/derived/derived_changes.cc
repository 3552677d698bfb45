#include "state/derived/derived_changes.h"

#include <algorithm>

#include "millrace/state/timer_queue.h"

namespace millrace {

const DerivedRows* derived_rows_of(const StoreSpec& spec) {
  if (spec.timers) return &TimerQueue::derived_rows();
  return spec.derived_rows ? &*spec.derived_rows : nullptr;
}

DerivedChanges::DerivedChanges(const StoreSpec& spec) {
  if (const DerivedRows* const rows = derived_rows_of(spec)) rows_ = *rows;
}

void DerivedChanges::derive(Bytes key, Bytes value, Rows& rows) const {
  rows.clear();
  if (value.is_null()) return;
  rows_->derive(key, value, [&](Bytes derived, Bytes its_value) {
    // Anybody may have written the row: it must make none that a check would have refused.
    if (rows_->is_derived(derived)) rows.emplace_back(derived.to_string(), its_value.to_string());
  });
  std::sort(rows.begin(), rows.end());
  const auto is_same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  rows.erase(std::unique(rows.begin(), rows.end(), is_same_key), rows.end());
}

void DerivedChanges::compare(Bytes key, Bytes before, Bytes after, const Visitor& visit) {
  derive(key, before.is_null() ? before : aligned_.copy(before), before_);
  derive(key, after, after_);
  auto old = before_.begin();
  for (const auto& [derived, value] : after_) {
    for (; old != before_.end() && old->first < derived; ++old) visit(Bytes(old->first), Bytes());
    const bool was_there = old != before_.end() && old->first == derived;
    if (!was_there || old->second != value) visit(Bytes(derived), Bytes(value));
    if (was_there) ++old;
  }
  for (; old != before_.end(); ++old) visit(Bytes(old->first), Bytes());
}

}  // namespace millrace
