#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "crm/decode/change.h"
#include "crm/decode/json_fields.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// Converts a local id of one format, before the source's name goes in front.
using LocalId = Result<std::string> (*)(std::string_view id);
/// Leaves ids of other systems unchanged.
inline Result<std::string> id_as_it_is(std::string_view id) {
  return std::string(id);
}

/// Fields of one change on their way from the source's names to ours.
class FieldList {
 public:
  explicit FieldList(LocalId local_id) : local_id_(local_id) {}

  /// `texts` keeps new texts; `entity` and `source` are of the mapping.
  void begin(const EntityMapping& entity, std::string_view source, KeptTexts& texts);
  /// A leaf with a fault is refused, and its value unknown. A whole value leaves the mapped parts
  /// of its compound null, and a part the mapped whole. Error: `kInvalidArgument`, with the reason,
  /// when a reference is no id.
  Status add(const JsonLeaf& leaf);
  /// The field has a value that was not sent.
  void add_unknown(std::string_view source_name) { add_name(source_name, unknown_); }
  /// The field kept its value, which was not sent.
  void add_unchanged(std::string_view source_name) { add_name(source_name, unchanged_); }
  /// Sorts. Returns false when two values of one field were added; the same value twice counts as
  /// one.
  bool finish();

  std::span<const DecodedField> fields() const { return fields_; }
  /// The field of this name of ours if it is there and not null, else none.
  std::span<const DecodedField> only(std::string_view name) const;
  std::span<const std::string_view> unknown_fields() const { return unknown_; }
  std::span<const std::string_view> unchanged_fields() const { return unchanged_; }
  std::span<const FieldRefusal> refusals() const { return refusals_; }

 private:
  /// nullopt: the field is left out.
  std::optional<std::string_view> our_name(std::string_view source_name,
                                           const FieldMapping* mapped) const;
  void add_name(std::string_view source_name, std::vector<std::string_view>& names);
  /// The mapped ones.
  std::vector<const FieldMapping*> parts_of(std::string_view compound) const;
  /// A whole replaces its parts and a part its whole.
  void replace_others(std::string_view source_name);

  LocalId local_id_;
  const EntityMapping* entity_ = nullptr;
  std::string_view source_;
  KeptTexts* texts_ = nullptr;
  std::vector<DecodedField> fields_;
  std::vector<std::string_view> unknown_;
  std::vector<std::string_view> unchanged_;
  std::vector<FieldRefusal> refusals_;
};

}  // namespace millrace::crm
