#include "crm/decode/field_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "crm/model/ids.h"

namespace millrace::crm {

void FieldList::begin(const EntityMapping& entity, std::string_view source, KeptTexts& texts) {
  entity_ = &entity;
  source_ = source;
  texts_ = &texts;
  fields_.clear();
  unknown_.clear();
  unchanged_.clear();
  refusals_.clear();
}

std::optional<std::string_view> FieldList::our_name(std::string_view source_name,
                                                    const FieldMapping* mapped) const {
  if (mapped != nullptr) {
    return mapped->dropped ? std::nullopt : std::optional<std::string_view>(mapped->name);
  }
  if (!entity_->keep_others || entity_->names.contains(source_name)) return std::nullopt;
  return source_name;
}

Status FieldList::add(const JsonLeaf& leaf) {
  const FieldMapping* mapped = entity_->find(leaf.name);
  const std::optional<std::string_view> name = our_name(leaf.name, mapped);
  if (!name) return {};
  if (!leaf.fault.empty()) {
    refusals_.push_back({leaf.name, leaf.fault});
    unknown_.push_back(*name);
    return {};
  }
  DecodedField field{*name, leaf.value, leaf.type};
  if (mapped != nullptr && mapped->reference && leaf.value) {
    const Result<std::string> local = local_id_(*leaf.value);
    if (!local.ok()) return local.status();
    Result<std::string> id = internal_id(source_, *local);
    if (!id.ok()) return id.status();
    field.value = texts_->keep(*std::move(id));
    field.type = FieldType::Undeclared;
  }
  fields_.push_back(field);
  if (leaf.value && !entity_->compounds.empty()) replace_others(leaf.name);
  return {};
}

void FieldList::replace_others(std::string_view source_name) {
  if (entity_->compounds.contains(source_name)) {
    for (const FieldMapping* part : parts_of(source_name)) {
      fields_.push_back({part->name, std::nullopt});
    }
  }
  for (size_t dot = source_name.find('.'); dot != std::string_view::npos;
       dot = source_name.find('.', dot + 1)) {
    const FieldMapping* whole = entity_->find(source_name.substr(0, dot));
    if (whole != nullptr && !whole->dropped) fields_.push_back({whole->name, std::nullopt});
  }
}

void FieldList::add_name(std::string_view source_name, std::vector<std::string_view>& names) {
  const auto name = our_name(source_name, entity_->find(source_name));
  if (name) names.push_back(*name);
  if (entity_->compounds.contains(source_name)) {
    for (const FieldMapping* part : parts_of(source_name)) names.push_back(part->name);
  }
}

std::vector<const FieldMapping*> FieldList::parts_of(std::string_view compound) const {
  std::vector<const FieldMapping*> parts;
  for (const auto& [name, field] : entity_->fields) {
    const bool is_part =
        name.size() > compound.size() && name.starts_with(compound) && name[compound.size()] == '.';
    if (is_part && !field.dropped) parts.push_back(&field);
  }
  return parts;
}

bool FieldList::finish() {
  std::ranges::sort(fields_, [](const DecodedField& a, const DecodedField& b) {
    return std::tie(a.name, a.value, a.type) < std::tie(b.name, b.value, b.type);
  });
  const auto same = std::ranges::unique(fields_);
  fields_.erase(same.begin(), same.end());
  for (std::vector<std::string_view>* names : {&unknown_, &unchanged_}) {
    std::ranges::sort(*names);
    const auto twice = std::ranges::unique(*names);
    names->erase(twice.begin(), twice.end());
  }
  return std::ranges::adjacent_find(fields_, {}, &DecodedField::name) == fields_.end();
}

std::span<const DecodedField> FieldList::only(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &DecodedField::name);
  if (found == fields_.end() || !found->value) return {};
  return {&*found, 1};
}

}  // namespace millrace::crm
