#pragma once

#include <string>
#include <string_view>

#include "millrace/core/index.h"

#include "field_type_generated.h"

namespace millrace::crm {

inline constexpr std::string_view kByMembers = "by-members";
inline constexpr std::string_view kByFieldPrefix = "by-field.";
inline constexpr std::string_view kByTerritory = "by-territory";
inline constexpr std::string_view kByFeature = "by-feature";
inline constexpr std::string_view kByExpiry = "by-expiry";

/// Of `AccountState`s: accounts by the number of their members, and by a field's value.
IndexSpec accounts_by_members();
IndexSpec accounts_by_field(std::string field, FieldType type);

/// Of `AccountTerritory`s: accounts by territory.
IndexSpec assignments_by_territory();

/// Of `FeatureEntitlement`s: accounts by feature, and by the moments at which active periods end.
/// A period that another follows without a gap does not end.
IndexSpec entitlements_by_feature();
IndexSpec entitlements_by_expiry();

}  // namespace millrace::crm
