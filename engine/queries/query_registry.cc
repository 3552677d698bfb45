#include "engine/queries/query_registry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/partitioner.h"

namespace millrace {

std::string_view to_string(TaskStage stage) {
  switch (stage) {
    case TaskStage::kRestoring:
      return "restoring";
    case TaskStage::kRunning:
      return "running";
    case TaskStage::kSuspended:
      return "suspended";
    case TaskStage::kStandby:
      return "standby";
  }
  return "unknown";
}

std::optional<std::string> prefix_end(Bytes prefix) {
  std::string end = prefix.to_string();
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(end.back() + 1);
  return end;
}

namespace engine {

void QueryRegistry::define(std::span<const SubTopology> sub_topologies) {
  auto flow = std::make_shared<const DataFlow>(sub_topologies);
  const std::lock_guard lock(mutex_);
  flow_ = std::move(flow);
  stores_.clear();
  for (const SubTopology& sub_topology : sub_topologies) {
    for (const ResolvedStore& store : sub_topology.stores) {
      StorePlace place{sub_topology.index, sub_topology.partitions, store.spec->partition_key,
                       store.spec->is_hidden};
      stores_[store.spec->name] = place;
      place.is_hidden = {};  // an index has no entries of hidden rows
      for (const IndexSpec& index : store.spec->indexes) {
        stores_[index_store_name(store.spec->name, index.name)] = place;
      }
    }
  }
}

void QueryRegistry::add(TaskId task, Readers readers) {
  const std::lock_guard lock(mutex_);
  Entry& entry = tasks_[task];
  entry.readers = std::move(readers);
  entry.info.position.task = task;
}

void QueryRegistry::set_info(TaskInfo info, std::optional<int64_t> end_known_ns) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(info.position.task);
  if (found == tasks_.end()) return;
  found->second.info = std::move(info);
  found->second.end_known_ns = end_known_ns;
}

void QueryRegistry::remove(TaskId task) {
  const std::lock_guard lock(mutex_);
  tasks_.erase(task);
}

void QueryRegistry::set_freshness(TaskInfo& info) const {
  StatePosition& position = info.position;
  if (info.stage != TaskStage::kRunning) return;
  if (info.is_caught_up) {
    position.freshness_ms = 0;
  } else if (position.event_time_ms >= 0) {
    position.freshness_ms = std::max<int64_t>(clock_.now_ms() - position.event_time_ms, 0);
  }
}

Result<QueryRegistry::StorePlace> QueryRegistry::place_of(std::string_view store) const {
  const std::lock_guard lock(mutex_);
  if (stores_.empty()) {
    return Error{ErrorCode::kRetriable, "the instance is starting and knows no stores yet"};
  }
  const auto found = stores_.find(store);
  if (found != stores_.end()) return found->second;
  return Error{ErrorCode::kInvalidArgument, fmt::format("there is no store '{}'", store)};
}

Result<QueryRegistry::Found> QueryRegistry::find(Source source, std::string_view store,
                                                 TaskId task) const {
  const std::lock_guard lock(mutex_);
  const auto entry = tasks_.find(task);
  if (entry == tasks_.end()) {
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} of store '{}' does not run on this instance",
                             task.to_string(), store)};
  }
  const TaskInfo& info = entry->second.info;
  const bool is_usable_standby = source == Source::kActiveOrStandby && has_committed_state(info);
  if (info.stage != TaskStage::kRunning && !is_usable_standby) {
    const auto stage = info.stage == TaskStage::kStandby ? "a standby" : to_string(info.stage);
    return Error{ErrorCode::kRetriable,
                 fmt::format("task {} of store '{}' is {}, {} records to go", task.to_string(),
                             store, stage, info.restore_remaining_records)};
  }
  TaskInfo seen = info;
  seen.position.instance = instance_;
  set_freshness(seen);
  seen.position.is_standby = is_usable_standby;
  if (is_usable_standby) set_lag(seen, entry->second.end_known_ns);
  return Found{entry->second.readers.find(store)->second, std::move(seen.position)};
}

bool QueryRegistry::has_committed_state(const TaskInfo& info) {
  return (info.stage == TaskStage::kStandby && info.is_caught_up) ||
         info.stage == TaskStage::kSuspended;
}

bool QueryRegistry::age_lag(TaskInfo& info, std::optional<int64_t> end_known_ns) const {
  if (info.stage != TaskStage::kStandby || !end_known_ns) return false;
  const int64_t age_ms = (clock_.steady_ns() - *end_known_ns) / kNsPerMs;
  if (age_ms <= kStandbyEndKnownMs) return false;
  info.lag_records = info.position.lag_records = -1;
  info.position.lag_ms = age_ms;
  return true;
}

