#include "crm/tables/table_tracker.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "millrace/core/partitioner.h"

#include "crm/model/encode.h"
#include "crm/model/table_floors.h"
#include "crm/model/version.h"
#include "crm/tables/table_report.h"
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

constexpr std::string_view kAnotherSnapshot =
    "another snapshot began before this one was complete: it deletes nothing";
constexpr std::string_view kAnotherLoad =
    "a later load came before this one was complete: it deletes nothing";
constexpr std::string_view kMoreRows =
    "more records of a load came than its end counts: it deletes nothing";

/// Of one table. More at a time are no loads, but records of many moments.
constexpr size_t kOpenLoadsMax = 8;

bool is_load(const SnapshotTableT& table) {
  return table.version->log.empty();
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
    TableSnapshotsT state;
    if (const Row row = snapshots_->get(record.key)) {
      flatbuffers::GetRoot<TableSnapshots>(row.value.data())->UnPackTo(&state);
    }
    if (event.kind() >= TableEventKind::LoadBegan) {
      track_load(event, state, record);
    } else {
      track(event, state, record);
    }
    if (state.tables.empty()) return;
    builder_.Clear();
    snapshots_->put(record.key, finish_aligned(builder_, TableSnapshots::Pack(builder_, &state)),
                    record.timestamp_ms);
  }

 private:
  void track(const TableEvent& event, TableSnapshotsT& state, const Record& record) {
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
  }

  void track_load(const TableEvent& event, TableSnapshotsT& state, const Record& record) {
    SnapshotTableT* load = load_of(state, event, record);
    if (load == nullptr || load->complete) return;
    if (event.kind() == TableEventKind::LoadRows) {
      load->rows += event.rows();
    } else if (event.kind() == TableEventKind::LoadEnded) {
      load->load_ended = true;
      load->rows_expected = std::max(load->rows_expected, event.rows());
      spdlog::info("a load of a table has ended home={} table={} rows={} came={}", load->home,
                   load->table, load->rows_expected, load->rows);
    } else if (!std::exchange(load->load_began, true)) {
      context().count_dropped("load_began");
      spdlog::info("a load of a table began home={} table={}", load->home, load->table);
    }
    if (!load->load_ended || load->rows < load->rows_expected) return;
    if (load->rows > load->rows_expected) {
      load->complete = true;
      return give_up(*load, kMoreRows, record);
    }
    complete(*load, record);
    while (state.tables.front().get() != load) drop_first_load(state, record);
  }

  /// The load of the event's moment. null: a later one is complete. Parts of loads that follow each
  /// other may come mixed, so some are open at a time, sorted by their moments.
  SnapshotTableT* load_of(TableSnapshotsT& state, const TableEvent& event, const Record& record) {
    const int64_t moment_ms = event.version()->commit_timestamp_ms();
    const auto at = std::ranges::lower_bound(state.tables, moment_ms, {}, [](const auto& load) {
      return load->version->commit_timestamp_ms;
    });
    if (at != state.tables.end() && (*at)->version->commit_timestamp_ms == moment_ms) {
      return at->get();
    }
    if (at == state.tables.begin() && at != state.tables.end() && (*at)->complete) {
      context().count_dropped("load_outdated");
      return nullptr;
    }
    SnapshotTableT* load = state.tables.insert(at, new_table(event))->get();
    if (state.tables.size() <= kOpenLoadsMax) return load;
    const bool is_first = state.tables.front().get() == load;
    if (is_first && event.kind() != TableEventKind::LoadRows) give_up(*load, kAnotherLoad, record);
    drop_first_load(state, record);
    return is_first ? nullptr : load;
  }

  void drop_first_load(TableSnapshotsT& state, const Record& record) {
    const SnapshotTableT& load = *state.tables.front();
    if (!load.complete && (load.load_began || load.load_ended)) {
      give_up(load, kAnotherLoad, record);
    }
    state.tables.erase(state.tables.begin());
  }

  /// Another snapshot has begun; those of its tables that were not complete will not be.
  void abandon(TableSnapshotsT& state, const Record& record) {
    for (const auto& table : state.tables) {
      if (!table->complete) give_up(*table, kAnotherSnapshot, record);
    }
    state = {};
  }

  void give_up(const SnapshotTableT& table, std::string_view why, const Record& record) {
    context().count_dropped(is_load(table) ? "load_abandoned" : "snapshot_abandoned");
    spdlog::warn(
        "the records of a table are not complete, so nothing is deleted home={} table={}: {}",
        table.home, table.table, why);
    report(table, why, record);
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
    return *state.tables.emplace_back(new_table(event));
  }

  static std::unique_ptr<SnapshotTableT> new_table(const TableEvent& event) {
    auto table = std::make_unique<SnapshotTableT>();
    table->home = event.home()->str();
    table->table = event.table()->str();
    table->version = std::make_unique<VersionT>();
    event.version()->UnPackTo(table->version.get());
    return table;
  }

  void complete(SnapshotTableT& table, const Record& record) {
    if (std::exchange(table.complete, true)) return;
    context().count_dropped(is_load(table) ? "load_complete" : "snapshot_complete");
    spdlog::info("the records of a table are complete home={} table={}", table.home, table.table);
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
