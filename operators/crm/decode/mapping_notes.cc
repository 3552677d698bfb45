#include "crm/decode/mapping_notes.h"

#include <spdlog/spdlog.h>

namespace millrace::crm {

bool MappingNotes::is_new(std::string_view what, std::string_view entity, std::string_view field) {
  std::string key(what);
  key.append(1, '\0').append(entity).append(1, '\0').append(field);
  const std::lock_guard lock(mutex_);
  return noted_.size() < kNotesMax && noted_.insert(std::move(key)).second;
}

void MappingNotes::unknown_entity(std::string_view topic, std::string_view entity) {
  if (!is_new("entity", entity, "")) return;
  spdlog::warn("the mapping lacks an entity topic={} entity={} counted_as=unknown_entity", topic,
               entity);
}

void MappingNotes::absent_field(std::string_view topic, std::string_view entity,
                                std::string_view field) {
  if (!is_new("absent", entity, field)) return;
  spdlog::warn("no record has a mapped field topic={} entity={} field={} counted_as=absent_field",
               topic, entity, field);
}

void MappingNotes::refused_field(std::string_view topic, std::string_view entity,
                                 const FieldRefusal& refusal) {
  if (!is_new("refused", entity, refusal.field)) return;
  spdlog::warn(
      "a value was refused, the record is incomplete topic={} entity={} field={} reason=\"{}\" "
      "counted_as=refused_field",
      topic, entity, refusal.field, refusal.reason);
}

void MappingNotes::refused_source(std::string_view kind, std::string_view reason) {
  if (!is_new("source", kind, reason)) return;
  spdlog::warn("a record gives no entitlements type={} reason=\"{}\" counted_as=invalid_source",
               kind, reason);
}

}  // namespace millrace::crm
