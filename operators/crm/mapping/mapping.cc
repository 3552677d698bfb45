#include "crm/mapping/mapping.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crm/mapping/names.h"

namespace millrace::crm {

std::string_view to_string(EntityKind kind) {
  return name_in(kEntityKindNames, kind);
}

std::string_view to_string(RawFormat format) {
  return name_in(kRawFormatNames, format);
}

std::set<std::string, std::less<>> Mapping::personal_fields(EntityKind kind) const {
  std::set<std::string, std::less<>> names;
  for (const TopicMapping& topic : topics) {
    for (const auto& [entity_name, entity] : topic.entities) {
      if (entity.kind != kind) continue;
      for (const auto& [field_name, field] : entity.fields) {
        if (field.personal) names.insert(field.name);
      }
    }
  }
  return names;
}

std::map<std::string, FieldType, std::less<>> Mapping::field_types(EntityKind kind) const {
  std::map<std::string, FieldType, std::less<>> types;
  for (const TopicMapping& topic : topics) {
    for (const auto& [entity_name, entity] : topic.entities) {
      if (entity.kind != kind) continue;
      for (const auto& [field_name, field] : entity.fields) {
        if (field.form.type != FieldType::Undeclared) types.emplace(field.name, field.form.type);
      }
    }
  }
  return types;
}

FieldType implied_type(EntityKind kind, std::string_view our_name) {
  switch (kind) {
    case EntityKind::kAccount:
    case EntityKind::kContact:
    case EntityKind::kOpportunity:
      return FieldType::Undeclared;
    default:
      return find_name(kGrantFieldTypes, our_name).value_or(FieldType::Undeclared);
  }
}

Mapping flatbuffers_mapping(std::string_view topic) {
  Mapping mapping;
  mapping.topics.emplace_back().topic = topic;
  return mapping;
}

}  // namespace millrace::crm
