#include "crm/model/logged_row.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::crm {
namespace {

/// Of a row by one log. nullopt: nothing is known about the record.
std::optional<std::string_view> log_of(const RowView& row) {
  for (const auto& version : {row.existence_version, row.full_image_version, row.gap_version}) {
    if (version) return version->log;
  }
  if (!row.fields.empty()) return row.fields.front().version.log;
  for (const HoleView& hole : row.holes) {
    if (hole.unknown_version) return hole.unknown_version->log;
  }
  return std::nullopt;
}

/// Whether the newer `b` takes the place of `a`, both of different logs.
bool is_outdated(const std::optional<VersionView>& a, const std::optional<VersionView>& b) {
  return b && (!a || is_before_by_clock(*a, *b));
}

/// The statement of one log about a field: its value, or that a full image left it out.
struct Statement {
  VersionView version{};
  const FieldView* field = nullptr;  ///< null: left out
};

std::vector<FieldView> combine_fields(const std::vector<RowView>& logs) {
  std::map<std::string_view, Statement> latest;
  const auto take = [&](std::string_view name, const Statement& statement) {
    const auto [known, first] = latest.try_emplace(name, statement);
    if (!first && is_before_by_clock(known->second.version, statement.version)) {
      known->second = statement;
    }
  };
  for (const RowView& log : logs) {
    for (const FieldView& field : log.fields) take(field.name, {field.version, &field});
  }
  for (const RowView& log : logs) {
    for (const auto& [name, statement] : latest) {
      const auto floor = floor_of(log.holes, log.full_image_version, name);
      if (!floor) continue;
      const auto field = std::ranges::lower_bound(log.fields, name, {}, &FieldView::name);
      const bool has_field = field != log.fields.end() && field->name == name;
      if (!has_field) take(name, {*floor, nullptr});
    }
  }
  std::vector<FieldView> fields;
  for (const auto& [name, statement] : latest) {
    if (statement.field != nullptr) fields.push_back(*statement.field);
  }
  return fields;
}

/// Whether `log` says of the field, later than `version`, that it has a value or none.
bool tells_later(const RowView& log, std::string_view name, VersionView version) {
  const auto floor = floor_of(log.holes, log.full_image_version, name);
  if (floor && is_before_by_clock(version, *floor)) return true;
  return std::ranges::any_of(log.fields, [&](const FieldView& field) {
    const bool is_part = field.name.size() > name.size() && field.name.starts_with(name) &&
                         field.name[name.size()] == '.';
    return (field.name == name || is_part) && is_before_by_clock(version, field.version);
  });
}

/// Fields that a log does not know, and no other log tells.
std::vector<HoleView> combine_holes(const std::vector<RowView>& logs) {
  std::map<std::string_view, VersionView> unknown;
  for (const RowView& log : logs) {
    for (const HoleView& hole : log.holes) {
      if (!log.is_unknown(hole.name)) continue;
      // Any other value is the one that did not change.
      constexpr VersionView kEver{.commit_timestamp_ms = std::numeric_limits<int64_t>::min()};
      const VersionView since = hole.unknown_version.value_or(kEver);
      const bool is_told = std::ranges::any_of(logs, [&](const RowView& other) {
        return &other != &log && tells_later(other, hole.name, since);
      });
      if (is_told) continue;
      const VersionView version =
          hole.unknown_version.value_or(log.full_image_version.value_or(VersionView()));
      const auto [known, first] = unknown.try_emplace(hole.name, version);
      if (!first && is_before_by_clock(known->second, version)) known->second = version;
    }
  }
  std::vector<HoleView> holes;
  for (const auto& [name, version] : unknown) {
    holes.push_back({.name = name, .unknown_version = version});
  }
  return holes;
}

RowView combine(const std::vector<RowView>& logs) {
  RowView row{.id = logs.front().id};
  std::optional<VersionView> image_or_gap;
  for (const RowView& log : logs) {
    if (is_outdated(row.existence_version, log.existence_version)) {
      row.existence_version = log.existence_version;
      row.status = log.status;
    }
    // Within a log, so `<` tells which is the later.
    const auto latest = std::max(log.full_image_version, log.gap_version);
    if (is_outdated(image_or_gap, latest)) {
      image_or_gap = latest;
      row.full_image_version = log.full_image_version;
      row.gap_version = log.gap_version;
    }
  }
  row.fields = combine_fields(logs);
  row.holes = combine_holes(logs);
  return row;
}

/// Without those that say nothing.
void set_logs(LoggedRow& row, std::vector<RowView> logs) {
  const std::string_view id = row.row.id;
  std::erase_if(logs, is_bare);
  row.logs.clear();
  if (logs.empty()) {
    row.row = {.id = id};
  } else if (logs.size() == 1) {
    row.row = std::move(logs.front());
  } else {
    row.row = combine(logs);
    row.logs = std::move(logs);
  }
}

Result<bool> merge_by_log(LoggedRow& row, const ChangeView& change) {
  const std::string_view name = change.version.log;
  if (row.logs.empty() && log_of(row.row).value_or(name) == name) {
    return merge_change(row.row, change);
  }
  std::vector<RowView> logs = row.logs.empty() ? std::vector{row.row} : row.logs;
  const auto by_log = [](const RowView& log) { return log_of(log).value_or(""); };
  auto log = std::ranges::lower_bound(logs, name, {}, by_log);
  if (log == logs.end() || by_log(*log) != name) {
    if (logs.size() == kRowLogsMax) {
      return Error{ErrorCode::kInvalidRecord,
                   "a row with changes of more than " + std::to_string(kRowLogsMax) + " logs"};
    }
    log = logs.insert(log, RowView{.id = row.row.id});
  }
  const Result<bool> changed = merge_change(*log, change);
  if (changed.ok() && *changed) set_logs(row, std::move(logs));
  return changed;
}

bool add_table(LoggedRow& row, std::string_view table) {
  if (table.empty()) return false;
  const auto at = std::ranges::lower_bound(row.tables, table);
  if (at != row.tables.end() && *at == table) return false;
  row.tables.insert(at, table);
  return true;
}

}  // namespace

