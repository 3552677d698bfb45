#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "account_generated.h"
#include "account_row_generated.h"
#include "crm/model/row_holes.h"
#include "crm/model/version.h"

namespace millrace::crm {

/// Most fields of one row: more are refused, so that bad input cannot grow a row for ever.
inline constexpr size_t kRowFieldsMax = 4096;

struct FieldView {
  std::string_view name;
  std::optional<std::string_view> value;  ///< nullopt: null
  VersionView version{};
  FieldType type = FieldType::Undeclared;

  friend bool operator==(const FieldView&, const FieldView&) = default;
};

/// The parts of an `AccountChange`. Lives as long as the buffer it was read from.
struct ChangeView {
  std::string_view id;
  ChangeType type = ChangeType::Update;
  VersionView version{};
  bool full_image = false;          ///< true for every Create and Undelete
  std::vector<FieldView> fields{};  ///< sorted by name, each with the change's version
  std::vector<std::string_view> unknown_fields{};    ///< sorted
  std::vector<std::string_view> unchanged_fields{};  ///< sorted
  std::string_view table{};  ///< the source's; empty: it does not report whole tables
};

/// The parts of an `AccountRow` but its `logs` and `tables`. Lives as long as all the buffers they
/// were read from.
struct RowView {
  std::string_view id;
  RowStatus status = RowStatus::Unknown;
  std::optional<VersionView> existence_version{};  ///< of the change that decided `status`
  std::optional<VersionView> full_image_version{};
  std::optional<VersionView> gap_version{};
  std::vector<FieldView> fields{};  ///< sorted by name
  std::vector<HoleView> holes{};    ///< sorted by name

  /// Whether it has a gap that no full image has closed yet, or a field of unknown value.
  bool incomplete() const { return gap_version > full_image_version || has_unknown_fields(); }
  bool has_unknown_fields() const;
  /// Whether the field, or a part of it, has a value that no change has told.
  bool is_unknown(std::string_view field) const;
  /// Sorted names of all such fields.
  std::vector<std::string_view> unknown_fields() const;
  /// The latest of all the versions in it.
  VersionView newest_version() const;
  friend bool operator==(const RowView&, const RowView&) = default;
};

/// Error: `kInvalidRecord` when the id has not the internal form, a field occurs twice or the
/// change is of a type that this program does not know. Fields need not be sorted.
Result<ChangeView> read_change(const AccountChange& change);
RowView read_row(const AccountRow& row);
/// `logs` and `tables`: see account_row.fbs.
flatbuffers::Offset<AccountRow> write_row(
    flatbuffers::FlatBufferBuilder& builder, const RowView& row,
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<AccountRow>>> logs = {},
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> tables = {});

/// Removes the values of changes committed up to `through_ms`; returns whether that changed the
/// row. Afterwards the row is as if only the later changes had come.
bool erase_through(RowView& row, int64_t through_ms);
/// Whether nothing is known about the record.
bool is_bare(const RowView& row);

/// Merges `change` into `row` (of the same id and log) and returns whether that changed it.
/// `logged_row.h` merges changes of several logs.
///
/// The row is a function of the set of merged changes, never of their order:
/// - the highest (version, value) of each field counts, null being the lowest value, so a late
///   change of one field applies although a newer change of another field came first;
/// - a field older than the newest full image is gone, unless that image left it out as unchanged;
/// - a whole and its parts ("HQ__c", "HQ__c.City") replace each other: a part older than its whole
///   is gone, a whole older than one of its parts is null;
/// - a field of which a change did not tell the value is unknown until a later change tells it, one
///   that was left out as unchanged if no change has told it;
/// - the newest change that is no Gap decides whether the account exists; of equal versions a
///   Delete is the older: at one position a source may delete a row and create it again. A deleted
///   row keeps its fields and versions, for the changes still to come. A change that `may_follow` a
///   delete is newer than it.
/// Error: `kInvalidRecord` when the row would have more than `kRowFieldsMax` fields; `row` is then
/// unchanged.
Result<bool> merge_change(RowView& row, const ChangeView& change);

}  // namespace millrace::crm
