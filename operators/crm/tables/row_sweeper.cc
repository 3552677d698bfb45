#include "crm/tables/row_sweeper.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

#include "crm/model/encode.h"
#include "crm/model/erasure_marks.h"
#include "crm/model/table_floors.h"
#include "crm/tables/table_report.h"

namespace millrace::crm {
namespace {

/// One timer for all sweeps of the task, so that together they take a bounded share of it.
constexpr std::string_view kTimerKey = "sweeps";
constexpr int64_t kPauseMs = 1;

VersionView view_of(const VersionT& version) {
  return {version.commit_timestamp_ms, version.sequence_number, version.transaction_key,
          version.log, version.position};
}

bool is_same_line(const TableFloorT& a, const TableFloorT& b) {
  return a.cause == b.cause && a.version->log == b.version->log;
}

std::string sweep_key(const TableFloorT& floor) {
  std::string key = table_key(floor.home, floor.table);
  key.append(1, '\0').append(floor.version->log).append(1, '\0');
  return key.append(1, static_cast<char>('0' + static_cast<int>(floor.cause)));
}

class RowSweeper final : public Processor {
 public:
  RowSweeper(RowSweeperStores stores, bool of_children, size_t slice)
      : stores_(std::move(stores)), of_children_(of_children), slice_(slice) {
    MILLRACE_ASSERT(slice > 0, "a slice looks at something");
  }

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.store(stores_.rows);
    erasures_ = &context.store(stores_.erasures);
    floors_ = &context.store(stores_.floors);
    sweeps_ = &context.store(stores_.sweeps);
    timers_ = &context.timers(stores_.timers);
  }

  void process(const Record& record) override {
    TableFloorT floor;
    flatbuffers::GetRoot<TableFloor>(record.value.data())->UnPackTo(&floor);
    const bool is_of_children = floor.home.find('/') != std::string::npos;
    if (is_of_children != of_children_ || !raise(floor, record.timestamp_ms)) return;
    TableSweepT sweep;
    sweep.next = floor.home + ':';
    sweep.floor = std::make_unique<TableFloorT>(floor);
    put(sweep_key(floor), sweep, record.timestamp_ms);
    set_timer();
  }

  void on_timer(const Timer&) override {
    std::string key;
    TableSweepT sweep;
    int64_t timestamp_ms = 0;
    {
      const auto first = sweeps_->range({}, {});
      if (!first->valid()) return;
      key = first->key().to_string();
      timestamp_ms = first->row().timestamp_ms;
      flatbuffers::GetRoot<TableSweep>(first->row().value.data())->UnPackTo(&sweep);
    }
    work(key, sweep, timestamp_ms);
    if (sweeps_->range({}, {})->valid()) set_timer();
  }

 private:
  struct StoredRow {
    std::string key;
    std::string value;
    int64_t timestamp_ms = 0;
  };

  /// False: the floor lies not above a known one.
  bool raise(const TableFloorT& floor, int64_t timestamp_ms) {
    const std::string key = table_key(floor.home, floor.table);
    const VersionView version = view_of(*floor.version);
    if (has_floor(*floors_, floor.home, floor.table, floor.cause, version)) return false;
    TableFloorsT known;
    if (const Row row = floors_->get(key)) {
      flatbuffers::GetRoot<TableFloors>(row.value.data())->UnPackTo(&known);
    }
    const auto same = std::ranges::find_if(
        known.floors, [&floor](const auto& one) { return is_same_line(*one, floor); });
    if (same == known.floors.end()) {
      known.floors.push_back(std::make_unique<TableFloorT>(floor));
    } else {
      **same = floor;
    }
    builder_.Clear();
    floors_->put(key, finish_aligned(builder_, TableFloors::Pack(builder_, &known)), timestamp_ms);
    return true;
  }

  void work(const std::string& key, TableSweepT& sweep, int64_t timestamp_ms) {
    const std::vector<StoredRow> slice = next_rows(sweep);
    floor_bytes_ = packed(*sweep.floor);
    for (const StoredRow& row : slice) look_at(row, sweep, timestamp_ms);
    if (slice.size() == slice_) {
      sweep.next = slice.back().key + '\0';
      return put(key, sweep, timestamp_ms);
    }
    sweeps_->erase(key, timestamp_ms);
    report(sweep, timestamp_ms);
  }

