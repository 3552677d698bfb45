#include "crm/tables/table_tracker.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "millrace/core/partitioner.h"

#include "crm/encode.h"
#include "crm/tables/table_floors.h"
#include "crm/tables/table_report.h"
#include "crm/version.h"
#include "table_floor_generated.h"

namespace millrace::crm {
namespace {

/// Keys, one for each partition, that the partitioner sends there.
std::vector<std::string> key_of_each_partition(int32_t partitions) {
  std::vector<std::string> keys(static_cast<size_t>(partitions));
  size_t found = 0;
  for (int64_t number = 0; found < keys.size(); ++number) {
    std::string key = std::to_string(number);
    std::string& of_partition = keys[static_cast<size_t>(partition_of(Bytes(key), partitions))];
    if (!of_partition.empty()) continue;
    of_partition = std::move(key);
    ++found;
  }
  return keys;
}

class TableTracker final : public Processor {
 public:
  TableTracker(std::string snapshots, std::string floors, SnapshotSweep sweep)
      : snapshot_store_(std::move(snapshots)), floor_store_(std::move(floors)), sweep_(sweep) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    snapshots_ = &context.store(snapshot_store_);
    floors_ = &context.store(floor_store_);
    keys_ = key_of_each_partition(context.partition_count());
  }

  void process(const Record& record) override {
    const auto& event = *flatbuffers::GetRoot<TableEvent>(record.value.data());
    if (event.kind() == TableEventKind::Truncated) {
      context().count_dropped("table_truncated");
      spdlog::info("a table was truncated home={} table={}", event.home()->c_str(),
                   event.table()->c_str());
      return send(event.home()->str(), event.table()->str(), view_of(*event.version()),
                  FloorCause::Truncate, record.timestamp_ms);
    }
    track(event, record);
  }

 private:
  void track(const TableEvent& event, const Record& record) {
    TableSnapshotsT state;
    if (const Row row = snapshots_->get(record.key)) {
      flatbuffers::GetRoot<TableSnapshots>(row.value.data())->UnPackTo(&state);
    }
    const std::string_view position = event.version()->position()->string_view();
    if (!state.tables.empty()) {
      const std::string& known = state.tables.front()->version->position;
      if (position < known) return;  // of a snapshot that is over
      if (known < position) abandon(state, record);
    }
    SnapshotTableT& table = table_in(state, event);
    state.all_ended = state.all_ended || event.kind() == TableEventKind::SnapshotsEnded;
    if (event.kind() == TableEventKind::SnapshotEnded) complete(table, record);
    if (state.all_ended) {
      for (const auto& one : state.tables) complete(*one, record);
    }
    builder_.Clear();
    snapshots_->put(record.key, finish_aligned(builder_, TableSnapshots::Pack(builder_, &state)),
                    record.timestamp_ms);
  }

  /// Another snapshot has begun; those of its tables that were not complete will not be.
  void abandon(TableSnapshotsT& state, const Record& record) {
    for (const auto& table : state.tables) {
      if (table->complete) continue;
      context().count_dropped("snapshot_abandoned");
      spdlog::warn("a snapshot of a table was abandoned home={} table={}", table->home,
                   table->table);
      report(*table, "another snapshot began before this one was complete: it deletes nothing",
             record);
    }
    state = {};
  }

  SnapshotTableT& table_in(TableSnapshotsT& state, const TableEvent& event) {
    const auto found = std::ranges::find_if(state.tables, [&event](const auto& table) {
      return table->home == event.home()->string_view() &&
             table->table == event.table()->string_view();
    });
    if (found != state.tables.end()) return **found;
    context().count_dropped("snapshot_began");
    spdlog::info("a snapshot of a table began home={} table={}", event.home()->c_str(),
                 event.table()->c_str());
    SnapshotTableT& table = *state.tables.emplace_back(std::make_unique<SnapshotTableT>());
    table.home = event.home()->str();
    table.table = event.table()->str();
    table.version = std::make_unique<VersionT>();
    event.version()->UnPackTo(table.version.get());
    return table;
  }

  void complete(SnapshotTableT& table, const Record& record) {
    if (std::exchange(table.complete, true)) return;
    context().count_dropped("snapshot_complete");
    spdlog::info("a snapshot of a table is complete home={} table={}", table.home, table.table);
    if (sweep_ == SnapshotSweep::kOff) return;
    const VersionT& version = *table.version;
    send(table.home, table.table,
         {version.commit_timestamp_ms, version.sequence_number, version.transaction_key,
          version.log, version.position},
         sweep_ == SnapshotSweep::kOn ? FloorCause::Snapshot : FloorCause::DryRun,
         record.timestamp_ms);
  }

  void send(const std::string& home, const std::string& table, VersionView version,
            FloorCause cause, int64_t timestamp_ms) {
    if (has_floor(*floors_, home, table, cause, version)) return;
    for (const std::string& key : keys_) {
      builder_.Clear();
      const auto home_text = builder_.CreateString(home);
      const auto table_text = builder_.CreateString(table);
      const auto version_offset = write_version(builder_, version);
      const Bytes value = finish_aligned(
          builder_, CreateTableFloor(builder_, home_text, table_text, cause, version_offset));
      context().forward_to(kFloorsChild, {.key = key,
                                          .value = value,
                                          .old_value = {},
                                          .timestamp_ms = timestamp_ms,
                                          .headers = {}});
    }
  }

  void report(const SnapshotTableT& table, std::string_view text, const Record& record) {
    const VersionT& version = *table.version;
    const TableReport report =
        write_table_report(builder_, table.home, table.table,
                           {version.commit_timestamp_ms, version.sequence_number,
                            version.transaction_key, version.log, version.position},
                           text);
    context().forward_to(kTrackReportsChild, {.key = report.key,
                                              .value = report.value,
                                              .old_value = {},
                                              .timestamp_ms = record.timestamp_ms,
                                              .headers = {}});
  }

  std::string snapshot_store_;
  std::string floor_store_;
  SnapshotSweep sweep_;
  KeyValueStore* floors_ = nullptr;
  KeyValueStore* snapshots_ = nullptr;
  std::vector<std::string> keys_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory table_tracker(std::string snapshots, std::string floors, SnapshotSweep sweep) {
  return [snapshots = std::move(snapshots), floors = std::move(floors), sweep] {
    return std::make_unique<TableTracker>(snapshots, floors, sweep);
  };
}

}  // namespace millrace::crm
