#include "engine/broadcast/broadcast_copy.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "millrace/core/assert.h"

namespace millrace::engine {

Row BroadcastCopy::Version::row() const {
  return {is_deleted ? Bytes() : Bytes(words.data(), size), timestamp_ms};
}

void BroadcastCopy::append(int32_t partition, const FetchedRecord& record) {
  MILLRACE_ASSERT(!record.key.is_null(), "a row of a table has a key");
  Log& log = logs_[static_cast<size_t>(partition)];
  const auto row = rows_.try_emplace(record.key.to_string()).first;
  Version& version = row->second.emplace_back();
  version.partition = partition;
  version.offset = record.offset;
  version.timestamp_ms = std::min(record.timestamp_ms, kEventTimeMaxMs);
  version.is_deleted = record.value.is_null();
  version.size = record.value.size();
  version.words.resize(version.size / sizeof(uint64_t) + 1);
  if (version.size > 0) std::memcpy(version.words.data(), record.value.data(), version.size);
  ++versions_;
  pass(partition, record.offset);
  log.changes.push_back({record.offset, row, log.gap_end, log.complete_ms});
}

void BroadcastCopy::pass(int32_t partition, int64_t offset) {
  Log& log = logs_[static_cast<size_t>(partition)];
  if (offset > log.end) log.gap_end = offset;
  log.end = offset + 1;
}

void BroadcastCopy::mark_end(int32_t partition, int64_t end_offset) {
  Log& log = logs_[static_cast<size_t>(partition)];
  log.end = std::max(log.end, end_offset);
  log.complete_end = log.end;
  if (log.loaded_end < 0) log.loaded_end = log.end;
}

void BroadcastCopy::mark_complete(int32_t partition, int64_t time_ms) {
  logs_[static_cast<size_t>(partition)].complete_ms = time_ms;
}

bool BroadcastCopy::is_loaded() const {
  return std::all_of(logs_.begin(), logs_.end(),
                     [](const Log& log) { return log.loaded_end >= 0; });
}

std::deque<BroadcastCopy::Entry>::const_iterator BroadcastCopy::find(int32_t partition,
                                                                     int64_t offset) const {
  const std::deque<Entry>& changes = log(partition).changes;
  return std::partition_point(changes.begin(), changes.end(),
                              [offset](const Entry& entry) { return entry.offset < offset; });
}

int64_t BroadcastCopy::next_offset(int32_t partition, int64_t offset) const {
  const auto found = find(partition, offset);
  return found == log(partition).changes.end() ? -1 : found->offset;
}

int64_t BroadcastCopy::timestamp_ms(int32_t partition, int64_t offset) const {
  return change(partition, offset, {}).row.timestamp_ms;
}

int64_t BroadcastCopy::gap_end_before(int32_t partition, int64_t offset) const {
  const auto found = find(partition, offset);
  const Log& read = log(partition);
  const bool is_change = found != read.changes.end() && found->offset == offset;
  return is_change ? found->gap_end : read.gap_end;
}

int64_t BroadcastCopy::before_changes_ms(int32_t partition, int64_t offset) const {
  const auto next = find(partition, offset);
  const Log& read = log(partition);
  return next == read.changes.end() ? read.complete_ms : next->before_ms;
}

BroadcastCopy::Change BroadcastCopy::change(int32_t partition, int64_t offset,
                                            const Elsewhere& elsewhere) const {
  const auto found = find(partition, offset);
  MILLRACE_ASSERT(found != log(partition).changes.end() && found->offset == offset,
                  "a change that the table does not have");
  Change change;
  change.offset = offset;
  change.key = Bytes(found->row->first);
  const Version* before = nullptr;
  for (const Version& version : found->row->second) {
    if (version.partition != partition || version.offset > offset) continue;
    if (version.offset == offset) {
      change.row = version.row();
    } else {
      before = &version;
    }
  }
  change.is_old_known = is_old_known(partition, offset, before, elsewhere);
  if (before != nullptr && change.is_old_known) change.row_before = before->row();
  return change;
}

bool BroadcastCopy::is_old_known(int32_t partition, int64_t offset, const Version* before,
                                 const Elsewhere& elsewhere) const {
  const bool is_met_here = before != nullptr && before->offset >= elsewhere.up_to;
  if (elsewhere.up_to <= 0 || is_met_here) return true;
  // A version that a compaction removed before another copy read it was never met.
  const bool is_met_last = before != nullptr && before->offset == elsewhere.up_to - 1;
  if (before != nullptr && !is_met_last && before->offset < elsewhere.gap_end) return false;
  return !elsewhere.may_be_ahead || is_latest_before(partition, offset, before, elsewhere.up_to);
}

// A compaction that removes a version has removed the earlier ones. So the version before is the
// latest that the other copy can have met, unless a compaction took place after this copy had read
// that one and before it came to where the other copy had been. It shows as a gap between the two.
bool BroadcastCopy::is_latest_before(int32_t partition, int64_t offset, const Version* before,
                                     int64_t met_elsewhere) const {
  const Log& read = log(partition);
  // A version that replaced one which was missed while the copy was loading was there by then.
  const bool was_loading = offset < read.loaded_end;
  const int64_t later_gap_end = read.gap_end > read.loaded_end ? read.gap_end : 0;
  if (before == nullptr) return !was_loading && later_gap_end == 0;
  if (before->offset >= met_elsewhere - 1) return true;
  if (!was_loading) return before->offset >= later_gap_end;
  const int64_t until = std::min(offset, met_elsewhere);
  const auto next = find(partition, until);
  if (next == read.changes.begin()) return before->offset >= next->gap_end;
  const Entry& last = *std::prev(next);
  return last.offset + 1 >= until && before->offset >= last.gap_end;
}

const BroadcastCopy::Version* BroadcastCopy::visible(const Versions& versions,
                                                     std::span<const int64_t> cursor) {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (version->offset >= cursor[static_cast<size_t>(version->partition)]) continue;
    return version->is_deleted ? nullptr : &*version;
  }
  return nullptr;
}

Row BroadcastCopy::get(Bytes key, std::span<const int64_t> cursor) const {
  const auto found = rows_.find(key.view());
  if (found == rows_.end()) return {};
  const Version* const version = visible(found->second, cursor);
  return version == nullptr ? Row() : version->row();
}

void BroadcastCopy::for_each(std::span<const int64_t> cursor,
                             const std::function<void(Bytes key, Row row)>& visit) const {
  for (const auto& [key, versions] : rows_) {
    if (const Version* const version = visible(versions, cursor)) visit(Bytes(key), version->row());
  }
}

// A version that every cursor has passed hides the versions before it from all, and a deletion also
// hides itself.
void BroadcastCopy::supersede(int32_t partition, const Entry& seen) {
  Versions& versions = seen.row->second;
  versions_ -= std::erase_if(versions, [&](const Version& version) {
    return version.partition == partition &&
           (version.offset < seen.offset || (version.offset == seen.offset && version.is_deleted));
  });
  if (versions.empty()) rows_.erase(seen.row);
}

void BroadcastCopy::prune(std::span<const int64_t> floors) {
  MILLRACE_ASSERT(floors.size() == logs_.size(), "a floor for every partition");
  for (int32_t partition = 0; partition < partitions(); ++partition) {
    Log& log = logs_[static_cast<size_t>(partition)];
    const int64_t floor = floors[static_cast<size_t>(partition)];
    while (!log.changes.empty() && log.changes.front().offset < floor) {
      const Entry seen = log.changes.front();
      log.changes.pop_front();
      log.floor = seen.offset + 1;
      supersede(partition, seen);
    }
  }
}

}  // namespace millrace::engine
