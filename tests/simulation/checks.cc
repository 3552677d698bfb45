#include "checks.h"

#include <fmt/format.h>

#include "state/derived/derived_changes.h"
#include "state/rows/aligned_bytes.h"

namespace millrace::simulation {
namespace {

using Rows = std::map<std::string, std::string>;

/// The rows of a changelog with those that follow from them, whatever else the changelog has.
Rows with_derived(const StoreSpec& spec, const Rows& rows) {
  DerivedChanges derived(spec);
  AlignedBytes aligned;
  Rows all;
  for (const auto& [key, value] : rows) {
    if (derived.is_derived(Bytes(key))) continue;
    all.emplace(key, value);
    derived.compare(Bytes(key), Bytes(), aligned.copy(Bytes(value)), [&](Bytes its_key, Bytes its) {
      all.emplace(its_key.to_string(), its.to_string());
    });
  }
  return all;
}

}  // namespace

Checks::Checks(testing::MemoryBroker& broker, const Topology& topology, std::string application)
    : broker_(broker), topology_(topology), application_(std::move(application)) {}

Finding Checks::committed(const std::string& instance, int32_t generation,
                          std::span<const engine::PartitionOffset> offsets) {
  for (const engine::PartitionOffset& offset : offsets) {
    const auto [last, is_first] = committed_.try_emplace(offset.partition, offset.offset);
    if (!is_first && offset.offset < last->second) {
      return fmt::format("{} commits {}@{} in generation {}, after {}", instance,
                         offset.partition.to_string(), offset.offset, generation, last->second);
    }
    last->second = offset.offset;
    const auto [owner, is_new] = owners_.try_emplace({offset.partition, generation}, instance);
    if (!is_new && owner->second != instance) {
      return fmt::format("{} and {} both commit {} in generation {}", owner->second, instance,
                         offset.partition.to_string(), generation);
    }
  }
  return {};
}

const Checks::Fold* Checks::fold_until(const TopicPartition& changelog, int64_t end) {
  Fold& fold = folds_[changelog];
  if (end < fold.end || end > broker_.last_stable_offset(changelog)) return nullptr;
  for (const testing::StoredRecord& record : broker_.read_committed(changelog, fold.end)) {
    if (record.offset >= end) break;
    if (record.value) {
      fold.rows[record.key.value()] = *record.value;
    } else {
      fold.rows.erase(record.key.value());
    }
  }
  fold.end = end;
  return &fold;
}

void Checks::forget(const std::string& topic) {
  const auto is_of_it = [&topic](const auto& entry) { return entry.first.topic == topic; };
  std::erase_if(committed_, is_of_it);
  std::erase_if(folds_, is_of_it);
}

void Checks::read_changelogs() {
  for (const StoreSpec& spec : topology_.stores()) {
    const std::string topic = changelog_topic_name(application_, spec.name);
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) {
      fold_until({topic, p}, broker_.last_stable_offset({topic, p}));
    }
  }
}

Finding Checks::stores(const std::string& instance, const Engine& engine) {
  for (const TaskInfo& task : engine.queries().tasks()) {
    if (task.stage != TaskStage::kRunning) continue;
    for (const StoreSpec& spec : topology_.stores()) {
      if (!spec.changelog) continue;
      if (Finding found = store(instance, engine, spec, task)) return found;
    }
  }
  return {};
}

Finding Checks::store(const std::string& instance, const Engine& engine, const StoreSpec& spec,
                      const TaskInfo& task) {
  const TopicPartition changelog{changelog_topic_name(application_, spec.name),
                                 task.position.task.partition};
  std::map<std::string, std::string> rows;
  const Result<StatePosition> scanned = engine.queries().scan_partition(
      spec.name, changelog.partition, {}, [&](TaskId, Bytes key, const Row& row) {
        rows.emplace(key.to_string(), row.value.to_string());
        return true;
      });
  if (!scanned.ok()) return {};
  for (const IndexSpec& indexed : spec.indexes) {
    if (Finding found = index(instance, engine, spec, indexed, changelog.partition, rows)) {
      return found;
    }
  }
  const auto position = task.position.changelogs.find(changelog);
  if (position == task.position.changelogs.end() || ignored_.contains(changelog)) return {};
  const Fold* const fold = fold_until(changelog, position->second);
  if (fold == nullptr) return {};
  Rows wanted = derived_rows_of(spec) == nullptr ? fold->rows : with_derived(spec, fold->rows);
  if (spec.is_hidden) {
    std::erase_if(wanted, [&](const auto& row) { return spec.is_hidden(Bytes(row.first)); });
  }
  if (rows == wanted) return {};
  return fmt::format("store {} of {} has {} rows, {} up to {} has {}", spec.name, instance,
                     rows.size(), changelog.to_string(), position->second, wanted.size());
}

Finding Checks::index(const std::string& instance, const Engine& engine, const StoreSpec& spec,
                      const IndexSpec& index, int32_t partition,
                      const std::map<std::string, std::string>& rows) {
  std::map<std::string, std::string> entries;
  const std::string name = index_store_name(spec.name, index.name);
  const Result<StatePosition> scanned =
      engine.queries().scan_partition(name, partition, {}, [&](TaskId, Bytes key, const Row& row) {
        entries.emplace(key.to_string(), row.value.to_string());
        return true;
      });
  if (!scanned.ok()) return {};  // of another version, or not built yet
  std::map<std::string, std::string> wanted;
  IndexValues values;
  for (const auto& [key, value] : rows) {
    values.clear();
    index.values_of(Bytes(key), Bytes(value), values);
    for (const std::string& entry : values.sorted()) wanted.emplace(entry + key, value);
  }
  if (entries == wanted) return {};
  return fmt::format("index {} of {} has {} entries in partition {}, and its rows say {}", name,
                     instance, entries.size(), partition, wanted.size());
}

}  // namespace millrace::simulation
