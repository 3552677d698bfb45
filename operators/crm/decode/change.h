#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"

#include "crm/decode/mapping.h"
#include "crm/version.h"

namespace millrace::crm {

/// What a source says happened to a record.
enum class ChangeKind : unsigned char {
  kCreate,
  kUpdate,
  kDelete,
  kUndelete,
  /// Something happened and the source does not say what: no fields.
  kGapCreate,
  kGapUpdate,
  kGapDelete,
  kGapUndelete,
  /// Changes of any number of records are lost: the whole entity needs a resync.
  kOverflow
};

/// Stable lower-case name of a kind, e.g. "gap_create".
std::string_view to_string(ChangeKind kind);

/// Whether `kind` is one of the four gaps of a single record.
constexpr bool is_gap(ChangeKind kind) {
  return kind >= ChangeKind::kGapCreate && kind <= ChangeKind::kGapUndelete;
}

struct DecodedField {
  std::string_view name;                  ///< ours, or the source's where nothing maps it
  std::optional<std::string_view> value;  ///< nullopt: null, which is a value of its own

  friend bool operator==(const DecodedField&, const DecodedField&) = default;
};

/// One change of one record, whatever wrote it. Views die with the decoder's next `decode`.
struct Change {
  /// How the mapping takes the entity; lives as long as the mapping. Its kind tells which rows the
  /// record belongs to, its `parent` which of `fields` holds the parent's id.
  const EntityMapping* entity = nullptr;
  std::string_view entity_name;  ///< as the source calls it, e.g. "Account", "public.customers"
  /// Internal form `source:id`; Salesforce ids with 18 characters. Of an overflow "source:entity".
  std::string_view id;
  ChangeKind kind = ChangeKind::kUpdate;
  /// Commit time, sequence number and transaction key. Deliveries of one change share these and
  /// the id, and no other change does.
  VersionView version{};
  /// `fields` is the whole record: what is missing has no value. True for creates and undeletes.
  bool full_image = false;
  /// Sorted by name, each name once. Of a delete none but the entity's `master`.
  std::span<const DecodedField> fields{};
  /// Our names of fields that changed to values which the source did not send, but only how the
  /// text differs from the old one. Until a full image comes the record is incomplete.
  std::span<const std::string_view> unknown_fields{};
  /// The change as a finished AccountChange, when that is what was decoded; else null.
  Bytes encoded{};
};

/// The value of the parent's id in `change`. nullopt: the change does not say; inner nullopt: none.
std::optional<std::optional<std::string_view>> parent_of(const Change& change);

}  // namespace millrace::crm
