#include "apps/mapping/topic_profile.h"

#include <algorithm>
#include <array>

#include "crm/mapping/field_limits.h"

namespace millrace::apps {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kEventHeader = "ChangeEventHeader";

std::string_view text_in(object members, std::string_view name) {
  std::string_view text;
  return members[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool lists_word(object header, std::string_view list_name, std::string_view word) {
  simdjson::dom::array list;
  if (header[list_name].get(list) != simdjson::SUCCESS) return false;
  return std::ranges::any_of(list, [word](element one) {
    std::string_view text;
    return one.get(text) == simdjson::SUCCESS && text == word;
  });
}

/// BillingCity and the like: Kafka Connect's source flattens addresses.
bool is_flat_part(std::string_view name) {
  constexpr std::array<std::string_view, 4> kAddresses{"Billing", "Shipping", "Mailing", "Other"};
  constexpr std::array<std::string_view, 5> kParts{"Street", "City", "State", "PostalCode",
                                                   "Country"};
  return std::ranges::any_of(kAddresses, [&](std::string_view address) {
    if (!name.starts_with(address)) return false;
    return std::ranges::find(kParts, name.substr(address.size())) != kParts.end();
  });
}

/// An object that the decoders take for one value.
bool is_one_value(object members) {
  if (members.size() == 2) {
    return members["scale"].error() == simdjson::SUCCESS &&
           members["value"].error() == simdjson::SUCCESS;
  }
  return members.size() == 1 && (*members.begin()).key.starts_with('$');
}

}  // namespace

TopicProfile::TopicProfile(crm::RawFormat format, std::string_view unavailable_value)
    : format_(format), unavailable_(unavailable_value) {}

void TopicProfile::add(Bytes key, Bytes value) {
  ++records_;
  if (value.is_null()) return;
  schema_.clear();
  last_ = nullptr;
  const Result<element> root = document_.parse(value.view());
  bool is_read = root.ok();
  if (is_read && !root->is_null()) {
    is_read = format_ == crm::RawFormat::kDebezium ? add_debezium(*root) : add_salesforce(*root, 0);
  }
  if (!is_read) ++unreadable_;
  if (last_ != nullptr) add_key(*last_, key);
}

EntityProfile* TopicProfile::entity_of(std::string_view name) {
  auto found = entities_.find(name);
  if (found == entities_.end()) {
    if (entities_.size() >= kEntitiesMax || !crm::is_field_name(name)) return nullptr;
    found = entities_.emplace(name, EntityProfile()).first;
  }
  last_ = &found->second;
  ++last_->records;
  return last_;
}

bool TopicProfile::add_debezium(element root) {
  object envelope;
  if (root.get(envelope) != simdjson::SUCCESS) return false;
  element payload;
  if (envelope["op"].error() != simdjson::SUCCESS &&
      envelope["payload"].get(payload) == simdjson::SUCCESS) {
    if (payload.is_null()) return true;
    element schema;
    if (envelope["schema"].get(schema) == simdjson::SUCCESS) schema_.read(schema, "after");
    if (payload.get(envelope) != simdjson::SUCCESS) return false;
  }
  object source;
  if (text_in(envelope, "op") == "m") return true;
  if (envelope["source"].get(source) != simdjson::SUCCESS) return false;
  std::string_view home = text_in(source, "schema");
  if (home.empty()) home = text_in(source, "db");
  std::string_view table = text_in(source, "table");
  if (table.empty()) table = text_in(source, "collection");
  if (home.empty() || table.empty()) return false;
  EntityProfile* entity = entity_of(std::string(home).append(1, '.').append(table));
  if (entity == nullptr) return true;
  entity->connector = text_in(source, "name");
  return add_row(envelope, *entity);
}

bool TopicProfile::add_row(object envelope, EntityProfile& entity) {
  element after;
  if (envelope["after"].get(after) != simdjson::SUCCESS || after.is_null()) return true;
  object row;
  std::string_view text;  // MongoDB's connector writes documents as JSON text
  if (after.get(text) == simdjson::SUCCESS) {
    const Result<element> document = inner_.parse(text);
    if (!document.ok()) return false;
    after = *document;
  }
  if (after.get(row) != simdjson::SUCCESS) return false;
  ++entity.rows;
  ++entity.full_rows;
  add_columns(entity, row, "", 0);
  return true;
}

bool TopicProfile::add_salesforce(element root, size_t depth) {
  constexpr std::array<std::string_view, 2> kEnvelopes{"data", "payload"};
  object members;
  if (root.get(members) != simdjson::SUCCESS) return root.is_null();
  element inner;
  object header;
  if (members[kEventHeader].get(header) == simdjson::SUCCESS) {
    add_event(members, header);
    return true;
  }
  if (members["schema"].get(inner) == simdjson::SUCCESS && inner.is_object()) {
    ++signs_.connect_schemas;
    schema_.read(inner, "");
  }
  for (const std::string_view name : kEnvelopes) {
    if (depth > kEnvelopes.size() || members[name].get(inner) != simdjson::SUCCESS) continue;
    return add_salesforce(inner, depth + 1);
  }
  return false;
}

void TopicProfile::add_event(object payload, object header) {
  EntityProfile* entity = entity_of(text_in(header, "entityName"));
  if (entity == nullptr) return;
  const std::string_view kind = text_in(header, "changeType");
  if (header["nulledFields"].error() == simdjson::SUCCESS) ++signs_.nulled_lists;
  const bool is_full = kind == "CREATE" || kind == "UNDELETE" || kind == "LOAD";
  if (!is_full && kind != "UPDATE") return;
  ++entity->rows;
  if (is_full) ++entity->full_rows;
  for (const auto [name, value] : payload) {
    if (is_flat_part(name)) ++signs_.flat_parts;
    const bool is_named =
        lists_word(header, "changedFields", name) || lists_word(header, "nulledFields", name);
    if (!is_full && value.is_null() && !is_named) ++signs_.unnamed_nulls;
  }
  add_columns(*entity, payload, "", 0);
}

void TopicProfile::add_columns(EntityProfile& entity, object row, const std::string& prefix,
                               size_t depth) {
  constexpr std::array<std::string_view, 5> kNoFields{kEventHeader, "Id", "ReplayId", "_ObjectType",
                                                      "_EventType"};
  const bool is_salesforce = format_ != crm::RawFormat::kDebezium;
  for (const auto [key, value] : row) {
    const bool is_field =
        !is_salesforce || depth > 0 || std::ranges::find(kNoFields, key) == kNoFields.end();
    if (!is_field || !crm::is_field_name(key)) continue;
    const std::string name = prefix + std::string(key);
    object members;
    const bool is_hole = !is_salesforce && unavailable_.is_in(value);
    if (!is_hole && value.get(members) == simdjson::SUCCESS && !is_one_value(members) &&
        depth < crm::kFieldDepthMax) {
      add_columns(entity, members, name + ".", depth + 1);
      continue;
    }
    auto column = entity.columns.find(name);
    if (column == entity.columns.end()) {
      entity.is_cut |= entity.columns.size() >= kColumnsMax;
      if (entity.is_cut) return;
      column = entity.columns.emplace(name, ColumnProfile()).first;
    }
    if (depth == 0) column->second.schema = schema_.form_of(name);
    if (is_hole) {
      ++column->second.present;
      ++column->second.placeholders;
    } else {
      column->second.add(value);
    }
  }
}

void TopicProfile::add_key(EntityProfile& entity, Bytes key) {
  if (key.is_null()) return;
  const Result<element> root = inner_.parse(key.view());
  object members;
  if (!root.ok() || root->get(members) != simdjson::SUCCESS) return;
  object payload;
  if (members["payload"].get(payload) == simdjson::SUCCESS) members = payload;
  for (const auto [name, value] : members) {
    const bool is_bounded = entity.key_columns.size() < crm::kFieldDepthMax;
    if (is_bounded && crm::is_field_name(name) && !value.is_object()) {
      entity.key_columns.emplace(name);
    }
  }
}

}  // namespace millrace::apps
