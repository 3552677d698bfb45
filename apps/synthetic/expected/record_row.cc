#include "apps/synthetic/expected/record_row.h"

#include <algorithm>
#include <tuple>

#include "apps/synthetic/outcome.h"

namespace millrace::apps::synthetic {
namespace {

void raise(std::optional<EventVersion>& newest, const EventVersion& version) {
  if (!newest || version > *newest) newest = version;
}

}  // namespace

std::optional<std::string> our_value(const FieldText& field) {
  if (!field.value) return std::nullopt;
  if (field.field->type != ValueType::kReference) return shortened(*field.value);
  return std::string(kSource).append(1, ':').append(*field.value);
}

void RecordRow::add(const RecordChange& change) {
  if (change.type == crm::ChangeType::Gap) return raise(gap_, change.version);
  const bool deletes = change.type == crm::ChangeType::Delete;
  if (!existence_ || std::tuple(change.version, !deletes) > std::tuple(*existence_, !is_deleted_)) {
    existence_ = change.version;
    is_deleted_ = deletes;
  }
  if (change.type == crm::ChangeType::Create || change.type == crm::ChangeType::Undelete) {
    raise(full_image_, change.version);
  }
  fields_.reserve(std::max(fields_.size(), change.fields.size()));
  for (const FieldText& field : change.fields) {
    auto known = std::ranges::find(fields_, field.field, &Field::definition);
    if (known == fields_.end()) {
      fields_.push_back({field.field, change.version, our_value(field)});
    } else if (known->version < change.version) {
      *known = {field.field, change.version, our_value(field)};
    }
  }
}

FieldTexts RecordRow::fields() const {
  FieldTexts fields;
  for (const Field& field : fields_) {
    if (is_there(field)) fields.emplace(field.definition->name, field.value);
  }
  return fields;
}

const RecordRow::Field* RecordRow::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      fields_, [name](const Field& field) { return field.definition->name == name; });
  return found == fields_.end() || !is_there(*found) ? nullptr : &*found;
}

std::optional<std::string> RecordRow::text(std::string_view name) const {
  const Field* field = find(name);
  const bool is_empty = field == nullptr || !field->value || field->value->empty();
  return is_empty ? std::nullopt : field->value;
}

EventVersion RecordRow::since(std::string_view name) const {
  return find(name)->version;
}

}  // namespace millrace::apps::synthetic
