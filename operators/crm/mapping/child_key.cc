#include "crm/mapping/child_key.h"

#include <utility>

#include "millrace/core/assert.h"

#include "crm/mapping/names.h"

namespace millrace::crm {
namespace {

constexpr char kKindEnd = '/';

EntityKind entity_kind(ChildKind kind) {
  return static_cast<EntityKind>(static_cast<unsigned char>(kind) + 1);
}
ChildKind child_kind(EntityKind kind) {
  MILLRACE_ASSERT(kind != EntityKind::kAccount, "an account is no child");
  return static_cast<ChildKind>(static_cast<unsigned char>(kind) - 1);
}

static_assert(static_cast<int>(EntityKind::kContact) == static_cast<int>(ChildKind::Contact) + 1);
static_assert(static_cast<int>(EntityKind::kEntitlement) ==
              static_cast<int>(ChildKind::Entitlement) + 1);
static_assert(ChildKind::MAX == ChildKind::Entitlement);

}  // namespace

std::string child_key(EntityKind kind, std::string_view id) {
  return std::string(to_string(kind)).append(1, kKindEnd).append(id);
}

std::string child_key(ChildKind kind, std::string_view id) {
  return child_key(entity_kind(kind), id);
}

std::optional<ChildKind> kind_in_child_key(std::string_view key) {
  const std::optional<EntityKind> kind =
      find_name(kEntityKindNames, key.substr(0, key.find(kKindEnd)));
  if (!kind || *kind == EntityKind::kAccount) return std::nullopt;
  return child_kind(*kind);
}

Bytes id_in_child_key(Bytes key) {
  const size_t colon = key.view().find(':');
  return colon == std::string_view::npos ? key : Bytes(key.view().substr(colon + 1));
}

std::string_view to_string(ChildKind kind) {
  return to_string(entity_kind(kind));
}

Result<ParentFields> parent_fields(const Mapping& mapping) {
  ParentFields fields;
  for (const TopicMapping& topic : mapping.topics) {
    for (const auto& [name, entity] : topic.entities) {
      if (entity.kind == EntityKind::kAccount) continue;
      std::string& field = fields[static_cast<size_t>(child_kind(entity.kind))];
      const std::string place = topic.topic + ", entity '" + name + "'";
      if (entity.parent.empty()) {
        return Error{ErrorCode::kConfig, place + ": a " + std::string(to_string(entity.kind)) +
                                             " needs a parent, the field with its account's id"};
      }
      if (!field.empty() && field != entity.parent) {
        std::string reason = place;
        reason.append(": its parent '").append(entity.parent).append("' is called '").append(field);
        reason.append("' elsewhere; one kind has one name for it");
        return Error{ErrorCode::kConfig, std::move(reason)};
      }
      field = entity.parent;
    }
  }
  return fields;
}

}  // namespace millrace::crm
