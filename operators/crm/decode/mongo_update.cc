#include "crm/decode/mongo_update.h"

#include <algorithm>
#include <string>

#include "crm/mapping/field_limits.h"

namespace millrace::crm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

bool is_index(std::string_view step) {
  return !step.empty() &&
         std::ranges::all_of(step, [](char digit) { return digit >= '0' && digit <= '9'; });
}

/// "lines" of "lines.3.price", which names a place in an array; empty: the name has no index.
std::string_view array_in(std::string_view name) {
  for (size_t from = name.find('.'); from != std::string_view::npos;) {
    const size_t to = std::min(name.find('.', from + 1), name.size());
    if (is_index(name.substr(from + 1, to - from - 1))) return name.substr(0, from);
    from = to == name.size() ? std::string_view::npos : to;
  }
  return {};
}

bool is_part(std::string_view name, std::string_view whole) {
  return name.size() > whole.size() && name.starts_with(whole) && name[whole.size()] == '.';
}

/// Null and missing are the same here. False: it is there, and of another type.
template <class T>
bool get_if_there(object members, std::string_view name, T& out, bool& is_there) {
  element value;
  is_there = members[name].get(value) == simdjson::SUCCESS && !value.is_null();
  return !is_there || value.get(out) == simdjson::SUCCESS;
}

}  // namespace

Result<object> object_or_text(element value, const JsonDocument& document, const JsonPlace& place,
                              JsonDocument& text) {
  object members;
  if (value.get(members) == simdjson::SUCCESS) return members;
  std::string_view json;
  if (value.get(json) != simdjson::SUCCESS) return document.fault(place, "must be an object");
  const Result<element> root = text.parse(json);
  if (!root.ok()) return document.fault(place, "in its text at " + root.message());
  if (root->get(members) == simdjson::SUCCESS) return members;
  return document.fault(place, "must be an object, or the JSON text of one");
}

std::optional<element> mongo_id_in(Bytes key, JsonDocument& document, JsonDocument& text) {
  if (key.is_null()) return std::nullopt;
  const Result<element> root = document.parse(key.view());
  object members;
  if (!root.ok() || root->get(members) != simdjson::SUCCESS) return std::nullopt;
  object payload;
  if (members["payload"].get(payload) == simdjson::SUCCESS) members = payload;
  std::string_view json;
  if (members["id"].get(json) != simdjson::SUCCESS) return std::nullopt;
  const Result<element> id = text.parse(json);
  return id.ok() && !id->is_null() ? std::optional(*id) : std::nullopt;
}

Status MongoUpdate::read(object description, const JsonPlace& place, const EntityMapping& entity) {
  entity_ = &entity;
  leaves_.clear();
  element updated;
  if (description["updatedFields"].get(updated) == simdjson::SUCCESS && !updated.is_null()) {
    const JsonPlace updated_place = place.member("updatedFields");
    const Result<object> members = object_or_text(updated, document_, updated_place, updated_);
    if (!members.ok()) return members.status();
    MILLRACE_RETURN_IF_ERROR(read_updated(*members, updated_place));
  }
  MILLRACE_RETURN_IF_ERROR(read_removed(description, place));
  return read_truncated(description, place);
}

Status MongoUpdate::read_updated(object updated, const JsonPlace& place) {
  std::vector<std::string_view> objects;
  for (const auto [name, value] : updated) {
    const std::string_view array = entity_->find(name) == nullptr ? array_in(name) : "";
    if (!array.empty()) {
      fields_.add_unknown(array);
      continue;
    }
    const size_t known = leaves_.size();
    MILLRACE_RETURN_IF_ERROR(leaf_reader_.read(place.member(name), name, value, leaves_));
    const bool is_one_value = leaves_.size() == known + 1 && leaves_.back().name == name;
    if (value.is_object() && !is_one_value) objects.push_back(name);
  }
  for (const JsonLeaf& leaf : leaves_) MILLRACE_RETURN_IF_ERROR(add(leaf, place));
  for (const std::string_view name : objects) {
    MILLRACE_RETURN_IF_ERROR(add_null_whole(name, place.member(name)));
  }
  return {};
}

Status MongoUpdate::read_removed(object description, const JsonPlace& place) {
  const JsonPlace list_place = place.member("removedFields");
  array names;
  bool is_there = false;
  if (!get_if_there(description, "removedFields", names, is_there)) {
    return document_.fault(list_place, "must be an array");
  }
  if (!is_there) return {};
  for (const element one : names) {
    std::string_view name;
    if (one.get(name) != simdjson::SUCCESS || !is_field_name(name)) {
      return document_.fault(list_place, "must have names of fields");
    }
    const std::string_view array = entity_->find(name) == nullptr ? array_in(name) : "";
    if (!array.empty()) {
      fields_.add_unknown(array);
    } else {
      MILLRACE_RETURN_IF_ERROR(add_null_whole(name, list_place));
    }
  }
  return {};
}

Status MongoUpdate::read_truncated(object description, const JsonPlace& place) {
  const JsonPlace list_place = place.member("truncatedArrays");
  array arrays;
  bool is_there = false;
  if (!get_if_there(description, "truncatedArrays", arrays, is_there)) {
    return document_.fault(list_place, "must be an array");
  }
  if (!is_there) return {};
  for (const element one : arrays) {
    std::string_view name;
    if (one["field"].get(name) != simdjson::SUCCESS || !is_field_name(name)) {
      return document_.fault(list_place, "must name the fields");
    }
    fields_.add_unknown(name);
  }
  return {};
}

/// The field and its mapped parts, but those that have a value now.
Status MongoUpdate::add_null_whole(std::string_view name, const JsonPlace& place) {
  const auto has_leaf = [this](std::string_view part) {
    return std::ranges::find(leaves_, part, &JsonLeaf::name) != leaves_.end();
  };
  for (const auto& [part, field] : entity_->fields) {
    if (is_part(part, name) && !has_leaf(part)) {
      MILLRACE_RETURN_IF_ERROR(add({.name = part}, place));
    }
  }
  return add({.name = name}, place);
}

Status MongoUpdate::add(const JsonLeaf& leaf, const JsonPlace& place) {
  const Status added = fields_.add(leaf);
  return added.ok() ? Status() : Status(document_.fault(place.member(leaf.name), added.message()));
}

}  // namespace millrace::crm
