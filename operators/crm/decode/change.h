#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"

#include "crm/mapping/mapping.h"
#include "crm/model/version.h"

namespace millrace::crm {

/// The kind of change that a source reports.
enum class ChangeKind : unsigned char {
  kCreate,
  kUpdate,
  kDelete,
  kUndelete,
  /// Something happened, but the source does not send the change: no fields.
  kGapCreate,
  kGapUpdate,
  kGapDelete,
  kGapUndelete,
  /// Changes of any number of records are lost: the whole entity needs a resync.
  kOverflow,
  /// All records of the entity are gone.
  kTruncate
};

/// Stable lower-case name of a kind, e.g. "gap_create".
std::string_view to_string(ChangeKind kind);

/// Whether `kind` is one of the four gaps of a single record.
constexpr bool is_gap(ChangeKind kind) {
  return kind >= ChangeKind::kGapCreate && kind <= ChangeKind::kGapUndelete;
}

struct DecodedField {
  std::string_view name;                  ///< ours, or the source's if nothing maps it
  std::optional<std::string_view> value;  ///< nullopt: null, which is a value of its own
  FieldType type = FieldType::Undeclared;

  friend bool operator==(const DecodedField&, const DecodedField&) = default;
};

/// A value that is none of its field's type. The record counts without it.
struct FieldRefusal {
  std::string_view field;   ///< the source's name
  std::string_view reason;  ///< never quotes the value
};

/// One change of one record, whatever wrote it. Views die with the decoder's next `decode`.
struct Change {
  /// The mapping of the entity; lives as long as the whole mapping. Its kind decides the rows that
  /// the record belongs to; its `parent` names the one of `fields` with the parent's id.
  const EntityMapping* entity = nullptr;
  std::string_view entity_name;  ///< the source's name, e.g. "Account", "public.customers"
  /// Internal form `source:id`; Salesforce ids with 18 characters. For an overflow or truncate
  /// "source:entity".
  std::string_view id;
  ChangeKind kind = ChangeKind::kUpdate;
  /// Commit time, sequence number and transaction key. Deliveries of one change share these and
  /// the id, and no other change does.
  VersionView version{};
  /// `fields` is the whole record: missing fields have no value. True for creates and undeletes.
  bool full_image = false;
  /// Sorted by name, each name once. A delete has only the entity's `master`.
  std::span<const DecodedField> fields{};
  /// Sorted, our names of fields that have a value which the change does not tell: the source sent
  /// a difference to the old text, or no value with a new record, or one that was refused. Until
  /// the value comes the record is incomplete.
  std::span<const std::string_view> unknown_fields{};
  /// The same for fields that a full image leaves out since they did not change.
  std::span<const std::string_view> unchanged_fields{};
  /// The change as a finished AccountChange, if the input was one; else null.
  Bytes encoded{};
};

/// The value of the parent's id in `change`. nullopt: the change does not have the field; inner
/// nullopt: the record has no parent.
std::optional<std::optional<std::string_view>> parent_of(const Change& change);

}  // namespace millrace::crm
