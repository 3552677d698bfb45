#include "synthetic/expected/record_row.h"

#include <tuple>

#include "synthetic/outcome.h"

namespace millrace::apps::synthetic {
namespace {

void raise(std::optional<EventVersion>& newest, const EventVersion& version) {
  if (!newest || version > *newest) newest = version;
}

std::optional<std::string> our_value(const FieldText& field) {
  if (!field.value) return std::nullopt;
  if (field.field->type != ValueType::kReference) return shortened(*field.value);
  return std::string(kSource).append(1, ':').append(*field.value);
}

}  // namespace

void RecordRow::add(const RecordChange& change) {
  if (change.type == crm::ChangeType::Gap) return raise(gap_, change.version);
  const bool deletes = change.type == crm::ChangeType::Delete;
  if (!existence_ || std::tie(change.version, deletes) > std::tie(*existence_, is_deleted_)) {
    existence_ = change.version;
    is_deleted_ = deletes;
  }
  if (change.type == crm::ChangeType::Create || change.type == crm::ChangeType::Undelete) {
    raise(full_image_, change.version);
  }
  for (const FieldText& field : change.fields) {
    const auto [known, is_new] = fields_.try_emplace(field.field->name);
    if (!is_new && known->second.version >= change.version) continue;
    known->second = {change.version, our_value(field)};
  }
}

std::map<std::string, std::optional<std::string>> RecordRow::fields() const {
  std::map<std::string, std::optional<std::string>> fields;
  for (const auto& [name, field] : fields_) {
    if (is_there(field)) fields.emplace(name, field.value);
  }
  return fields;
}

std::optional<std::string> RecordRow::text(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end() || !is_there(found->second)) return std::nullopt;
  const auto& value = found->second.value;
  return value && !value->empty() ? value : std::nullopt;
}

}  // namespace millrace::apps::synthetic
