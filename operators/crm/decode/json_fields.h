#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "millrace/core/result.h"

#include "crm/decode/connect_schema.h"
#include "crm/decode/json_document.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// A value inside an object, by its dotted name.
struct JsonLeaf {
  std::string_view name;                    ///< "BillingAddress.City"
  std::optional<std::string_view> value{};  ///< nullopt: null
  FieldType type = FieldType::Undeclared;
  /// The reason why the value is none of the field's type; empty: it is one.
  std::string_view fault{};
};

/// Holds texts made while decoding; views of them live until `clear`.
class KeptTexts {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

/// `value` as the text of a field: strings unchanged, numbers in their shortest form (so that equal
/// numbers are equal texts whoever wrote them), arrays as JSON without spaces. nullopt: null.
/// REQUIRES: no object.
std::optional<std::string_view> leaf_text(simdjson::dom::element value, KeptTexts& texts);

/// Reads the values of a record, each in the form of its type: the type that the mapping declares,
/// else that of the record's schema, else that of the field's meaning for entitlements.
class LeafReader {
 public:
  LeafReader(const JsonDocument& document, KeptTexts& texts) : document_(document), texts_(texts) {}

  /// Both must outlive the reads.
  void begin(const EntityMapping& entity, const ConnectSchema& schema) {
    entity_ = &entity;
    schema_ = &schema;
  }

  /// Appends the leaf of a member that is one value, or those of its parts. An object is one value
  /// if its shape or schema says so (a decimal, a number or moment of MongoDB's); if not, and the
  /// mapping names it and no part of it, its leaf has a fault. Fields that the mapping leaves out
  /// have none. Error: `kInvalidRecord` beyond the bounds of field_limits.h.
  Status read(const JsonPlace& place, std::string_view name, simdjson::dom::element value,
              std::vector<JsonLeaf>& leaves) {
    return read(place, name, value, leaves, 0);
  }

  /// The text of an id's column. nullopt: it is no single value.
  std::optional<std::string_view> id_text(std::string_view column, simdjson::dom::element value);

 private:
  Status read(const JsonPlace& place, std::string_view name, simdjson::dom::element value,
              std::vector<JsonLeaf>& leaves, size_t depth);
  Status read_parts(const JsonPlace& place, std::string_view prefix, simdjson::dom::object members,
                    std::vector<JsonLeaf>& leaves, size_t depth);
  JsonLeaf leaf_of(std::string_view name, simdjson::dom::element value, const FieldMapping* mapped,
                   FieldForm schema);
  /// How the field is to be read. `schema`: what the record's own says about it.
  FieldForm form_of(std::string_view name, const FieldMapping* mapped,
                    const FieldForm& schema) const;

  const JsonDocument& document_;
  KeptTexts& texts_;
  const EntityMapping* entity_ = nullptr;
  const ConnectSchema* schema_ = nullptr;
};

}  // namespace millrace::crm
