#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace millrace::crm {

/// Our names of the fields that make a record under an account a source of grants, sorted;
/// DESIGN.md says what they mean. Only these travel from a record to its root
/// (`children/DESIGN.md`).
inline constexpr std::array kGrantFields{"amount",
                                         "asset_id",
                                         "contract_id",
                                         "end_date",
                                         "end_time",
                                         "feature",
                                         "feature_kind",
                                         "feature_text",
                                         "grace_days",
                                         "grant_kind",
                                         "per_unit",
                                         "precedence",
                                         "product",
                                         "quantity",
                                         "start_date",
                                         "start_time",
                                         "status",
                                         "subscription_id",
                                         "suspended_from_date",
                                         "suspended_from_time",
                                         "suspended_to_date",
                                         "suspended_to_time",
                                         "terminated_date",
                                         "terminated_time"};

constexpr bool is_grant_field(std::string_view name) {
  return std::ranges::binary_search(kGrantFields, name, std::less<std::string_view>());
}

/// One of them. Any other name does not compile, so that nobody reads a field that does not travel.
class GrantField {
 public:
  consteval GrantField(const char* name) : name_(name) {
    if (!is_grant_field(name)) throw "no such field comes with a child";
  }
  constexpr const char* name() const { return name_; }

 private:
  const char* name_;
};

}  // namespace millrace::crm
