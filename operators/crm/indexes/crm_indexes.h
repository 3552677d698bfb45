#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/index.h"

#include "field_type_generated.h"

namespace millrace::crm {

struct Mapping;  // decode/mapping.h

inline constexpr std::string_view kByMembers = "by-members";
inline constexpr std::string_view kByFieldPrefix = "by-field.";
inline constexpr std::string_view kByTerritory = "by-territory";
inline constexpr std::string_view kByFeature = "by-feature";
inline constexpr std::string_view kByExpiry = "by-expiry";

/// A field of accounts by whose values they can be found.
struct IndexedField {
  std::string name;
  FieldType type = FieldType::Undeclared;
};
/// The fields with these names, and the types that the mapping declares.
std::vector<IndexedField> indexed_fields(const Mapping& mapping,
                                         const std::vector<std::string>& names);

/// Of `AccountState`s: accounts by the number of their members, and by a field's value.
IndexSpec accounts_by_members();
IndexSpec accounts_by_field(IndexedField indexed);

/// Of `AccountTerritory`s: accounts by territory.
IndexSpec assignments_by_territory();

/// Of `FeatureEntitlement`s: accounts by feature, and by the moments at which active periods end.
/// A period that another follows without a gap does not end.
IndexSpec entitlements_by_feature();
IndexSpec entitlements_by_expiry();

}  // namespace millrace::crm