void QueryRegistry::set_lag(TaskInfo& info, std::optional<int64_t> end_known_ns) const {
  if (age_lag(info, end_known_ns)) return;
  StatePosition& position = info.position;
  // Another instance may run a suspended task already.
  position.lag_records = info.stage == TaskStage::kStandby ? info.lag_records : -1;
  const bool is_at_end = info.stage == TaskStage::kStandby && info.lag_records == 0;
  if (!is_at_end)
    position.lag_ms = std::max<int64_t>(clock_.now_ms() - position.committed_at_ms, 0);
}

int32_t QueryRegistry::StorePlace::partition(Bytes key, Bytes part) const {
  if (part.is_null()) part = partition_key ? partition_key(key) : key;
  return partition_of(part, partitions);
}

Result<TaskId> QueryRegistry::task_of(std::string_view store, Bytes key,
                                      Bytes partition_key) const {
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  return TaskId{place->sub_topology, place->partition(key, partition_key)};
}

Result<TaskId> QueryRegistry::task_of_partition(std::string_view store, int32_t partition) const {
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  if (partition >= 0 && partition < place->partitions) {
    return TaskId{place->sub_topology, partition};
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("store '{}' has no partition {}", store, partition)};
}

Result<int32_t> QueryRegistry::partitions_of(std::string_view store) const {
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  return place->partitions;
}

Result<StoreAnswer> QueryRegistry::get_from(Source source, std::string_view store, Bytes key,
                                            Bytes partition_key) const {
  if (key.is_null()) return Error{ErrorCode::kInvalidArgument, "a query needs a key"};
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  const int32_t partition = place->partition(key, partition_key);
  Result<Found> found = find(source, store, {place->sub_topology, partition});
  if (!found.ok()) return found.status();
  StoreAnswer answer;
  Result<StoreReader::OwnedRow> row = found->reader->get(key);
  if (row.ok() && place->is_hidden && place->is_hidden(key)) {
    row = Error{ErrorCode::kNotFound, "a row of the operator's own"};
  }
  if (row.ok()) {
    answer.row = std::move(*row);
  } else if (row.code() != ErrorCode::kNotFound) {
    return row.status();
  }
  answer.position = std::move(found->position);
  return answer;
}

Result<StatePosition> QueryRegistry::scan_task(Source source, std::string_view store,
                                               int32_t partition, const RowRange& range,
                                               const RowVisitor& visit) const {
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  const TaskId task{place->sub_topology, partition};
  Result<Found> found = find(source, store, task);
  if (!found.ok()) return found.status();
  RowRange all = range;
  if (place->is_hidden) all.rows_max = SIZE_MAX;  // the reader would count hidden rows
  size_t left = range.rows_max;
  if (left == 0) return std::move(found->position);
  MILLRACE_RETURN_IF_ERROR(found->reader->scan(all, [&](Bytes key, Row row) {
    if (place->is_hidden && place->is_hidden(key)) return true;
    return visit(task, key, row) && --left > 0;
  }));
  return std::move(found->position);
}

Result<std::vector<StatePosition>> QueryRegistry::scan_from(Source source, std::string_view store,
                                                            const RowRange& range,
                                                            const RowVisitor& visit) const {
  const Result<StorePlace> place = place_of(store);
  if (!place.ok()) return place.status();
  std::vector<TaskId> here;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [task, entry] : tasks_) {
      if (task.sub_topology != place->sub_topology) continue;
      if (source == Source::kActive && entry.info.stage == TaskStage::kStandby) continue;
      here.push_back(task);
    }
  }
  std::vector<StatePosition> positions;
  bool goes_on = true;
  for (const TaskId task : here) {
    if (!goes_on) break;
    Result<StatePosition> position = scan_task(
        source, store, task.partition, range,
        [&](TaskId owner, Bytes key, Row row) { return goes_on = visit(owner, key, row); });
    if (!position.ok()) return position.status();
    positions.push_back(std::move(*position));
  }
  return positions;
}

std::shared_ptr<const DataFlow> QueryRegistry::flow() const {
  const std::lock_guard lock(mutex_);
  return flow_;
}

std::vector<TaskInfo> QueryRegistry::tasks() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskInfo> all;
  for (const auto& [task, entry] : tasks_) {
    all.push_back(entry.info);
    all.back().position.instance = instance_;
    set_freshness(all.back());
    age_lag(all.back(), entry.end_known_ns);
  }
  return all;
}

}  // namespace engine
}  // namespace millrace