  std::vector<StoredRow> next_rows(const TableSweepT& sweep) {
    std::vector<StoredRow> rows;
    const std::string to = sweep.floor->home + static_cast<char>(':' + 1);
    for (const auto it = rows_->range(sweep.next, to); it->valid() && rows.size() < slice_;
         it->next()) {
      rows.push_back({it->key().to_string(), it->row().value.to_string(), it->row().timestamp_ms});
    }
    return rows;
  }

  void look_at(const StoredRow& stored, TableSweepT& sweep, int64_t floor_timestamp_ms) {
    LoggedRow row = read_logged_row(*flatbuffers::GetRoot<AccountRow>(stored.value.data()));
    if (!std::ranges::binary_search(row.tables, std::string_view(sweep.floor->table))) return;
    ++sweep.met;
    if (is_erased(*erasures_, stored.key, sweep.floor->version->commit_timestamp_ms)) return;
    const RowStatus status = row.row.status;
    const Result<bool> changed =
        apply_floor(row, *flatbuffers::GetRoot<TableFloor>(floor_bytes_.data()));
    if (!changed.ok()) return context().count_dropped("sweep_refused");
    if (!*changed) return;
    if (status != RowStatus::Deleted && row.row.status == RowStatus::Deleted) ++sweep.deleted;
    if (sweep.floor->cause == FloorCause::DryRun) return;
    builder_.Clear();
    const Bytes value = finish_aligned(builder_, write_row(builder_, row));
    const int64_t timestamp_ms = std::max(stored.timestamp_ms, floor_timestamp_ms);
    rows_->put(stored.key, value, timestamp_ms);
    context().forward_to(kSweptRowsChild, {.key = stored.key,
                                           .value = value,
                                           .old_value = Bytes(stored.value),
                                           .timestamp_ms = timestamp_ms,
                                           .headers = {}});
  }

  void report(const TableSweepT& sweep, int64_t timestamp_ms) {
    const bool is_truncate = sweep.floor->cause == FloorCause::Truncate;
    const bool is_dry = sweep.floor->cause == FloorCause::DryRun;
    const bool is_load = sweep.floor->version->log.empty();
    std::string text = is_truncate ? "a truncate" : is_load ? "a load" : "a complete snapshot";
    text += is_dry ? " would delete " : " deleted ";
    text += std::to_string(sweep.deleted) + " of " + std::to_string(sweep.met);
    text += " records in task " + std::to_string(context().task().partition);
    spdlog::info("swept a table home={} table={} met={} deleted={} dry_run={}", sweep.floor->home,
                 sweep.floor->table, sweep.met, sweep.deleted, is_dry);
    const TableReport report = write_table_report(builder_, sweep.floor->home, sweep.floor->table,
                                                  view_of(*sweep.floor->version), text);
    context().forward_to(kSweepReportsChild, {.key = report.key,
                                              .value = report.value,
                                              .old_value = {},
                                              .timestamp_ms = timestamp_ms,
                                              .headers = {}});
  }

  std::string packed(const TableFloorT& floor) {
    builder_.Clear();
    return finish_aligned(builder_, TableFloor::Pack(builder_, &floor)).to_string();
  }

  void put(const std::string& key, const TableSweepT& sweep, int64_t timestamp_ms) {
    builder_.Clear();
    sweeps_->put(key, finish_aligned(builder_, TableSweep::Pack(builder_, &sweep)), timestamp_ms);
  }

  void set_timer() {
    timers_->set(kTimerKey, 0, std::max<int64_t>(timers_->now_ms(), 0) + kPauseMs);
  }

  RowSweeperStores stores_;
  bool of_children_;
  size_t slice_;
  KeyValueStore* rows_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  KeyValueStore* floors_ = nullptr;
  KeyValueStore* sweeps_ = nullptr;
  Timers* timers_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string floor_bytes_;
};

}  // namespace

ProcessorFactory row_sweeper(RowSweeperStores stores, bool of_children, size_t slice) {
  return [stores = std::move(stores), of_children, slice] {
    return std::make_unique<RowSweeper>(stores, of_children, slice);
  };
}

}  // namespace millrace::crm
