#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crm/model/account_row.h"
#include "crm/model/survivorship.h"

namespace millrace::crm {

/// One member of a component. `row` is null for an id known from merge facts only.
struct MemberView {
  std::string_view id;
  const RowView* row = nullptr;
};

struct GoldenFieldView {
  std::string_view name;
  std::optional<std::string_view> value;  ///< nullopt: null
  std::string_view member;                ///< the member that the value comes from
  VersionView version{};
  FieldType type = FieldType::Undeclared;

  friend bool operator==(const GoldenFieldView&, const GoldenFieldView&) = default;
};

/// The fields of the component with this root and members, sorted by name. A function of the set of
/// members. The result borrows from the rows and ids.
std::vector<GoldenFieldView> golden_fields(std::string_view root,
                                           std::span<const MemberView> members,
                                           const SurvivorshipPolicy& policy);

}  // namespace millrace::crm
