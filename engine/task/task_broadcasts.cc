#include "engine/task/task_broadcasts.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

#include "engine/base/clock_skew.h"
#include "engine/task/task_processors.h"

namespace millrace::engine {
namespace {

/// The task writes a cursor again when its time could be later by this part of the retention, so
/// that the time of a cursor at the table's end is about that of the task's last commit, and not
/// that of the table's last change.
constexpr int64_t kRefreshesPerRetention = 4;
constexpr size_t kCursorBytes = 3 * sizeof(int64_t);

std::string row_key(const std::string& topic, int32_t partition) {
  std::string key = topic;
  key.push_back('\0');
  Serde<int32_t>::encode(partition, key);
  return key;
}

/// Keys of the cursors in partitions of a topic from `first` on.
std::vector<std::string> keys_from(KeyValueStore& store, const std::string& topic, int32_t first) {
  const std::string least = row_key(topic, first);
  std::vector<std::string> keys;
  const std::string prefix = topic + '\0';
  for (const auto row = store.prefix(Bytes(prefix)); row->valid(); row->next()) {
    if (row->key().size() == least.size() && row->key().view() >= least) {
      keys.push_back(row->key().to_string());
    }
  }
  return keys;
}

int64_t offset_of(const Row& row) {
  return Serde<int64_t>::view(Bytes(row.value.data(), sizeof(int64_t)));
}

int64_t time_of(const Row& row) {
  return Serde<int64_t>::view(Bytes(row.value.data() + sizeof(int64_t), sizeof(int64_t)));
}

/// Rows of earlier versions do not have it: then all that was met is in doubt.
int64_t gap_end_of(const Row& row) {
  if (row.value.size() < kCursorBytes) return offset_of(row);
  return Serde<int64_t>::view(Bytes(row.value.data() + 2 * sizeof(int64_t), sizeof(int64_t)));
}

}  // namespace

CursorPlace place_of_cursors(const SubTopology& sub_topology, TaskState& state,
                             const BroadcastReader& reader,
                             std::span<const PartitionOffset> table_ends) {
  CursorPlace place = CursorPlace::kRead;
  for (const ResolvedNode& resolved : sub_topology.nodes) {
    for (const std::string& table : resolved.node->broadcasts) {
      KeyValueStore& cursors = state.store(resolved.node->cursors);
      const BroadcastCopy& copy = reader.topic(table).copy;
      if (!keys_from(cursors, table, copy.partitions()).empty()) place = CursorPlace::kBeyondEnds;
      for (const PartitionOffset& end : table_ends) {
        if (end.partition.topic != table) continue;
        const int32_t p = end.partition.partition;
        const Row row = cursors.get(Bytes(row_key(table, p)));
        if (!row) continue;
        const int64_t at = offset_of(row);
        if (at <= copy.complete_end(p)) continue;
        const bool is_beyond = at > std::max(end.offset, copy.end(p));
        place = std::max(place, is_beyond ? CursorPlace::kBeyondEnds : CursorPlace::kAhead);
      }
    }
  }
  return place;
}

/// Rows of the node's store: topic, 0, partition (4 bytes) → offset, time of day in ms, another
/// offset (8 bytes each, all big-endian). All changes that the cursor has yet to pass were written
/// after this time. It is not the time of the row: the cursor of a task that is behind stands
/// before older changes. Versions before the other offset may have been compacted away before the
/// task came to them.
struct TaskBroadcasts::Cursor final : public BroadcastRows {
  Cursor(const TaskScope& scope, uint32_t index, const BroadcastTopic& broadcast,
         const ResolvedStore& resolved)
      : node(index), topic(broadcast), store(scope.state->store(resolved.spec->name)) {}

  Row get(Bytes key) const override { return topic.copy.get(key, at); }
  void for_each(const std::function<void(Bytes key, Row row)>& visit) const override {
    topic.copy.for_each(at, visit);
  }

