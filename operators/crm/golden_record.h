#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crm/account_row.h"

namespace millrace::crm {

/// How one field of a merged account is chosen among its members. Only members whose row is live
/// count. Of equals the higher value, then the lower id wins: a total order.
enum class Survivorship : unsigned char {
  kMasterWins,      ///< the root's, null or missing too
  kMostRecent,      ///< the highest version, null too
  kSourcePriority,  ///< the first source in the list that has a value; then the most recent
  kFillIfNull,      ///< the root's; if that is null or missing, the most recent other value
};

struct FieldPolicy {
  Survivorship rule = Survivorship::kMasterWins;
  /// kSourcePriority: names of sources, best first. Others follow, all alike.
  std::vector<std::string> sources{};
};

struct SurvivorshipPolicy {
  FieldPolicy standard;  ///< of the fields not named in `fields`
  std::map<std::string, FieldPolicy, std::less<>> fields;

  const FieldPolicy& of(std::string_view field) const;
};

/// One member of a component. `row` is null for an id known from merge facts only.
struct MemberView {
  std::string_view id;
  const RowView* row = nullptr;
};

struct GoldenFieldView {
  std::string_view name;
  std::optional<std::string_view> value;  ///< nullopt: null
  std::string_view member;                ///< whose value it is
  VersionView version{};

  friend bool operator==(const GoldenFieldView&, const GoldenFieldView&) = default;
};

/// The fields of the component with this root and members, sorted by name. A function of the set of
/// members. The result borrows from the rows and ids.
std::vector<GoldenFieldView> golden_fields(std::string_view root,
                                           std::span<const MemberView> members,
                                           const SurvivorshipPolicy& policy);

}  // namespace millrace::crm