Status check_logs(const AccountRow& row) {
  if (row.logs() == nullptr) return {};
  const Error wrong{ErrorCode::kInvalidRecord,
                    "the logs of a row are not one each, by their names"};
  if (row.logs()->size() > kRowLogsMax) return wrong;
  std::optional<std::string_view> last;
  for (const AccountRow* log : *row.logs()) {
    const std::optional<std::string_view> name = log_of(read_row(*log));
    if (!name || log->logs() != nullptr || (last && *name <= *last)) return wrong;
    last = name;
  }
  return {};
}

LoggedRow read_logged_row(const AccountRow& row) {
  LoggedRow logged{.row = read_row(row)};
  if (row.tables() != nullptr) {
    for (const flatbuffers::String* table : *row.tables()) {
      logged.tables.push_back(table->string_view());
    }
  }
  if (row.logs() == nullptr) return logged;
  logged.logs.reserve(row.logs()->size());
  for (const AccountRow* log : *row.logs()) logged.logs.push_back(read_row(*log));
  return logged;
}

flatbuffers::Offset<AccountRow> write_row(flatbuffers::FlatBufferBuilder& builder,
                                          const LoggedRow& row) {
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> tables;
  if (!row.tables.empty())
    tables = builder.CreateVectorOfStrings(row.tables.begin(), row.tables.end());
  if (row.logs.empty()) return write_row(builder, row.row, {}, tables);
  std::vector<flatbuffers::Offset<AccountRow>> logs;
  logs.reserve(row.logs.size());
  for (const RowView& log : row.logs) logs.push_back(write_row(builder, log));
  return write_row(builder, row.row, builder.CreateVector(logs), tables);
}

Result<bool> merge_change(LoggedRow& row, const ChangeView& change) {
  const Result<bool> changed = merge_by_log(row, change);
  if (!changed.ok()) return changed;
  return add_table(row, change.table) || *changed;
}

bool erase_through(LoggedRow& row, int64_t through_ms) {
  if (row.logs.empty()) return erase_through(row.row, through_ms);
  bool changed = false;
  for (RowView& log : row.logs) changed |= erase_through(log, through_ms);
  if (changed) set_logs(row, std::move(row.logs));
  return changed;
}

}  // namespace millrace::crm