  void read(int64_t now_ms) {
    for (int32_t p = 0; p < topic.copy.partitions(); ++p) {
      const Row row = store.get(Bytes(row_key(topic.use->name, p)));
      at.push_back(row ? offset_of(row) : 0);
      // A task without a row has met nothing: it misses the deletion of no row that the copy lacks.
      before_ms.push_back(row ? time_of(row) : topic.copy.begun_ms());
      gap_end.push_back(row ? gap_end_of(row) : 0);
      first_end.push_back(topic.copy.end(p));
      needs_reset = needs_reset || cannot_go_on(p) || (row && is_too_old(p, now_ms));
    }
    gone = keys_from(store, topic.use->name, topic.copy.partitions());
    needs_reset = needs_reset || !gone.empty();
    committed = frozen = found = at;
    found_gap_end = gap_end;
  }

  /// Whether changes after the cursor are missing: versions that this instance has forgotten; or
  /// all, since the topic was created again or this instance has not read as far.
  bool cannot_go_on(int32_t p) const {
    const auto i = static_cast<size_t>(p);
    return at[i] < topic.copy.floor(p) || at[i] > topic.copy.end(p);
  }
  /// Whether deletions after the cursor may be missing, which Kafka has forgotten, maybe without a
  /// trace.
  bool is_too_old(int32_t p, int64_t now_ms) const {
    const auto i = static_cast<size_t>(p);
    if (at[i] >= topic.copy.end(p)) return false;
    // A clock that was ahead hides how old the cursor is.
    const int64_t age_ms = now_ms - before_ms[i];
    return age_ms > topic.outdated_after_ms() || age_ms < -kClockSkewMaxMs;
  }
  /// The time that the cursor could have where it stands now; −1: none but that which it has.
  int64_t next_before_ms(int32_t p) const {
    return topic.copy.before_changes_ms(p, at[static_cast<size_t>(p)]);
  }
  void renew(int32_t p) {
    if (const int64_t ms = next_before_ms(p); ms >= 0) before_ms[static_cast<size_t>(p)] = ms;
  }
  /// Of a cursor that moved to the end of the copy.
  void renew_at_end(int32_t p) {
    before_ms[static_cast<size_t>(p)] = std::max(topic.copy.begun_ms(), next_before_ms(p));
  }
  /// Whether the row in the store should get another time, even if the cursor stays.
  bool has_old_time(int32_t p) const {
    const int64_t next_ms = next_before_ms(p);
    const int64_t older_by_ms = next_ms - before_ms[static_cast<size_t>(p)];
    return next_ms >= 0 && (older_by_ms > topic.tombstone_retention_ms / kRefreshesPerRetention ||
                            older_by_ms < -kClockSkewMaxMs);
  }

  /// Moves over the change at exactly `change`; there is none: over the rest of the copy.
  void move(int32_t p, int64_t change, int64_t to) {
    const auto i = static_cast<size_t>(p);
    const int64_t gap = topic.copy.gap_end_before(p, change);
    if (gap > at[i]) gap_end[i] = std::max(gap_end[i], gap);
    at[i] = to;
  }
  /// It meets the rows that the copy has now, whatever it met before.
  void reset(int32_t p) {
    const auto i = static_cast<size_t>(p);
    at[i] = gap_end[i] = found[i] = found_gap_end[i] = 0;
    move(p, topic.copy.end(p), topic.copy.end(p));
  }
  BroadcastCopy::Elsewhere elsewhere(int32_t p, bool is_first) const {
    const auto i = static_cast<size_t>(p);
    return {.up_to = found[i], .gap_end = found_gap_end[i], .may_be_ahead = is_first};
  }

