#include "crm/decode/mapping.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crm/decode/names.h"

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

Mapping flatbuffers_mapping(std::string_view topic) {
  Mapping mapping;
  mapping.topics.emplace_back().topic = topic;
  return mapping;
}

}  // namespace millrace::crm
