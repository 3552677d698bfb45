#include "crm/decode/change.h"

#include <algorithm>
#include <array>

namespace millrace::crm {

std::string_view to_string(ChangeKind kind) {
  static constexpr std::array<std::string_view, 10> kNames{
      "create",     "update",     "delete",       "undelete", "gap_create",
      "gap_update", "gap_delete", "gap_undelete", "overflow", "truncate"};
  return kNames[static_cast<size_t>(kind)];
}

std::optional<std::optional<std::string_view>> parent_of(const Change& change) {
  if (change.entity == nullptr || change.entity->parent.empty()) return std::nullopt;
  const auto found = std::ranges::lower_bound(
      change.fields, std::string_view(change.entity->parent), {}, &DecodedField::name);
  if (found == change.fields.end() || found->name != change.entity->parent) return std::nullopt;
  return found->value;
}

}  // namespace millrace::crm