  uint32_t node;
  const BroadcastTopic& topic;
  KeyValueStore& store;
  bool needs_reset = false;
  std::vector<int64_t> found;  ///< when the task started; 0: it has met nothing before
  std::vector<int64_t> found_gap_end;
  std::vector<int64_t> at;
  std::vector<int64_t> gap_end;  ///< the other offset of the rows
  /// The end of this instance's copy when the task started. The task meets it before any record:
  /// the version of a row at the cursor may have been compacted away before this instance read on.
  std::vector<int64_t> first_end;
  std::vector<int64_t> before_ms;  ///< see above
  /// Cursors in partitions that the topic had before it was created again, for a reset to erase.
  std::vector<std::string> gone;
  std::vector<int64_t> frozen;
  std::vector<int64_t> committed;
};

TaskBroadcasts::TaskBroadcasts(TaskScope& scope, const BroadcastReader* reader, int64_t now_ms)
    : scope_(scope) {
  const std::vector<ResolvedNode>& nodes = scope.sub_topology->nodes;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const Node& node = *nodes[i].node;
    for (const std::string& table : node.broadcasts) {
      MILLRACE_ASSERT(reader != nullptr, "a broadcast table that is not read");
      const auto store = std::find_if(
          scope.sub_topology->stores.begin(), scope.sub_topology->stores.end(),
          [&](const ResolvedStore& resolved) { return resolved.spec->name == node.cursors; });
      Cursor& cursor =
          *cursors_.emplace_back(std::make_unique<Cursor>(scope, i, reader->topic(table), *store));
      cursor.read(now_ms);
      if (!cursor.needs_reset) continue;
      spdlog::warn(
          "a task meets the whole broadcast table again: its changes since the last commit are "
          "unknown task={} node={} topic={}",
          scope.task.to_string(), node.name, table);
    }
  }
}

TaskBroadcasts::~TaskBroadcasts() = default;

Status TaskBroadcasts::check_row(Bytes key, Bytes value) {
  constexpr size_t kPartitionBytes = sizeof(char) + sizeof(int32_t);
  if (key.size() <= kPartitionBytes || key.view()[key.size() - kPartitionBytes] != '\0') {
    return Error{ErrorCode::kInvalidRecord, "the key of a cursor is no topic and partition"};
  }
  if (value.is_null()) return {};
  const bool is_of_an_earlier_version = value.size() == 2 * sizeof(int64_t);
  if (value.size() != kCursorBytes && !is_of_an_earlier_version) {
    return Error{ErrorCode::kInvalidRecord, "a cursor is no offset, time and offset"};
  }
  const auto number = [&](size_t i) {
    return Serde<int64_t>::view(Bytes(value.data() + i * sizeof(int64_t), sizeof(int64_t)));
  };
  for (size_t i = 0; i < value.size() / sizeof(int64_t); ++i) {
    if (number(i) < 0) return Error{ErrorCode::kInvalidRecord, "a number of a cursor is negative"};
  }
  return {};
}

const BroadcastRows& TaskBroadcasts::rows(const Node* node, std::string_view table) const {
  for (const auto& cursor : cursors_) {
    if (scope_.sub_topology->nodes[cursor->node].node == node && cursor->topic.use->name == table) {
      return *cursor;
    }
  }
  const std::string fault = fmt::format(
      "node '{}' reads the broadcast table '{}' without declaring it", node->name, table);
  MILLRACE_ASSERT(false, fault.c_str());
  std::abort();
}

std::optional<TaskBroadcasts::Next> TaskBroadcasts::next() const {
  std::optional<Next> earliest;
  for (size_t i = 0; i < cursors_.size(); ++i) {
    const Cursor& cursor = *cursors_[i];
    if (cursor.needs_reset) return Next{.cursor = i, .is_reset = true, .is_first = true};
    const BroadcastCopy& copy = cursor.topic.copy;
    for (int32_t p = 0; p < copy.partitions(); ++p) {
      const int64_t at = cursor.at[static_cast<size_t>(p)];
      if (at >= copy.end(p)) continue;
      const int64_t offset = copy.next_offset(p, at);
      if (offset < 0) continue;
      const Next found{.cursor = i,
                       .partition = p,
                       .offset = offset,
                       .timestamp_ms = copy.timestamp_ms(p, offset),
                       .is_first = offset < cursor.first_end[static_cast<size_t>(p)]};
      const auto order = [](const Next& n) { return std::pair(!n.is_first, n.timestamp_ms); };
      if (!earliest || order(found) < order(*earliest)) earliest = found;
    }
  }
  return earliest;
}

