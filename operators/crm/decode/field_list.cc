#include "crm/decode/field_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "crm/ids.h"

namespace millrace::crm {

void FieldList::begin(const EntityMapping& entity, std::string_view source, TextArena& texts) {
  entity_ = &entity;
  source_ = source;
  texts_ = &texts;
  fields_.clear();
  unknown_.clear();
}

std::optional<std::string_view> FieldList::our_name(std::string_view source_name,
                                                    const FieldMapping* mapped) const {
  if (mapped != nullptr) {
    return mapped->dropped ? std::nullopt : std::optional<std::string_view>(mapped->name);
  }
  if (!entity_->keep_others || entity_->names.contains(source_name)) return std::nullopt;
  return source_name;
}

Status FieldList::add(std::string_view source_name, std::optional<std::string_view> value) {
  const FieldMapping* mapped = entity_->find(source_name);
  const std::optional<std::string_view> name = our_name(source_name, mapped);
  if (!name) return {};
  if (mapped != nullptr && mapped->reference && value) {
    const Result<std::string> local = local_id_(*value);
    if (!local.ok()) return local.status();
    Result<std::string> id = internal_id(source_, *local);
    if (!id.ok()) return id.status();
    value = texts_->keep(*std::move(id));
  }
  fields_.push_back({*name, value});
  return {};
}

void FieldList::add_unknown(std::string_view source_name) {
  const auto name = our_name(source_name, entity_->find(source_name));
  if (name) unknown_.push_back(*name);
}

bool FieldList::finish() {
  std::ranges::sort(fields_, [](const DecodedField& a, const DecodedField& b) {
    return std::tie(a.name, a.value) < std::tie(b.name, b.value);
  });
  const auto same = std::ranges::unique(fields_);
  fields_.erase(same.begin(), same.end());
  std::ranges::sort(unknown_);
  const auto known = std::ranges::unique(unknown_);
  unknown_.erase(known.begin(), known.end());
  return std::ranges::adjacent_find(fields_, {}, &DecodedField::name) == fields_.end();
}

std::span<const DecodedField> FieldList::only(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &DecodedField::name);
  if (found == fields_.end()) return {};
  return {&*found, 1};
}

}  // namespace millrace::crm
