#include "crm/model/table_floors.h"

#include <algorithm>
#include <optional>

#include "crm/model/whole_table.h"

namespace millrace::crm {
namespace {

/// The newest change in the log that tells whether the record exists. nullopt: there is none.
const RowView* row_of_log(const LoggedRow& row, std::string_view log) {
  const auto is_of_log = [log](const RowView& one) {
    return one.existence_version && one.existence_version->log == log;
  };
  if (row.logs.empty()) return is_of_log(row.row) ? &row.row : nullptr;
  const auto found = std::ranges::find_if(row.logs, is_of_log);
  return found == row.logs.end() ? nullptr : &*found;
}

}  // namespace

std::string_view home_of(std::string_view row_key) {
  return row_key.substr(0, row_key.find(':'));
}

std::string table_key(std::string_view home, std::string_view table) {
  return std::string(home).append(1, '\0').append(table);
}

Result<bool> apply_floor(LoggedRow& row, const TableFloor& floor) {
  const VersionView version = view_of(*floor.version());
  // Nothing but gaps: whether it exists is not known, nor since when. Or another log tells later.
  // Rows need not keep what has no effect, since floors apply again with every change.
  const auto& newest = row.row.existence_version;
  if (!newest) return false;
  if (newest->log != version.log && !is_before_by_clock(*newest, version)) return false;
  if (const RowView* known = row_of_log(row, version.log)) {
    if (*known->existence_version >= version) return false;
    if (known->status == RowStatus::Live && may_follow(version, *known->existence_version)) {
      return false;
    }
  }
  return merge_change(row, {.id = row.row.id, .type = ChangeType::Delete, .version = version});
}

bool has_floor(KeyValueStore& floors, std::string_view home, std::string_view table,
               FloorCause cause, VersionView version) {
  const Row row = floors.get(table_key(home, table));
  if (!row) return false;
  return std::ranges::any_of(
      *flatbuffers::GetRoot<TableFloors>(row.value.data())->floors(), [&](const TableFloor* floor) {
        const VersionView known = view_of(*floor->version());
        return floor->cause() == cause && known.log == version.log && known >= version;
      });
}

Result<bool> TableFloorReader::apply(std::string_view row_key, LoggedRow& row) {
  buffers_.clear();
  bool changed = false;
  for (const std::string_view table : row.tables) {
    const Row stored = floors_.get(table_key(home_of(row_key), table));
    if (!stored) continue;
    const std::string& buffer = buffers_.emplace_back(stored.value.view());
    for (const TableFloor* floor : *flatbuffers::GetRoot<TableFloors>(buffer.data())->floors()) {
      if (floor->cause() == FloorCause::DryRun) continue;
      const Result<bool> applied = apply_floor(row, *floor);
      if (!applied.ok()) return applied;
      changed = changed || *applied;
    }
  }
  return changed;
}

}  // namespace millrace::crm