void TaskBroadcasts::pass(const Next& next) {
  Cursor& cursor = *cursors_[next.cursor];
  if (!next.is_reset) {
    cursor.move(next.partition, next.offset, next.offset + 1);
    return;
  }
  cursor.needs_reset = false;
  for (int32_t p = 0; p < cursor.topic.copy.partitions(); ++p) cursor.reset(p);
}

void TaskBroadcasts::keep(const Next& next) {
  Cursor& cursor = *cursors_[next.cursor];
  const int32_t first = next.is_reset ? 0 : next.partition;
  const int32_t last = next.is_reset ? cursor.topic.copy.partitions() - 1 : next.partition;
  for (int32_t p = first; p <= last; ++p) {
    if (next.is_reset) {
      cursor.renew_at_end(p);
    } else {
      cursor.renew(p);
    }
    write(cursor, p, next.timestamp_ms);
  }
  if (!next.is_reset) return;
  for (const std::string& key : cursor.gone) cursor.store.erase(Bytes(key), next.timestamp_ms);
}

void TaskBroadcasts::write(Cursor& cursor, int32_t partition, int64_t timestamp_ms) {
  std::string value;
  Serde<int64_t>::encode(cursor.at[static_cast<size_t>(partition)], value);
  Serde<int64_t>::encode(cursor.before_ms[static_cast<size_t>(partition)], value);
  Serde<int64_t>::encode(cursor.gap_end[static_cast<size_t>(partition)], value);
  cursor.store.put(Bytes(row_key(cursor.topic.use->name, partition)), Bytes(value), timestamp_ms);
}

void TaskBroadcasts::call(const Next& next, TaskProcessors& processors) const {
  const Cursor& cursor = *cursors_[next.cursor];
  const std::string& table = cursor.topic.use->name;
  if (next.is_reset) {
    processors.broadcast_reset(cursor.node, table);
    return;
  }
  const BroadcastCopy::Change change = cursor.topic.copy.change(
      next.partition, next.offset, cursor.elsewhere(next.partition, next.is_first));
  processors.broadcast_changed(cursor.node, {.table = table,
                                             .key = change.key,
                                             .value = change.row.value,
                                             .old_value = change.row_before.value,
                                             .is_old_known = change.is_old_known,
                                             .timestamp_ms = change.row.timestamp_ms});
}

// Passes offsets without a change, such as marks of transactions, so that they do not make the
// cursor look behind.
void TaskBroadcasts::pass_nothing(Cursor& cursor, int32_t partition) {
  const int64_t at = cursor.at[static_cast<size_t>(partition)];
  const int64_t end = cursor.topic.copy.end(partition);
  if (end > at && cursor.topic.copy.next_offset(partition, at) < 0)
    cursor.move(partition, end, end);
}

void TaskBroadcasts::freeze() {
  for (const auto& cursor : cursors_) {
    for (int32_t p = 0; p < cursor->topic.copy.partitions(); ++p) {
      if (cursor->needs_reset || !cursor->has_old_time(p)) continue;
      cursor->renew(p);
      pass_nothing(*cursor, p);
      write(*cursor, p, std::max<int64_t>(scope_.stream_time_ms, 0));
    }
    cursor->frozen = cursor->at;
  }
}

void TaskBroadcasts::apply_frozen() {
  for (const auto& cursor : cursors_) cursor->committed = cursor->frozen;
}

void TaskBroadcasts::lower_floors(const BroadcastTopic& topic, std::span<int64_t> floors) const {
  for (const auto& cursor : cursors_) {
    if (&cursor->topic != &topic) continue;
    for (size_t p = 0; p < floors.size(); ++p) {
      floors[p] = std::min(floors[p], cursor->committed[p]);
    }
  }
}

}  // namespace millrace::engine
